#include "asserts.h"
#include "oci/challenge.h"
#include "waybill/limits.h"

struct parsed {
    const char *value; /* several header lines have '\n' between them */
    enum auth_scheme scheme;
    const char *realm;
    const char *service;
    const char *scope;
};

static const struct parsed challenges[] = {
    {"Bearer realm=\"https://a/t\",service=\"s\",scope=\"c\"", AUTH_BEARER,
     "https://a/t", "s", "c"},
    /* case of scheme and names */
    {"bearer REALM=\"r\",Service=\"s\"", AUTH_BEARER, "r", "s", NULL},
    {"BEARER realm=\"r\"", AUTH_BEARER, "r", NULL, NULL},
    {"bAsIc Realm=\"r\"", AUTH_BASIC, "r", NULL, NULL},
    /* quoted or not, escapes, blanks */
    {"Bearer realm=r,service=s", AUTH_BEARER, "r", "s", NULL},
    {"Bearer realm=https://a/t?x=1,service=s", AUTH_BEARER, "https://a/t?x=1",
     "s", NULL},
    {"Bearer realm=\"a\\\"b\\\\c\",service=s", AUTH_BEARER, "a\"b\\c", "s",
     NULL},
    {"Bearer realm = \"r\" , service\t=\ts", AUTH_BEARER, "r", "s", NULL},
    {"  Bearer   realm=\"r\"  ", AUTH_BEARER, "r", NULL, NULL},
    {"Bearer realm=\"r\",,service=\"s\",", AUTH_BEARER, "r", "s", NULL},
    {", ,Bearer realm=\"r\"", AUTH_BEARER, "r", NULL, NULL},
    {"Bearer realm=\"r\" service=\"s\"", AUTH_BEARER, "r", "s", NULL},
    {"Bearer realm=\"r\",service=\"SUSE Linux Docker Registry\"", AUTH_BEARER,
     "r", "SUSE Linux Docker Registry", NULL},
    /* commas inside */
    {"Bearer realm=\"r\",scope=\"repository:a:pull,push\",service=\"s\"",
     AUTH_BEARER, "r", "s", "repository:a:pull,push"},
    /* missing ones, a query of the realm's own, a relative one */
    {"Bearer realm=\"https://a/t?x=1&y=2\"", AUTH_BEARER, "https://a/t?x=1&y=2",
     NULL, NULL},
    {"Bearer realm=\"/token\"", AUTH_BEARER, "/token", NULL, NULL},
    {"Bearer realm=\"r\",error=\"insufficient_scope\",scope=\"c\"", AUTH_BEARER,
     "r", NULL, "c"},
    {"Bearer realm=\"r\",service=\"\"", AUTH_BEARER, "r", "", NULL},
    /* several in one header, in either order */
    {"Bearer realm=\"x\",service=\"y\", Basic realm=\"z\"", AUTH_BEARER, "x",
     "y", NULL},
    {"Basic realm=\"z\", Bearer realm=\"x\",service=\"y\"", AUTH_BEARER, "x",
     "y", NULL},
    {"Basic realm=\"z\",Bearer realm=\"x\"", AUTH_BEARER, "x", NULL, NULL},
    {"Basic, Bearer realm=\"x\"", AUTH_BEARER, "x", NULL, NULL},
    {"Negotiate, Basic realm=\"z\"", AUTH_BASIC, "z", NULL, NULL},
    {"Negotiate YII==, Basic realm=\"z\"", AUTH_BASIC, "z", NULL, NULL},
    {"Basic realm=\"z\", Negotiate", AUTH_BASIC, "z", NULL, NULL},
    {"Digest realm=\"d\",qop=\"auth\",nonce=\"n\", Bearer realm=\"x\"",
     AUTH_BEARER, "x", NULL, NULL},
    {"Bearer realm=\"x\", Digest realm=\"d\",service=\"e\"", AUTH_BEARER, "x",
     NULL, NULL},
    {"Bearer realm=\"first\", Bearer realm=\"second\"", AUTH_BEARER, "first",
     NULL, NULL},
    /* several header lines */
    {"Negotiate\nBasic realm=\"z\"", AUTH_BASIC, "z", NULL, NULL},
    {"Basic realm=\"z\"\nBearer realm=\"x\",service=\"y\"", AUTH_BEARER, "x",
     "y", NULL},
    {"Bearer realm=\"x\"\nBasic realm=\"z\",service=\"y\"", AUTH_BEARER, "x",
     NULL, NULL},
    {"Basic realm=\"z\"\nNegotiate\nBearer realm=\"x\"\nBasic realm=\"z\"",
     AUTH_BEARER, "x", NULL, NULL},
    /* unusable ones */
    {"", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Negotiate", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Bearer", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Bearer service=\"s\"", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Bearer realm=\"\"", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Bearer realm=\"\", Basic realm=\"z\"", AUTH_BASIC, "z", NULL, NULL},
    {"realm=\"x\"", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"BearerX realm=\"x\"", AUTH_UNKNOWN, NULL, NULL, NULL},
    /* malformed ones end somewhere */
    {"Bearer realm=\"x", AUTH_BEARER, "x", NULL, NULL},
    {"Bearer realm=\"x\\", AUTH_BEARER, "x\\", NULL, NULL},
    {"Bearer realm=", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Bearer realm=\"x\"service=\"y\"", AUTH_BEARER, "x", "y", NULL},
    {"=,=,\"", AUTH_UNKNOWN, NULL, NULL, NULL},
    {"Bearer realm=\"x\xFF\"", AUTH_BEARER, "x\xFF", NULL, NULL},
};

