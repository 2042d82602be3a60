#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "cli/helper_internal.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/*
 * A request, a zero byte, a configuration file.
 *
 * - Each is read or refused, with words that a terminal can show.
 * - What would become a scope is a repository's name and nothing else.
 * - Credentials go nowhere by plain http unless the file says so; without a
 *   file, and with no variable set, only to registries that are well known.
 * - The same input leads to the same choice.
 */

static void check_refusal(const struct error *err)
{
    size_t len = strlen(err->message);

    CHECK(err->kind != ERROR_NONE && len > 0);
    CHECK(utf8_valid(err->message, len));
    for (size_t i = 0; i < len; i++) {
        CHECK((unsigned char)err->message[i] >= ' ');
    }
}

static void check_choice(const struct helper_choice *choice,
                         const struct helper_uri *uri,
                         const struct helper_config *config)
{
    if (choice->repository == NULL) {
        return;
    }
    CHECK(oci_path_is_valid(choice->repository));
    CHECK(strpbrk(choice->registry, "/?#@\\% ") == NULL);
    CHECK(choice->https == (strcmp(uri->scheme, "https") == 0));
    CHECK(choice->https || choice->plain_http_allowed ||
          oci_registry_is_loopback(choice->registry));
    CHECK(config != NULL || provider_of(choice->registry)->well_known);
    CHECK((config != NULL) == (choice->url != NULL));
}

static int choose(const struct helper_config *config,
                  const struct helper_uri *uri, struct arena *arena,
                  struct helper_choice *choice)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct helper_notes notes = {HELPER_DEBUG, &text};
    struct error err;
    int result = helper_choose(config, uri, arena, &notes, choice, &err);

    if (result < 0) {
        check_refusal(&err);
    } else {
        check_choice(choice, uri, config);
        CHECK(text.len > 0 || choice->repository != NULL);
    }
    return result;
}

static void check_config(const struct helper_config *config)
{
    CHECK(config->count > 0 && config->count <= LIMIT_HELPER_URLS);
    for (size_t i = 0; i < config->count; i++) {
        const struct helper_url *url = &config->urls[i];

        CHECK(url->helper != NULL && *url->helper != '\0');
        CHECK(url->source_count <= LIMIT_HELPER_SOURCES);
        for (size_t at = 0; at < url->source_count; at++) {
            const char *key;
            struct error err;

            CHECK(credential_source_check(&url->sources[at], &key, &err) == 0);
        }
    }
}

static bool read_config(const char *text, size_t len, struct arena *arena,
                        struct helper_config *config)
{
    struct error err;
    char path[64];
    bool found;
    int fd = memfd_create("config", MFD_CLOEXEC);
    int result;

    CHECK(fd >= 0);
    CHECK(write(fd, text, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    result = helper_config_load(path, arena, config, &found, &err);
    close(fd);
    if (result < 0) {
        check_refusal(&err);
        return false;
    }
    check_config(config);
    return true;
}

static void check_same(const struct helper_choice *a,
                       const struct helper_choice *b)
{
    CHECK(a->url == b->url && strcmp(a->registry, b->registry) == 0);
    CHECK((a->repository == NULL) == (b->repository == NULL));
}

static void leave_environment(void)
{
    static bool left;

    if (!left) {
        left = true;
        CHECK(clearenv() == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = arena_printf(arena, "%.*s", (int)size, (const char *)data);
    size_t rest = strlen(text) < size ? strlen(text) + 1 : size;
    struct helper_choice choice = {0};
    struct helper_choice again = {0};
    struct helper_config config;
    struct helper_uri uri;
    struct error err;

    leave_environment();
    if (helper_uri_parse(text, arena, &uri, &err) < 0) {
        check_refusal(&err);
        uri = (struct helper_uri){"https", "ghcr.io", "/v2/a/b/manifests/1"};
    }
    choose(NULL, &uri, arena, &choice);
    if (read_config((const char *)data + rest, size - rest, arena, &config) &&
        choose(&config, &uri, arena, &choice) == 0) {
        CHECK(choose(&config, &uri, arena, &again) == 0);
        check_same(&choice, &again);
    }
    arena_free(arena);
    return 0;
}
