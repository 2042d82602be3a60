#include "asserts.h"
#include "waybill/digest.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* FIPS 180-2, appendix B */
static void digest__is_sha256_as_oci_writes_it(void **state)
{
    struct digest digest;

    digest_of("abc", 3, &digest);
    assert_string_equal(digest.text, "sha256:" ABC);
    assert_string_equal(digest_hex(&digest), ABC);
    digest_of("", 0, &digest);
    assert_string_equal(digest.text, "sha256:" EMPTY);
}

static void digest__reads_what_it_writes(void **state)
{
    struct digest digest;

    assert_true(digest_parse("sha256:" ABC, &digest));
    assert_string_equal(digest.text, "sha256:" ABC);
}

static const char *const bad[] = {
    "",
    "sha256:",
    ABC,
    "sha256:" ABC "0",
    "sha256:b" EMPTY,
    "sha256:a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "SHA256:" ABC,
    "sha512:" ABC,
    "sha256-" ABC,
    "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
    "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a ",
    " sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
};

static void digest__refuses_whatever_else_and_leaves_its_result(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct digest digest = {.text = "as it was"};

        check(bad[i], !digest_parse(bad[i], &digest));
        check_text(bad[i], digest.text, "as it was");
    }
}

struct plausible {
    const char *text;
    bool is;
};

static const struct plausible plausibles[] = {
    {"sha256:" ABC, true},
    {"sha384:abc", true}, /* not one that OCI registers */
    {"sha512:" ABC EMPTY, true},
    {"sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564=", true},
    {"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", true},
    {"sha256:" ABC "0", false},
    {"sha256:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
     false},
    {"", false},
    {"sha256", false},
    {"sha256:", false},
    {":abc", false},
    {"Sha256:abc", false},
    {"sha 256:abc", false},
    {"sha256:ab c", false},
    {"sha256:ab/c", false},
    {"sha256:a:b", false},
    {"sha256:\xC3\xA9", false},
};

static void digest__is_plausible_when_it_looks_registered(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(plausibles); i++) {
        check_number(plausibles[i].text,
                     digest_is_plausible(plausibles[i].text), plausibles[i].is);
    }
}

static void digest__names_its_library(void **state)
{
    assert_true(strlen(digest_library_version()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest__is_sha256_as_oci_writes_it),
        cmocka_unit_test(digest__reads_what_it_writes),
        cmocka_unit_test(digest__refuses_whatever_else_and_leaves_its_result),
        cmocka_unit_test(digest__is_plausible_when_it_looks_registered),
        cmocka_unit_test(digest__names_its_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
