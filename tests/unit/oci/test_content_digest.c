#include "asserts.h"
#include "oci/content_digest.h"

#define HEX "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"
#define UPPER "9834876DCFB05CB167A5C24953EBA58C4AC89B1ADF57F28F2F9D09AF107EE8F0"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"
#define NAME "Docker-Content-Digest: "

static void digests__are_compared_where_they_can_be(void **state)
{
    static const struct {
        const char *headers;
        enum content_digest result;
    } rows[] = {
        {"", CONTENT_DIGEST_UNKNOWN},
        {NAME "\n", CONTENT_DIGEST_UNKNOWN},
        {NAME "\"\"\n", CONTENT_DIGEST_UNKNOWN},
        {NAME "\"\n", CONTENT_DIGEST_UNKNOWN},
        {NAME "sha512:" HEX HEX "\n", CONTENT_DIGEST_UNKNOWN},
        {NAME "\"sha512:" HEX HEX "\"\n", CONTENT_DIGEST_UNKNOWN},
        {NAME HEX "\n", CONTENT_DIGEST_UNKNOWN},
        {NAME "sha256:" HEX "\n", CONTENT_DIGEST_SAME},
        {NAME "\"sha256:" HEX "\"\n", CONTENT_DIGEST_SAME},
        {NAME "SHA256:" UPPER "\n", CONTENT_DIGEST_SAME},
        {"docker-content-digest:sha256:" HEX "\n", CONTENT_DIGEST_SAME},
        {NAME "sha256:" OTHER "\n", CONTENT_DIGEST_OTHER},
        {NAME "\"sha256:" OTHER "\"\n", CONTENT_DIGEST_OTHER},
        {NAME "sha256:" HEX "0\n", CONTENT_DIGEST_OTHER},
        {NAME "sha256:\n", CONTENT_DIGEST_OTHER},
    };
    struct digest digest;

    assert_true(digest_parse("sha256:" HEX, &digest));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct http_response response = {.status = 201};

        str_init(&response.headers, STR_UNLIMITED);
        str_append_text(&response.headers, rows[i].headers);
        check_number(rows[i].headers,
                     content_digest_compare(&response, &digest),
                     rows[i].result);
        str_release(&response.headers);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests__are_compared_where_they_can_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
