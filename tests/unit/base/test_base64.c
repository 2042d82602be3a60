#include "asserts.h"
#include "waybill/base64.h"

struct text {
    const char *encoded;
    unsigned flags;
    const char *decoded; /* NULL: it is not base64 */
};

/* The results of Go's StdEncoding and URLEncoding */
static const struct text texts[] = {
    {"", BASE64_STANDARD, ""},
    {"Zg==", BASE64_STANDARD, "f"},
    {"Zm8=", BASE64_STANDARD, "fo"},
    {"Zm9v", BASE64_STANDARD, "foo"},
    {"Zm9vYmFy", BASE64_STANDARD, "foobar"},
    {"+/+/", BASE64_STANDARD, "\xFB\xFF\xBF"},
    {"-_-_", BASE64_URL_SAFE, "\xFB\xFF\xBF"},
    {"+/+/", BASE64_URL_SAFE, NULL},
    {"-_-_", BASE64_STANDARD, NULL},
    {"+_+_", BASE64_STANDARD, NULL},
    {"+_+_", BASE64_URL_SAFE, NULL},
    /* line breaks are allowed anywhere, other white space is not */
    {"Z\nm\r9\nv\r\n", BASE64_STANDARD, "foo"},
    {"\r\n\r\n", BASE64_STANDARD, ""},
    {"Zg=\n=\n", BASE64_STANDARD, "f"},
    {"Zg\r\n==", BASE64_STANDARD, "f"},
    {"Zm 9v", BASE64_STANDARD, NULL},
    {"Zm9v ", BASE64_STANDARD, NULL},
    {"\tZm9v", BASE64_STANDARD, NULL},
    /* unused bits are ignored */
    {"Zh==", BASE64_STANDARD, "f"},
    {"Zm9=", BASE64_STANDARD, "fo"},
    /* padding: complete, at the end, and followed by nothing */
    {"Zg", BASE64_STANDARD, NULL},
    {"Zg=", BASE64_STANDARD, NULL},
    {"Zm8", BASE64_STANDARD, NULL},
    {"Zm8==", BASE64_STANDARD, NULL},
    {"Zg===", BASE64_STANDARD, NULL},
    {"Z", BASE64_STANDARD, NULL},
    {"Z===", BASE64_STANDARD, NULL},
    {"=", BASE64_STANDARD, NULL},
    {"====", BASE64_STANDARD, NULL},
    {"Zm9v=", BASE64_STANDARD, NULL},
    {"Zm9v====", BASE64_STANDARD, NULL},
    {"Zg==Zg==", BASE64_STANDARD, NULL},
    {"Zg=g", BASE64_STANDARD, NULL},
    {"Zg==\nZg==", BASE64_STANDARD, NULL},
    {"Zm9vY", BASE64_STANDARD, NULL},
    {"Zm9*", BASE64_STANDARD, NULL},
    {"Zm9\xC3", BASE64_STANDARD, NULL},
    /* one of two alphabets, but not a mixture */
    {"Zm9v", BASE64_STANDARD | BASE64_URL_SAFE, "foo"},
    {"+/+/", BASE64_STANDARD | BASE64_URL_SAFE, "\xFB\xFF\xBF"},
    {"-_-_", BASE64_STANDARD | BASE64_URL_SAFE, "\xFB\xFF\xBF"},
    {"Zm9v_w==", BASE64_STANDARD | BASE64_URL_SAFE, "foo\xFF"},
    {"+_+_", BASE64_STANDARD | BASE64_URL_SAFE, NULL},
    {"-/-/", BASE64_STANDARD | BASE64_URL_SAFE, NULL},
    {"Zm8", BASE64_STANDARD | BASE64_URL_SAFE, NULL},
    /* padding that may be missing, as a whole or in part */
    {"", BASE64_STANDARD | BASE64_UNPADDED, ""},
    {"Zg", BASE64_STANDARD | BASE64_UNPADDED, "f"},
    {"Zg=", BASE64_STANDARD | BASE64_UNPADDED, "f"},
    {"Zg==", BASE64_STANDARD | BASE64_UNPADDED, "f"},
    {"Zm8", BASE64_STANDARD | BASE64_UNPADDED, "fo"},
    {"Zm8=\n", BASE64_STANDARD | BASE64_UNPADDED, "fo"},
    {"Zm9v", BASE64_STANDARD | BASE64_UNPADDED, "foo"},
    {"Z", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"Zm9vZ", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"=", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"Zm9v=", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"Zg===", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"Zg=g", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"-_8", BASE64_STANDARD | BASE64_UNPADDED, NULL},
    {"-_8", BASE64_URL_SAFE | BASE64_UNPADDED, "\xFB\xFF"},
};

static void base64__reads_what_go_reads(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct text *row = &texts[i];
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        size_t len = strlen(row->encoded);
        bool good = base64_decode(row->encoded, len, row->flags, &out);

        check_number(row->encoded, good, row->decoded != NULL);
        check_number(row->encoded,
                     base64_decode(row->encoded, len, row->flags, NULL), good);
        if (good) {
            check_bytes(row->encoded, out.data, out.len, row->decoded,
                        strlen(row->decoded));
        }
    }
}

static void base64__appends(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    str_append_text(&out, "a");
    assert_true(base64_decode("AAA=", 4, BASE64_STANDARD, &out));
    base64_encode(&out, "f", 1);
    check_bytes("appended", out.data, out.len, "a\0\0Zg==", 7);
}

static void base64__refuses_a_nul(void **state)
{
    assert_false(base64_decode("Zm9v\0Zm9", 8, BASE64_STANDARD, NULL));
}

static void base64__comes_back_as_it_was_written(void **state)
{
    unsigned char data[70];

    for (size_t len = 0; len <= sizeof(data); len++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str back = STR_INIT(STR_UNLIMITED);

        for (size_t i = 0; i < len; i++) {
            data[i] = (unsigned char)(i * 37 + len * 101);
        }
        base64_encode(&text, data, len);
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_true(base64_decode(text.data, text.len, BASE64_STANDARD, &back));
        check_bytes(text.data, back.data, back.len, data, len);
    }
}

static void base64__writes_the_standard_alphabet(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    base64_encode(&out, "\xFB\xFF\xBF", 3);
    base64_encode(&out, "fo", 2);
    assert_string_equal(out.data, "+/+/Zm8=");
}

static void base64url__is_written_without_padding(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    str_append_text(&out, "==+/");
    base64url_encode(&out, "", 0);
    assert_string_equal(out.data, "==+/");
    base64url_encode(&out, "\xFB\xFF\xBF", 3);
    base64url_encode(&out, "f", 1);
    base64url_encode(&out, "fo", 2);
    assert_string_equal(out.data, "==+/-_-_ZgZm8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64__reads_what_go_reads),
        cmocka_unit_test(base64__appends),
        cmocka_unit_test(base64__refuses_a_nul),
        cmocka_unit_test(base64__comes_back_as_it_was_written),
        cmocka_unit_test(base64__writes_the_standard_alphabet),
        cmocka_unit_test(base64url__is_written_without_padding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
