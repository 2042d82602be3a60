#include <string.h>

#include "credentials/aws_host.h"
#include "credentials/aws_text.h"
#include "credentials/google_key.h"
#include "fuzz.h"
#include "waybill/arena.h"
#include "waybill/http.h"

/*
 * The parsers for responses and files of clouds:
 *
 * - STS's XML: a value that is found is no longer than the input.
 * - A shared credentials file: a key that is accepted can be a header.
 * - A key file: credentials that are accepted are complete.
 * - A registry's name: the results are valid names.
 */

static void check_xml(const char *text)
{
    static const char *const path[] = {"a", "b", NULL};
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    if (aws_xml_text(text, path, &out)) {
        CHECK(out.len < strlen(text));
        CHECK(strlen(out.data) == out.len);
    }
}

static void check_profile(const char *text)
{
    struct aws_keys keys = {0};
    struct error err;

    if (aws_profile_read(text, "default", &keys, &err) == AWS_PROFILE_FOUND) {
        const char *secret = secret_text(&keys.secret);
        const char *session = secret_text(&keys.session);

        CHECK(keys.id[0] != '\0' && http_value_is_plain(keys.id));
        CHECK(secret[0] != '\0' && http_value_is_plain(secret));
        CHECK(session == NULL || http_value_is_plain(session));
    }
    aws_keys_release(&keys);
}

static void check_key(const char *text)
{
    struct google_key key;
    struct error err;

    if (google_key_parse(text, strlen(text), &key, &err) == 0) {
        CHECK(key.token_uri != NULL);
        CHECK(secret_text(key.is_user ? &key.refresh_token
                                      : &key.private_key) != NULL);
        google_key_release(&key);
    }
}

static void check_place(const char *text)
{
    struct aws_host host;

    if (aws_host_parse(text, &host)) {
        CHECK(strncmp(host.api, "https://", 8) == 0);
        CHECK(strpbrk(host.api + 8, "/:@?# ") == NULL);
        CHECK(strpbrk(host.sts + 8, "/:@?# ") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = arena_printf(arena, "%.*s", (int)size, (const char *)data);

    check_xml(text);
    check_profile(text);
    check_key(text);
    check_place(text);
    arena_free(arena);
    return 0;
}
