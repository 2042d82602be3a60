#include "asserts.h"
#include "waybill/utf8.h"

struct character {
    const char *bytes;
    size_t length;
};

/* RFC 3629, section 4: the limits of every range */
static const struct character characters[] = {
    {"a", 1},
    {"\x7F", 1},
    {"\x80", 0},
    {"\xBF", 0},
    {"\xC0\x80", 0},
    {"\xC1\xBF", 0},
    {"\xC2\x80", 2},
    {"\xDF\xBF", 2},
    {"\xC2", 0},
    {"\xC2z", 0},
    {"\xC2\xC2", 0},
    {"\xE0\x9F\xBF", 0},
    {"\xE0\xA0\x80", 3},
    {"\xE1\x80\x80", 3},
    {"\xE1\x80", 0},
    {"\xE1\x80z", 0},
    {"\xED\x9F\xBF", 3},
    {"\xED\xA0\x80", 0},
    {"\xED\xBF\xBF", 0},
    {"\xEE\x80\x80", 3},
    {"\xEF\xBF\xBF", 3},
    {"\xF0\x8F\xBF\xBF", 0},
    {"\xF0\x90\x80\x80", 4},
    {"\xF1\x80\x80\x80", 4},
    {"\xF1\x80\x80", 0},
    {"\xF1\x80\x80z", 0},
    {"\xF1\x80z\x80", 0},
    {"\xF4\x8F\xBF\xBF", 4},
    {"\xF4\x90\x80\x80", 0},
    {"\xF5\x80\x80\x80", 0},
    {"\xFE", 0},
    {"\xFF", 0},
};

static void utf8__has_a_length_for_each_character_of_rfc_3629(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
        const struct character *row = &characters[i];

        check_number(
            row->bytes,
            utf8_length((const unsigned char *)row->bytes, strlen(row->bytes)),
            row->length);
        check_number(row->bytes, utf8_valid(row->bytes, strlen(row->bytes)),
                     row->length > 0);
    }
    assert_int_equal(utf8_length((const unsigned char *)"", 0), 0);
    assert_int_equal(utf8_length((const unsigned char *)"\0", 1), 1);
}

static void utf8__is_valid_only_as_a_whole(void **state)
{
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0\xE2\x82\xAC", 5));
    assert_false(utf8_valid("a\xE2\x82\xAC", 3));
    assert_false(utf8_valid("abc\xFF", 4));
}

static void utf8__comes_back_as_it_was_put(void **state)
{
    static const uint32_t points[] = {1,      0x7F,    0x80,    0x7FF,
                                      0x800,  0xD7FF,  0xE000,  0xFFFD,
                                      0xFFFF, 0x10000, 0x10FFFF};
    static const char *const bytes[] = {"\x01",
                                        "\x7F",
                                        "\xC2\x80",
                                        "\xDF\xBF",
                                        "\xE0\xA0\x80",
                                        "\xED\x9F\xBF",
                                        "\xEE\x80\x80",
                                        "\xEF\xBF\xBD",
                                        "\xEF\xBF\xBF",
                                        "\xF0\x90\x80\x80",
                                        "\xF4\x8F\xBF\xBF"};

    for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(8);

        utf8_append(&out, points[i]);
        check_text(bytes[i], out.data, bytes[i]);
    }
}

struct printable {
    const char *text;
    size_t max;
    const char *shown;
};

static const struct printable printables[] = {
    {"plain", 100, "plain"},
    {"", 100, ""},
    {"a\nb\tc\x1B[31m\x7F", 100, "a b c [31m "},
    {"\xC3\xA9\xFFx", 100, "\xC3\xA9" UTF8_REPLACEMENT "x"},
    {"\xC0\x80", 100, UTF8_REPLACEMENT UTF8_REPLACEMENT},
    {"abcdef", 3, "abc"},
    {"abcdef", 0, ""},
    {"ab\xE2\x82\xAC", 4, "ab"},
    {"ab\xE2\x82\xAC", 5, "ab\xE2\x82\xAC"},
    {"ab\xFF", 4, "ab"},
    {"ab\xFFz", 5, "ab" UTF8_REPLACEMENT},
};

static void utf8__is_shown_without_stray_bytes_and_controls(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(printables); i++) {
        const struct printable *row = &printables[i];
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

        str_append_text(&out, "> ");
        utf8_append_printable(&out, row->text, strlen(row->text), row->max);
        check_text(row->text, out.data + 2, row->shown);
    }
}

/* U+009B is CSI in one character, which terminals interpret. */
static void utf8__is_shown_without_the_controls_above_ascii(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    utf8_append_printable(&out, "a\xC2\x80\xC2\x9B\xC2\x9Fz\xC2\xA0", 10, 100);
    assert_string_equal(out.data, "a   z\xC2\xA0");
}

static void utf8__is_shown_without_what_reorders_it(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    utf8_append_printable(&out, "a\xE2\x80\xAEz\xE2\x81\xA6\xD8\x9C.", 11, 100);
    assert_string_equal(out.data, "a z  .");
}

static void utf8__escapes_what_a_terminal_would_obey(void **state)
{
    static const char *const rows[][2] = {
        {"line\n\ttab", "line\n\ttab"},
        {"\x1B[2J\r\x7F", "\\u001b[2J\\u000d\\u007f"},
        {"\xC2\x9B"
         "1m",
         "\\u009b1m"},
        {"\xE2\x80\xAE\xE2\x81\xA6\xD8\x9C", "\\u202e\\u2066\\u061c"},
        {"\xE2\x80\x8B\xEF\xBB\xBF", "\\u200b\\ufeff"},
        {"\xF3\xA0\x81\x81", "\\udb40\\udc41"},
        {"\xC3\xA9\xFF\xF0\x9F\x98\x80",
         "\xC3\xA9" UTF8_REPLACEMENT "\xF0\x9F\x98\x80"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

        utf8_append_escaped(&out, rows[i][0], strlen(rows[i][0]));
        check_text(rows[i][0], out.data, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8__has_a_length_for_each_character_of_rfc_3629),
        cmocka_unit_test(utf8__is_valid_only_as_a_whole),
        cmocka_unit_test(utf8__comes_back_as_it_was_put),
        cmocka_unit_test(utf8__is_shown_without_stray_bytes_and_controls),
        cmocka_unit_test(utf8__is_shown_without_the_controls_above_ascii),
        cmocka_unit_test(utf8__is_shown_without_what_reorders_it),
        cmocka_unit_test(utf8__escapes_what_a_terminal_would_obey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
