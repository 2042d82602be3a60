#include "asserts.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

struct written {
    const char *text;
    const char *go;
    const char *plain; /* NULL: the same */
};

static const struct written strings[] = {
    {"", "\"\"", NULL},
    {"plain /'`=", "\"plain /'`=\"", NULL},
    {"\"\\", "\"\\\"\\\\\"", NULL},
    {"\n\r\t", "\"\\n\\r\\t\"", NULL},
    /* Go 1.21: no short form of these two */
    {"\b\f", "\"\\u0008\\u000c\"", NULL},
    {"\x01\x1F\x7F", "\"\\u0001\\u001f\x7F\"", "\"\\u0001\\u001f\\u007f\""},
    {"<a&b>", "\"\\u003ca\\u0026b\\u003e\"", "\"<a&b>\""},
    {"\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA",
     "\"\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA\"",
     "\"\xE2\x80\xA7\\u2028\\u2029\\u202a\""},
    /* C1, an override of the writing direction, a tag: characters that a
     * terminal interprets */
    {"\xC2\x9B\xE2\x80\xAE\xF3\xA0\x81\x81",
     "\"\xC2\x9B\xE2\x80\xAE\xF3\xA0\x81\x81\"",
     "\"\\u009b\\u202e\\udb40\\udc41\""},
    {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
     "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", NULL},
    {"a" UTF8_NUL "b", "\"a\\u0000b\"", NULL},
    {UTF8_NUL, "\"\\u0000\"", NULL},
    /* stray bytes */
    {"\xFF", "\"\xEF\xBF\xBD\"", NULL},
    {"a\xE2\x82", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"", NULL},
    {"\xC0", "\"\xEF\xBF\xBD\"", NULL},
    {"\xC0z", "\"\xEF\xBF\xBDz\"", NULL},
    {UTF8_REPLACEMENT, "\"\xEF\xBF\xBD\"", NULL},
};

static void json_write__escapes_as_go_1_21_does(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

        json_append_go_string(&out, strings[i].text);
        check_text(strings[i].text, out.data, strings[i].go);
    }
}

static void json_write__escapes_only_what_it_must_elsewhere(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        const struct written *row = &strings[i];
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct json_writer json = {.out = &out};

        json_append_string(&json, NULL, row->text);
        check_text(row->text, out.data, row->plain ? row->plain : row->go);
    }
}

static void json_write__puts_commas_where_they_belong(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &out};

    json_open(&json, NULL, '{');
    json_open(&json, "empty", '{');
    json_close(&json, '}');
    json_open(&json, "list", '[');
    json_append_integer(&json, NULL, 1);
    json_open(&json, NULL, '[');
    json_close(&json, ']');
    json_append_string(&json, NULL, "x");
    json_open(&json, NULL, '{');
    json_append_bool(&json, "y", false);
    json_close(&json, '}');
    json_close(&json, ']');
    json_append_optional(&json, "absent", NULL);
    json_append_optional(&json, "present", "");
    json_append_integer(&json, "least", INT64_MIN);
    json_append_integer(&json, "most", INT64_MAX);
    json_append_bool(&json, "yes", true);
    json_append_raw(&json, "raw", "[null]", 6);
    json_close(&json, '}');
    assert_string_equal(out.data,
                        "{\"empty\":{},\"list\":[1,[],\"x\",{\"y\":false}],"
                        "\"present\":\"\",\"least\":-9223372036854775808,"
                        "\"most\":9223372036854775807,\"yes\":true,"
                        "\"raw\":[null]}");
}

static void json_write__escapes_names_too(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &out};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "a\"\n", true);
    json_close(&json, '}');
    assert_string_equal(out.data, "{\"a\\\"\\n\":true}");
}

static void json_write__is_read_back_as_it_was(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(strings) - 5; i++) {
        const struct written *row = &strings[i];
        struct error err;
        struct json *json;

        check_number(row->text,
                     json_parse(row->go, strlen(row->go), &json, &err), 0);
        check_text(row->text, json_text(json), row->text);
        json_free(json);
    }
}

static void json_write__writes_what_was_read_as_it_was(void **state)
{
    static const char *const values[] = {
        "{}",
        "[]",
        "null",
        "[true,false,null,\"\",{\"a\":{\"b\":[[]]},\"\":1}]",
        "\"q\\\"\\\\\\n\\u0001\\u0000 \303\251\"",
        ("[0,-1,0.1,1.5,1e+100,123456789012345,9007199254740993,3."
         "14159265358979]"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct json_writer writer = {.out = &out};
        struct error err;
        struct json *json;

        check_number(values[i],
                     json_parse(values[i], strlen(values[i]), &json, &err), 0);
        json_append_value(&writer, NULL, json);
        json_free(json);
        if (strstr(values[i], "9007199254740993") != NULL) {
            /* A double cannot represent it. */
            check_contains(values[i], out.data, ",9007199254740992,");
        } else {
            check_text(values[i], out.data, values[i]);
        }
    }
}

static void json_write__has_no_word_for_what_is_beyond_a_double(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &out};
    struct error err;
    struct json *json;

    assert_return_code(json_parse("{\"a\":1e999}", 11, &json, &err), 0);
    json_append_value(&writer, NULL, json);
    json_free(json);
    assert_string_equal(out.data, "{\"a\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_write__escapes_as_go_1_21_does),
        cmocka_unit_test(json_write__escapes_only_what_it_must_elsewhere),
        cmocka_unit_test(json_write__puts_commas_where_they_belong),
        cmocka_unit_test(json_write__escapes_names_too),
        cmocka_unit_test(json_write__is_read_back_as_it_was),
        cmocka_unit_test(json_write__writes_what_was_read_as_it_was),
        cmocka_unit_test(json_write__has_no_word_for_what_is_beyond_a_double),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
