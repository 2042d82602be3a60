#include "asserts.h"
#include "waybill/sign.h"

/* Its signature was made by plain arithmetic: Python's pow() of the padded
 * digest with the private exponent. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sign__both_forms_of_a_key_make_the_same_token),
        cmocka_unit_test(
            sign__a_key_that_will_not_do_is_refused_without_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