static void append_headers(struct str *headers, const char *value)
{
    str_append_text(headers, "content-type: text/plain\nWWW-Authenticate: ");
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            str_append_text(headers, "\nwww-authenticate: ");
        } else {
            str_append_char(headers, *value);
        }
    }
    str_append_text(headers, "\nx: Bearer realm=\"other header\"\n");
}

static void read_challenge(const char *value, struct challenge *ret_challenge)
{
    struct http_response response = {.status = 401};

    str_init(&response.headers, STR_UNLIMITED);
    append_headers(&response.headers, value);
    challenge_read(&response, ret_challenge);
    str_release(&response.headers);
}

static void challenge__is_the_best_of_what_a_response_offers(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(challenges); i++) {
        const struct parsed *row = &challenges[i];
        struct challenge challenge;

        read_challenge(row->value, &challenge);
        check_number(row->value, challenge.scheme, row->scheme);
        check_text(row->value, challenge.realm, row->realm);
        check_text(row->value, challenge.service, row->service);
        check_text(row->value, challenge.scope, row->scope);
        challenge_release(&challenge);
    }
}

static void challenge__is_nothing_once_it_was_released(void **state)
{
    struct challenge challenge;

    read_challenge("Bearer realm=\"x\"", &challenge);
    challenge_release(&challenge);
    assert_int_equal(challenge.scheme, AUTH_UNKNOWN);
    assert_null(challenge.realm);
    challenge_release(&challenge);
}

static void challenge__passes_over_a_header_that_is_too_long(void **state)
{
    struct http_response response = {.status = 401};
    struct challenge challenge;

    str_init(&response.headers, STR_UNLIMITED);
    str_append_text(&response.headers, "WWW-Authenticate: Bearer realm=\"");
    for (size_t i = 0; i < LIMIT_CHALLENGE; i++) {
        str_append_char(&response.headers, 'x');
    }
    str_append_text(&response.headers,
                    "\"\nWWW-Authenticate: Basic realm=\"z\"\n");
    challenge_read(&response, &challenge);
    assert_int_equal(challenge.scheme, AUTH_BASIC);
    challenge_release(&challenge);
    str_release(&response.headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenge__is_the_best_of_what_a_response_offers),
        cmocka_unit_test(challenge__is_nothing_once_it_was_released),
        cmocka_unit_test(challenge__passes_over_a_header_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
