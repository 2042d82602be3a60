#include "asserts.h"
#include "waybill/limits.h"
#include "waybill/sign.h"

/* The expected signature was computed with plain arithmetic: Python's pow() of
 * the padded digest with the private exponent. */
static const char token_text[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJpc3MiOiJtZSJ9."
    "PKgzW6vz-NoKC44kKpH9JKdpXKII8-8ZrD-"
    "dyQ25GKa4xOs3Ge74otiJHBWL2bhRN0xLzKNOGzb"
    "ADyuzPq1oFxdy1XGggOx6Hky80civa-SyaQ7tIFu2YRDCAtRHgegsi_7WCivHZk-"
    "RgP2ZHm1x5Z"
    "W3ITqnk09P5S2P3xcsMblnhpTnc7clkRpQnDu4-"
    "pkj1x44DcxVybMYF2DsSnujGs0yGPCwGMbCa"
    "S36JNx8wzRyQHC2qzHjDWq5h0USGayOLhOBHuQL8xT_6UHGJoqBn6JtU_dLfS12_"
    "L7yMauSuKwZ"
    "VvyNtYSGhRR2AXiw593GIiMGlX2fzF8Fj4qGzEe4pg";

static void sign__both_forms_of_a_key_make_the_same_token(void **state)
{
    static const char *const keys[] = {"keys/rsa2048.key.pem",
                                       "keys/rsa2048-pkcs1.key.pem"};
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct error err = ERROR_UNTOUCHED;

        check_number(keys[i],
                     sign_jwt(fixture_text(arena, keys[i]), "k1",
                              "{\"iss\":\"me\"}", &out, &err),
                     0);
        check_untouched(keys[i], &err);
        check_text(keys[i], out.data, token_text);
    }
}

static void sign__a_key_that_will_not_do_is_refused_without_its_text(
    void **state)
{
    static const struct {
        const char *file;
        const char *why;
    } rows[] = {
        {"keys/rsa1024.key.pem", "2048 bits"},
        {"keys/ecdsa-p256.key.pem", "not an RSA key"},
        {"keys/rsa2048-encrypted.key.pem", "passphrase"},
        {"keys/ed25519.pem", "not PEM"},
        {"keys/README.md", "not PEM"},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct error err;

        check_number(
            rows[i].file,
            sign_jwt(fixture_text(arena, rows[i].file), NULL, "{}", &out, &err),
            -1);
        check_kind(rows[i].file, &err, ERROR_AUTH);
        check_contains(rows[i].file, err.message, rows[i].why);
        check_number(rows[i].file, out.len, 0);
    }
}

static void jwt__says_what_its_middle_part_holds(void **state)
{
    static const struct {
        const char *token;
        const char *issuer; /* NULL: it is not a token */
    } rows[] = {
        {token_text, "me"},
        {"a.eyJpc3MiOiJtZSJ9.c", "me"},
        {".eyJpc3MiOiJtZSJ9.", "me"},
        {"a.eyJpc3MiOiJ5b3UifQ.c", "you"},
        {"a.eyJpc3MiOiJ5b3UifQ==.c", "you"},
        {"a.e30.c", NULL},
        {"a.bm8.c", NULL},
        {"a..c", NULL},
        {"a.*.c", NULL},
        {"eyJpc3MiOiJtZSJ9", NULL},
        {"a.eyJpc3MiOiJtZSJ9", NULL},
        {"a.eyJpc3MiOiJtZSJ9.c.d", NULL},
        {"a.eyJpc3MiOiJtZSJ9.c.d.e", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json *claims = jwt_claims(rows[i].token);

        check_text(rows[i].token, json_text(json_member(claims, "iss")),
                   rows[i].issuer);
        json_free(claims);
    }
}

static void jwt__is_not_longer_than_a_token_may_be(void **state)
{
    CLEANUP(str_release) struct str token = STR_INIT(STR_UNLIMITED);
    struct json *claims;

    str_append_text(&token, "a.eyJpc3MiOiJtZSJ9.");
    while (token.len < LIMIT_TOKEN) {
        str_append_char(&token, 'c');
    }
    claims = jwt_claims(token.data);
    assert_non_null(claims);
    json_free(claims);
    str_append_char(&token, 'c');
    assert_null(jwt_claims(token.data));
}

/* The first one is in the tests of every library of Standard Webhooks; the
 * others were computed with Python's hmac. */
static const struct {
    const char *secret;
    const char *id;
    int64_t timestamp_s;
    const char *body;
    size_t len;
    const char *signature;
} messages[] = {
    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
     1614265330, "{\"test\": 2432232314}", 20,
     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
     1614265330, "{\"test\": 2432232314}", 20,
     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDE"
     "yMzQ1Njc4OTo7PD0+Pw==",
     "msg_1", -1, "", 0, "v1,ZxxAee4gwhPG+rb+28AMjfA9E7Lr8mFyP2UfC5XrraM="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "msg_2", 1674087231, "a\0b", 3,
     "v1,INvwGe0g0mf39aaykSlYDusIDvF08+PAaVggyiY5Pl0="},
};

static void sign__a_webhook_has_the_signature_that_others_verify(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct bytes body = {(const unsigned char *)messages[i].body,
                             messages[i].len};
        struct error err = ERROR_UNTOUCHED;

        check_number(messages[i].id,
                     sign_webhook(messages[i].secret, messages[i].id,
                                  messages[i].timestamp_s, body, &out, &err),
                     0);
        check_untouched(messages[i].id, &err);
        check_text(messages[i].id, out.data, messages[i].signature);
    }
}

static void sign__a_webhook_is_not_signed_with_what_is_no_secret(void **state)
{
    static const char *const secrets[] = {
        "",
        "whsec_",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", /* 23 bytes */
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyM"
         "zQ1Njc4OTo7PD0+P0A="), /* 65 */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa$w",
        "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    };

    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct error err;

        check_number(secrets[i],
                     sign_webhook(secrets[i], "a", 1, bytes_of(""), &out, &err),
                     -1);
        check_kind(secrets[i], &err, ERROR_CONFIG);
        check_contains(secrets[i], err.message, "24 to 64 bytes in base64");
        check_number(secrets[i], out.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sign__both_forms_of_a_key_make_the_same_token),
        cmocka_unit_test(
            sign__a_key_that_will_not_do_is_refused_without_its_text),
        cmocka_unit_test(sign__a_webhook_has_the_signature_that_others_verify),
        cmocka_unit_test(sign__a_webhook_is_not_signed_with_what_is_no_secret),
        cmocka_unit_test(jwt__says_what_its_middle_part_holds),
        cmocka_unit_test(jwt__is_not_longer_than_a_token_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
