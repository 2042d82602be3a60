#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/fake_http.h"
#include "cli/credential_helper.h"
#include "fuzz.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/oci.h"
#include "waybill/utf8.h"

/*
 * A URI, a zero byte, and a configuration file. Every registry permits
 * anonymous access, so no source of credentials is queried.
 *
 * - Each input is accepted, or refused with a message that a terminal can show.
 * - A scope contains the name of a repository and nothing else.
 * - Plain http is used only if the file permits it or for this machine; without
 *   a file, and without variables, only well-known registries are contacted.
 * - The same input leads to the same decision.
 */

#define TARGET "registry '"
#define SCOPE "', repository:"

static bool has_file;
static bool file_has_scheme; /* only so it can allow plain http */

static struct fake_reply answer_anybody(const struct http_transfer *asked)
{
    CHECK(strncmp(asked->name, "GET http", 8) == 0);
    CHECK(strstr(asked->headers, "Authorization") == NULL);
    return (struct fake_reply){.status = 200};
}

static void check_refusal(const struct error *err)
{
    size_t len = strlen(err->message);

    CHECK(err->kind != ERROR_NONE && len > 0);
    CHECK(utf8_valid(err->message, len));
    for (size_t i = 0; i < len; i++) {
        CHECK((unsigned char)err->message[i] >= ' ');
    }
}

/* The notes name where credentials may be sent: "registry 'R',
 * repository:P:pull" */
static void check_target(const char *line, const char *uri)
{
    char *registry = mem_strdup(line + strlen(TARGET));
    char *scope = strstr(registry, SCOPE);
    char *path;

    CHECK(scope != NULL);
    *scope = '\0';
    path = scope + strlen(SCOPE);
    CHECK(strchr(path, ':') != NULL);
    *strchr(path, ':') = '\0';
    CHECK(oci_path_is_valid(path));
    CHECK(strpbrk(registry, "/?#@\\% ") == NULL);
    CHECK(has_file || provider_of(registry)->well_known);
    CHECK(file_has_scheme || oci_registry_is_loopback(registry) ||
          strncasecmp(uri, "https://", 8) == 0);
    mem_free(registry);
}

static int get(const char *uri, struct helper_answer *answer)
{
    CLEANUP(str_release) struct str request = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &request};
    const char *target;
    struct error err;
    int result;

    json_open(&json, NULL, '{');
    json_append_string(&json, "uri", uri);
    json_close(&json, '}');
    result = helper_get(request.data, request.len, answer, &err);
    target = strstr(answer->notes.data, TARGET);
    if (target != NULL) {
        check_target(target, uri);
    }
    if (result < 0) {
        check_refusal(&err);
    } else {
        CHECK(strstr(secret_text(&answer->json), "{\"headers\":{") ==
              secret_text(&answer->json));
        CHECK(target != NULL ||
              strcmp(secret_text(&answer->json), "{\"headers\":{}}\n") == 0);
    }
    return result;
}

static int get_twice(const char *uri)
{
    CLEANUP(helper_answer_release)
    struct helper_answer one = HELPER_ANSWER_INIT;
    CLEANUP(helper_answer_release)
    struct helper_answer again = HELPER_ANSWER_INIT;
    int result = get(uri, &one);

    CHECK(get(uri, &again) == result);
    CHECK(secret_equal(&one.json, &again.json));
    CHECK(strcmp(one.notes.data, again.notes.data) == 0);
    return result;
}

static void leave_environment(void)
{
    static bool left;

    if (!left) {
        left = true;
        CHECK(clearenv() == 0);
        CHECK(setenv("CREDENTIAL_HELPER_LOGGING", "debug", 1) == 0);
        CHECK(setenv("HOME", "/nonexistent", 1) == 0);
        fake_reply_by(answer_anybody);
    }
}

static void use_file(int fd, const uint8_t *data, size_t len)
{
    char path[64] = "/nonexistent";

    has_file = fd >= 0;
    file_has_scheme = has_file && memmem(data, len, "scheme", 6) != NULL;
    if (has_file) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    CHECK(setenv("CREDENTIAL_HELPER_CONFIG_FILE", path, 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str uri = STR_INIT(STR_UNLIMITED);
    size_t rest;
    int fd = memfd_create("config", MFD_CLOEXEC);

    str_append(&uri, data, strnlen((const char *)data, size));
    rest = uri.len < size ? uri.len + 1 : size;
    leave_environment();
    use_file(-1, NULL, 0);
    if (get_twice(uri.data) < 0) {
        str_clear(&uri);
        str_append_text(&uri, "https://ghcr.io/v2/a/b/manifests/1");
    }
    CHECK(write(fd, data + rest, size - rest) == (ssize_t)(size - rest));
    use_file(fd, data + rest, size - rest);
    get_twice(uri.data);
    close(fd);
    return 0;
}
