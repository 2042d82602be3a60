#include "asserts.h"
#include "credentials/google_key.h"
#include "waybill/base64.h"

static int parse(const char *text, struct google_key *key, struct error *err)
{
    return google_key_parse(text, strlen(text), key, err);
}

static void google_key__a_file_is_read_or_says_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *fault; /* NULL: none */
    } rows[] = {
        {"{\"type\":\"service_account\",\"client_email\":\"a@b\","
         "\"private_key\":\"k\"}",
         NULL},
        {"{\"type\":\"authorized_user\",\"client_id\":\"i\","
         "\"client_secret\":\"s\",\"refresh_token\":\"r\"}",
         NULL},
        {"{\"type\":\"authorized_user\",\"client_id\":\"i\"}",
         "$.client_secret: is missing"},
        {"{\"type\":\"service_account\",\"client_email\":\"a@b\"}",
         "$.private_key: is missing"},
        {"{\"type\":\"service_account\",\"client_email\":7}", "$.client_email"},
        {"{\"type\":\"service_account\",\"client_email\":\"a@b\","
         "\"private_key\":\"k\",\"token_uri\":\"http://example.com/\"}",
         "is not https"},
        {"{\"type\":\"external_account\"}", "workload identity federation"},
        {"{\"type\":\"impersonated_service_account\"}",
         "use a service account's key"},
        {"{}", "$.type: is missing"},
        {"[]", "an object"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct google_key key = {0};
        struct error err = ERROR_UNTOUCHED;
        int result = parse(rows[i].text, &key, &err);

        check_number(rows[i].text, result, rows[i].fault ? -1 : 0);
        if (rows[i].fault != NULL) {
            check_contains(rows[i].text, err.message, rows[i].fault);
        } else {
            check_text(rows[i].text, key.token_uri,
                       "https://oauth2.googleapis.com/token");
        }
        google_key_release(&key);
    }
}

/* The claims of a token, as text */
static void read_claims(const char *token, struct str *out)
{
    const char *begin = strchr(token, '.') + 1;
    const char *end = strchr(begin, '.');

    assert_true(base64_decode(begin, (size_t)(end - begin),
                              BASE64_URL_SAFE | BASE64_UNPADDED, out));
}

static void google_key__a_token_says_whose_for_whom_and_until_when(void **state)
{
    static const char *const scopes[] = {"one", "two"};
    static const struct {
        struct credential_source spec;
        const char *claims;
    } rows[] = {
        {{.audience = "https://r"},
         "{\"iss\":\"a@b\",\"iat\":1000,\"exp\":4600,\"sub\":\"a@b\","
         "\"aud\":\"https://r\"}"},
        {{.scopes = {scopes, 2}},
         "{\"iss\":\"a@b\",\"iat\":1000,\"exp\":4600,\"sub\":\"a@b\","
         "\"scope\":\"one two\"}"},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct google_key key = {.email = (char *)"a@b"};

    key.private_key = fixture_text(arena, "keys/rsa2048.key.pem");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str token = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str claims = STR_INIT(STR_UNLIMITED);
        struct error err;

        assert_return_code(
            google_key_jwt(&key, &rows[i].spec, 1000, &token, &err), 0);
        read_claims(token.data, &claims);
        check_text("claims", claims.data, rows[i].claims);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(google_key__a_file_is_read_or_says_what_is_wrong),
        cmocka_unit_test(
            google_key__a_token_says_whose_for_whom_and_until_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
