#include <string.h>

#include "credentials/docker_config.h"
#include "fuzz.h"

/*
 * The first line is a registry and the path of a repository, separated by a
 * space; the rest is the config.
 *
 * - The config is refused with a reason, or the result is a helper,
 *   credentials, or nothing.
 * - A second lookup has the same result.
 * - The reason of a refusal does not contain the offending value.
 */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void check_entry(const struct docker_entry *entry)
{
    const struct credential *is = &entry->credential;

    CHECK((entry->helper != NULL) == (entry->via != NULL));
    CHECK(entry->helper == NULL || entry->helper[0] != '\0');
    CHECK(credential_is_empty(is) || secret_text(&is->password) != NULL ||
          secret_text(&is->identity_token) != NULL ||
          secret_text(&is->registry_token) != NULL);
    /* The lookup decides which of them applies. */
    CHECK((secret_text(&is->password) != NULL) +
              (secret_text(&is->identity_token) != NULL) +
              (secret_text(&is->registry_token) != NULL) <=
          1);
    CHECK(is->file == NULL && is->origin == NULL);
}

static void check_same(const struct docker_entry *a,
                       const struct docker_entry *b)
{
    CHECK(same_text(a->helper, b->helper));
    CHECK(same_text(a->credential.username, b->credential.username));
    CHECK(secret_equal(&a->credential.password, &b->credential.password));
    CHECK(secret_equal(&a->credential.identity_token,
                       &b->credential.identity_token));
    CHECK(secret_equal(&a->credential.registry_token,
                       &b->credential.registry_token));
}

static void check_reason(const struct error *err)
{
    CHECK(err->kind != ERROR_NONE && err->message[0] != '\0');
    for (const char *at = err->message; *at != '\0'; at++) {
        CHECK(*at >= ' ' && *at < 0x7F);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct docker_entry first = {0};
    struct docker_entry second = {0};
    struct error err = {0};
    char *registry;
    char *config;
    char *path;
    size_t len;

    str_append(&text, data, size);
    if (memchr(text.data, '\n', text.len) == NULL) {
        return 0;
    }
    registry = text.data;
    config = memchr(text.data, '\n', text.len);
    *config++ = '\0';
    path = strchr(registry, ' ');
    if (path != NULL) {
        *path++ = '\0';
    }
    len = text.len - (size_t)(config - text.data);
    if (docker_config_lookup(config, len, registry, path, &first, &err) < 0) {
        check_reason(&err);
        CHECK(docker_config_lookup(config, len, registry, path, &second, &err) <
              0);
        return 0;
    }
    check_entry(&first);
    CHECK(docker_config_lookup(config, len, registry, path, &second, &err) ==
          0);
    check_same(&first, &second);
    docker_entry_release(&first);
    docker_entry_release(&second);
    return 0;
}
