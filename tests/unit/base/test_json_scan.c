#include "asserts.h"
#include "waybill/json.h"
#include "waybill/limits.h"

struct good {
    const char *text;
    const char *clean;
    size_t end; /* 0: all of the text */
};

static const struct good goods[] = {
    {"{}", "{}", 0},
    {"[]", "[]", 0},
    {"\"\"", "\"\"", 0},
    {"null", "null", 0},
    {"true", "true", 0},
    {"false", "false", 0},
    {"0", "0", 0},
    {"-0", "-0", 0},
    {"10", "10", 0},
    {"-12.50e+3", "-12.50e+3", 0},
    {"1E5", "1E5", 0},
    {"1e-07", "1e-07", 0},
    {"[1,2]", "[1,2]", 0},
    {"{\"a\":{\"b\":[true,null]}}", "{\"a\":{\"b\":[true,null]}}", 0},
    /* white space is removed, also before the value */
    {" \t\r\n{ \"a\" :\n1 , \"b\":[ 1 ,2\t] }", "{\"a\":1,\"b\":[1,2]}", 0},
    {"[ ]", "[]", 0},
    {"{\n}", "{}", 0},
    /* text after the value is not examined */
    {"{} x", "{}", 2},
    {"{}{}", "{}", 2},
    {"1 ", "1", 1},
    {"nullx", "null", 4},
    {"01", "0", 1},
    {"1.2.3", "1.2", 3},
    /* escapes become characters, except for those that JSON must escape */
    {"\"\\\"\\\\\\/\"", "\"\\\"\\\\/\"", 0},
    {"\"\\b\\f\\n\\r\\t\"", "\"\\u0008\\u000c\\u000a\\u000d\\u0009\"", 0},
    {"\"\\u0041\\u00e9\\u20AC\"", "\"A\xC3\xA9\xE2\x82\xAC\"", 0},
    {"\"\\u0022\\u005c\\u001f\"", "\"\\\"\\\\\\u001f\"", 0},
    {"\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"", 0},
    {"\"\\uDBFF\\uDFFF\"", "\"\xF4\x8F\xBF\xBF\"", 0},
    {"\"\x7F\"", "\"\x7F\"", 0},
    {"\"\\uFFFD\\uFFFF\"", "\"\xEF\xBF\xBD\xEF\xBF\xBF\"", 0},
    /* U+0000 is encoded as in utf8.h, also in names */
    {"\"a\\u0000b\"",
     "\"a\xC0\x80"
     "b\"",
     0},
    {"{\"\\u0000\":\"\\u0000\"}", "{\"\xC0\x80\":\"\xC0\x80\"}", 0},
    /* an unpaired surrogate is U+FFFD, and what follows is scanned by itself */
    {"\"\\ud83d\"", "\"\xEF\xBF\xBD\"", 0},
    {"\"\\ude00\"", "\"\xEF\xBF\xBD\"", 0},
    {"\"\\ud83dx\"", "\"\xEF\xBF\xBDx\"", 0},
    {"\"\\ud83d\\n\"", "\"\xEF\xBF\xBD\\u000a\"", 0},
    {"\"\\ud83d\\u0041\"",
     "\"\xEF\xBF\xBD"
     "A\"",
     0},
    {"\"\\ud83d\\ud83d\\ude00\"", "\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"", 0},
    {"\"\\ude00\\ud83d\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", 0},
    /* each invalid byte is one U+FFFD, as in Go */
    {"\"\xFF\"", "\"\xEF\xBF\xBD\"", 0},
    {"\"\xC3\"", "\"\xEF\xBF\xBD\"", 0},
    {"\"\xE2\x82\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", 0},
    {"\"\xC0\x80\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", 0},
    {"\"\xED\xA0\x80\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", 0},
    {"\"\xF4\x90\x80\x80\"",
     "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", 0},
    {"{\"\xFF\":1}", "{\"\xEF\xBF\xBD\":1}", 0},
};

static void json_scan__writes_a_clean_copy(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
        const struct good *row = &goods[i];
        CLEANUP(str_release) struct str clean = STR_INIT(STR_UNLIMITED);
        struct error err = ERROR_UNTOUCHED;
        size_t len = strlen(row->text);
        size_t end = 99;

        check_number(row->text, json_scan(row->text, len, &clean, &end, &err),
                     0);
        check_untouched(row->text, &err);
        check_text(row->text, clean.data, row->clean);
        check_number(row->text, end, row->end > 0 ? row->end : len);
        end = 99;
        check_number(row->text, json_scan(row->text, len, NULL, &end, &err), 0);
        check_number(row->text, end, row->end > 0 ? row->end : len);
    }
}

static void json_scan__appends_to_the_copy(void **state)
{
    CLEANUP(str_release) struct str clean = STR_INIT(STR_UNLIMITED);
    struct error err;
    size_t end;

    assert_int_equal(json_scan("1", 1, &clean, &end, &err), 0);
    assert_int_equal(json_scan(" 2", 2, &clean, &end, &err), 0);
    assert_string_equal(clean.data, "12");
}

struct bad {
    const char *text;
    size_t len; /* 0: up to its NUL */
    size_t end;
    const char *why;
};

static const struct bad bads[] = {
    {"", 0, 0, "ends early, at byte 0"},
    {"  \n", 0, 3, "ends early, at byte 3"},
    {"{", 0, 1, "ends early"},
    {"[", 0, 1, "ends early"},
    {"[1", 0, 2, "ends early"},
    {"[1,", 0, 3, "ends early"},
    {"{\"a\"", 0, 4, "ends early"},
    {"{\"a\":", 0, 5, "ends early"},
    {"{\"a\":1", 0, 6, "ends early"},
    {"\"", 0, 1, "ends early"},
    {"\"abc", 0, 4, "ends early"},
    {"\"\\", 0, 2, "ends early"},
    {"\"\\u", 0, 3, "ends early"},
    {"\"\\u12", 0, 5, "ends early"},
    {"\"\\ud83d\\u", 0, 9, "ends early"},
    {"tru", 0, 3, "ends early"},
    {"-", 0, 1, "ends early"},
    {"1.", 0, 2, "ends early"},
    {"1e", 0, 2, "ends early"},
    {"1e+", 0, 3, "ends early"},
    {"x", 0, 0, "unexpected character at byte 0"},
    {"nul1", 0, 3, "unexpected character at byte 3"},
    {"True", 0, 0, "unexpected character"},
    {"NaN", 0, 0, "unexpected character"},
    {"Infinity", 0, 0, "unexpected character"},
    {"-Infinity", 0, 1, "unexpected character"},
    {"+1", 0, 0, "unexpected character"},
    {".5", 0, 0, "unexpected character"},
    {"-.5", 0, 1, "unexpected character"},
    {"1.e3", 0, 2, "bad number at byte 2"},
    {"[1.]", 0, 3, "bad number at byte 3"},
    {"1ex", 0, 2, "bad number"},
    {"[01]", 0, 2, "expected ',' or ']' at byte 2"},
    {"[0x1]", 0, 2, "expected ',' or ']'"},
    {"[1,]", 0, 3, "unexpected character at byte 3"},
    {"[,1]", 0, 1, "unexpected character"},
    {"[1 2]", 0, 3, "expected ',' or ']'"},
    {"[1}", 0, 2, "expected ',' or ']'"},
    {"]", 0, 0, "unexpected character"},
    {"{]", 0, 1, "expected a string"},
    {"{a:1}", 0, 1, "expected a string"},
    {"{'a':1}", 0, 1, "expected a string"},
    {"{1:1}", 0, 1, "expected a string"},
    {"{\"a\" 1}", 0, 5, "expected ':'"},
    {"{\"a\":1,}", 0, 7, "expected a string"},
    {"{\"a\":1 \"b\":2}", 0, 7, "expected ',' or '}'"},
    {"{,}", 0, 1, "expected a string"},
    {"'a'", 0, 0, "unexpected character"},
    {"// c\n1", 0, 0, "unexpected character"},
    {"[/**/]", 0, 1, "unexpected character"},
    {"\"\\x41\"", 0, 2, "bad escape at byte 2"},
    {"\"\\'\"", 0, 2, "bad escape"},
    {"\"\\U0041\"", 0, 2, "bad escape"},
    {"\"\\0\"", 0, 2, "bad escape"},
    {"\"\\\n\"", 0, 2, "bad escape"},
    {"\"\\u00g0\"", 0, 5, "bad \\u escape at byte 5"},
    {"\"\\u-123\"", 0, 3, "bad \\u escape"},
    {"\"\\u 123\"", 0, 3, "bad \\u escape"},
    {"\"\\ud83d\\uZZZZ\"", 0, 9, "bad \\u escape"},
    {"\"a\nb\"", 0, 2, "control character in a string at byte 2"},
    {"\"a\tb\"", 0, 2, "control character"},
    {"\"\x1F\"", 0, 1, "control character"},
    {"\"a\0b\"", 5, 2, "control character in a string at byte 2"},
    {"\"\\\0\"", 4, 2, "bad escape"},
    {"\0", 1, 0, "unexpected character at byte 0"},
    {" \0 1", 4, 1, "unexpected character at byte 1"},
    {"[1\0]", 4, 2, "expected ',' or ']'"},
    {"\xEF\xBB\xBF{}", 0, 0, "unexpected character at byte 0"},
    {"\xFF", 0, 0, "unexpected character"},
    {"[\xC2\xA0]", 0, 1, "unexpected character"},
    {"[\f1]", 0, 1, "unexpected character"},
    {"[1\v]", 0, 2, "expected ',' or ']'"},
};

static void json_scan__refuses_what_rfc_8259_does_not_have(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
        const struct bad *row = &bads[i];
        size_t len = row->len > 0 ? row->len : strlen(row->text);
        /* A block of the exact size, so that the sanitizer detects a read
         * beyond it. */
        char *text = malloc(len + (len == 0));
        struct error err;
        size_t end = 99;

        memcpy(text, row->text, len);
        check_number(row->text, json_scan(text, len, NULL, &end, &err), -1);
        check_kind(row->text, &err, ERROR_SCHEMA);
        check_contains(row->text, err.message, "not JSON: ");
        check_contains(row->text, err.message, row->why);
        check_number(row->text, end, row->end);
        free(text);
    }
}

