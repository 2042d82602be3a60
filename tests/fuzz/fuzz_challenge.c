#include <string.h>

#include "fuzz.h"
#include "oci/challenge.h"
#include "waybill/limits.h"

/*
 * The input is a block of headers, one on each line. A line without a name is a
 * WWW-Authenticate.
 *
 * - A Bearer challenge has a realm.
 * - A challenge that was parsed can be written in a plain form, which is parsed
 *   as the same challenge.
 */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void append_parameter(struct str *out, const char *name,
                             const char *value)
{
    if (value == NULL) {
        return;
    }
    str_printf(out, "%s%s=\"", out->data[out->len - 1] == ' ' ? "" : ", ",
               name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            str_append_char(out, '\\');
        }
        str_append_char(out, *value);
    }
    str_append_char(out, '"');
}

static void append_headers(struct str *headers, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        if (memchr(text, ':', len) == NULL) {
            str_append_text(headers, "www-authenticate: ");
        }
        str_append(headers, text, len);
        str_append_char(headers, '\n');
        text += len;
        text += *text == '\n';
    }
}

static void read_headers(const char *text, struct challenge *ret_challenge)
{
    struct http_response response = {.status = 401};

    str_init(&response.headers, STR_UNLIMITED);
    append_headers(&response.headers, text);
    challenge_read(&response, ret_challenge);
    str_release(&response.headers);
}

static void check_again(const struct challenge *challenge)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct challenge same;

    str_append_text(&text,
                    challenge->scheme == AUTH_BEARER ? "Bearer " : "Basic ");
    append_parameter(&text, "realm", challenge->realm);
    append_parameter(&text, "service", challenge->service);
    append_parameter(&text, "scope", challenge->scope);
    read_headers(text.data, &same);
    CHECK(same.scheme == challenge->scheme);
    CHECK(same_text(same.realm, challenge->realm));
    CHECK(same_text(same.service, challenge->service));
    CHECK(same_text(same.scope, challenge->scope));
    challenge_release(&same);
}

static void check(const struct challenge *challenge)
{
    CHECK(challenge->scheme != AUTH_NONE);
    if (challenge->scheme == AUTH_BEARER) {
        CHECK(challenge->realm != NULL && challenge->realm[0] != '\0');
    }
    if (challenge->scheme != AUTH_UNKNOWN) {
        check_again(challenge);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct challenge challenge;

    str_append(&text, data, size);
    read_headers(text.data, &challenge);
    check(&challenge);
    challenge_release(&challenge);
    return 0;
}