static void append_many(struct str *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        str_append_text(out, text);
    }
}

static int scan_nested(const char *open, const char *inner, const char *close,
                       size_t depth, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    size_t end;

    append_many(&text, open, depth);
    str_append_text(&text, inner);
    append_many(&text, close, depth);
    return json_scan(text.data, text.len, NULL, &end, err);
}

static void json_scan__goes_as_deep_as_the_cap_and_no_deeper(void **state)
{
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(scan_nested("[", "", "]", LIMIT_JSON_DEPTH, &err), 0);
    assert_int_equal(scan_nested("{\"a\":", "1", "}", LIMIT_JSON_DEPTH, &err),
                     0);
    assert_untouched(&err);
    assert_int_equal(scan_nested("[", "", "]", LIMIT_JSON_DEPTH + 1, &err), -1);
    assert_error_kind(&err, ERROR_SCHEMA);
    assert_message_contains(&err, "nested more than 512 levels deep");
    assert_int_equal(
        scan_nested("{\"a\":", "1", "}", LIMIT_JSON_DEPTH + 1, &err), -1);
    assert_int_equal(scan_nested("[", "", "", 1000000, &err), -1);
    assert_message_contains(&err, "nested more than");
}

static void json_scan__may_stand_side_by_side_at_any_depth(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct error err = ERROR_UNTOUCHED;
    size_t end;

    str_append_text(&text, "[[]");
    append_many(&text, ",[[]]", LIMIT_JSON_DEPTH * 2);
    str_append_text(&text, "]");
    assert_int_equal(json_scan(text.data, text.len, NULL, &end, &err), 0);
}

static int scan_zeros(size_t count, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    size_t end;

    str_append_text(&text, "[0");
    append_many(&text, ",0", count - 1);
    str_append_text(&text, "]");
    return json_scan(text.data, text.len, NULL, &end, err);
}

static void json_scan__takes_so_many_values_and_no_more(void **state)
{
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(scan_zeros(LIMIT_JSON_VALUES - 1, &err), 0);
    assert_untouched(&err);
    assert_int_equal(scan_zeros(LIMIT_JSON_VALUES, &err), -1);
    assert_error_kind(&err, ERROR_SCHEMA);
    assert_message_contains(&err, "more than 65536 values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_scan__writes_a_clean_copy),
        cmocka_unit_test(json_scan__appends_to_the_copy),
        cmocka_unit_test(json_scan__refuses_what_rfc_8259_does_not_have),
        cmocka_unit_test(json_scan__goes_as_deep_as_the_cap_and_no_deeper),
        cmocka_unit_test(json_scan__may_stand_side_by_side_at_any_depth),
        cmocka_unit_test(json_scan__takes_so_many_values_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
