#include "asserts.h"

#include <cjson/cJSON.h>
#include <malloc.h>
#include <math.h>

#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

static struct json *parsed(const char *text)
{
    struct json *json = NULL;
    struct error err = ERROR_UNTOUCHED;

    check_number(text, json_parse(text, strlen(text), &json, &err), 0);
    check_untouched(text, &err);
    return json;
}

static void free_json(struct json **json)
{
    json_free(*json);
}

#define DOCUMENT CLEANUP(free_json) struct json *

static void json__takes_white_space_around_the_value_and_nothing_else(
    void **state)
{
    static const char *const bad[] = {"{} x", "{}{}",  "{},", "{}]",
                                      "01",   "nullx", "{}\v"};
    DOCUMENT good = parsed(" \t\r\n{} \t\r\n");

    assert_true(json_is_object(good));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json *json = good;
        struct error err;

        check_number(bad[i], json_parse(bad[i], strlen(bad[i]), &json, &err),
                     -1);
        check_kind(bad[i], &err, ERROR_SCHEMA);
        check_contains(bad[i], err.message,
                       "more text after the value, at byte");
        check(bad[i], json == good);
    }
}

static void json__refuses_a_nul_behind_the_value(void **state)
{
    struct json *json = NULL;
    struct error err;

    assert_int_equal(json_parse("{}\0", 3, &json, &err), -1);
    assert_null(json);
    assert_int_equal(json_parse("{} \0\0", 5, &json, &err), -1);
    assert_null(json);
}

static void json__names_the_type_of_a_value(void **state)
{
    static const char *const texts[][2] = {
        {"{}", "an object"},    {"[]", "an array"}, {"\"\"", "a string"},
        {"1", "a number"},      {"null", "null"},   {"true", "a boolean"},
        {"false", "a boolean"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        DOCUMENT json = parsed(texts[i][0]);

        check_text(texts[i][0], json_type_name(json), texts[i][1]);
        check_number(texts[i][0], json_is_object(json), i == 0);
        check_number(texts[i][0], json_is_array(json), i == 1);
        check_number(texts[i][0], json_is_string(json), i == 2);
        check_number(texts[i][0], json_is_null(json), i == 4);
        check_number(texts[i][0], json_text(json) != NULL, i == 2);
    }
    assert_string_equal(json_type_name(NULL), "nothing");
    assert_false(json_is_object(NULL));
    assert_false(json_is_array(NULL));
    assert_false(json_is_string(NULL));
    assert_false(json_is_null(NULL));
    assert_null(json_text(NULL));
}

static void json__counts_the_last_of_a_key_given_twice(void **state)
{
    DOCUMENT json = parsed("{\"a\":1,\"b\":\"x\",\"a\":\"last\",\"A\":2}");

    assert_string_equal(json_text(json_member(json, "a")), "last");
    assert_int_equal(json_count(json), 4);
    assert_null(json_member(json, "c"));
    assert_null(json_member(json_member(json, "a"), "c"));
    assert_null(json_member(NULL, "a"));
}

static void json__goes_through_members_and_elements_in_order(void **state)
{
    DOCUMENT object = parsed("{\"b\":1,\"a\":2}");
    DOCUMENT array = parsed("[\"x\",\"y\"]");
    DOCUMENT empty = parsed("[]");
    const struct json *item = json_first(object);

    assert_string_equal(json_name(item), "b");
    assert_string_equal(json_name(json_next(item)), "a");
    assert_null(json_next(json_next(item)));
    item = json_first(array);
    assert_null(json_name(item));
    assert_string_equal(json_text(json_next(item)), "y");
    assert_null(json_first(empty));
    assert_int_equal(json_count(empty), 0);
}

static void json__keeps_every_character_of_a_string(void **state)
{
    DOCUMENT json = parsed("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\","
                           "\"a\\u0000b\",\"\\ud800\",\"\xFF\","
                           "\"\\ud83d\\ude00\",\"\\\\u0041\"]");
    static const char *const expected[] = {
        "\"\\/\b\f\n\r\t\x1F", "a" UTF8_NUL "b",   UTF8_REPLACEMENT,
        UTF8_REPLACEMENT,      "\xF0\x9F\x98\x80", "\\u0041",
    };
    size_t i = 0;

    for (const struct json *item = json_first(json); item != NULL;
         item = json_next(item)) {
        check_text(expected[i], json_text(item), expected[i]);
        i++;
    }
    assert_int_equal(i, ARRAY_SIZE(expected));
}

struct number {
    const char *text;
    double value;
};

static const struct number numbers[] = {
    {"0", 0},
    {"-0", 0},
    {"1", 1},
    {"-12.5e1", -125},
    {"9007199254740991", 9007199254740991.0},
    {"1e400", INFINITY},
    {"-1e400", -INFINITY},
    {"1e-400", 0},
    /* longer than the 63 characters that cJSON reads */
    {"1000000000000000000000000000000000000000000000000000000000000000000000",
     1e69},
    {"0.00000000000000000000000000000000000000000000000000000000000000000001",
     1e-68},
    {"-123456789012345678901234567890123456789012345678901234567890123456789",
     -123456789012345678901234567890123456789012345678901234567890123456789.0},
    {"1.0000000000000000000000000000000000000000000000000000000000000000000e5",
     1e5},
};

static void json__keeps_numbers_as_far_as_a_double_does(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        DOCUMENT json = parsed(numbers[i].text);
        double value = 7;

        check(numbers[i].text, json_number(json, &value));
        check(numbers[i].text, value == numbers[i].value ||
                                   fabs(value / numbers[i].value - 1) < 1e-15);
    }
}

static void json__survives_very_long_numbers(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    double value = 7;

    str_append_text(&text, "[1");
    for (int i = 0; i < 5000; i++) {
        str_append_char(&text, '0');
    }
    str_append_text(&text, ",\"behind\"]");
    {
        DOCUMENT json = parsed(text.data);

        assert_true(json_number(json_first(json), &value));
        assert_true(isinf(value));
        assert_string_equal(json_text(json_next(json_first(json))), "behind");
    }
}

static void json__leaves_the_number_when_it_is_none(void **state)
{
    DOCUMENT json = parsed("\"1\"");
    double value = 7;

    assert_false(json_number(json, &value));
    assert_false(json_number(NULL, &value));
    assert_true(value == 7);
}

static void json__builds_whatever_the_scanner_lets_through(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    for (int i = 0; i < LIMIT_JSON_DEPTH; i++) {
        str_append_text(&text, i % 2 ? "[" : "{\"a\":");
    }
    str_append_text(&text, "1");
    for (int i = LIMIT_JSON_DEPTH - 1; i >= 0; i--) {
        str_append_text(&text, i % 2 ? "]" : "}");
    }
    {
        DOCUMENT json = parsed(text.data);

        assert_true(json_is_object(json));
    }
}

/* --- locations ------------------------------------------------------------ */

static void json_at__says_where_a_fault_is(void **state)
{
    DOCUMENT json = parsed("{\"data\":{\"list\":[1,{\"x\":2}]}}");
    struct json_at root = json_at_root(json);
    struct json_at data = json_at_member(&root, "data");
    struct json_at list = json_at_member(&data, "list");
    struct json_at second =
        json_at_element(&list, json_next(json_first(list.value)), 1);
    struct json_at x = json_at_member(&second, "x");
    struct json_at gone = json_at_member(&x, "gone");
    struct error err;

    assert_int_equal(json_at_fault(&x, &err, ERROR_DIGEST_MISMATCH, "is %d", 2),
                     -1);
    assert_error_kind(&err, ERROR_DIGEST_MISMATCH);
    assert_string_equal(err.message, "$.data.list[1].x: is 2");
    json_at_fault(&root, &err, ERROR_SCHEMA, "bad");
    assert_string_equal(err.message, "$: bad");
    assert_null(gone.value);
    assert_int_equal(json_at_require(&gone, &err), -1);
    assert_string_equal(err.message, "$.data.list[1].x.gone: is missing");
}

static void json_at__takes_null_for_absent(void **state)
{
    DOCUMENT json = parsed("{\"a\":null}");
    struct json_at root = json_at_root(json);
    struct json_at a = json_at_member(&root, "a");
    const char *text = "as it was";
    struct error err = ERROR_UNTOUCHED;

    assert_null(a.value);
    assert_int_equal(json_at_object(&a, &err), 0);
    assert_int_equal(json_at_array(&a, 0, &err), 0);
    assert_int_equal(json_at_string(&a, 0, &text, &err), 0);
    assert_string_equal(text, "as it was");
    assert_untouched(&err);
    assert_int_equal(json_at_require(&a, &err), -1);
    assert_error_kind(&err, ERROR_SCHEMA);
}

static void json_at__expects_a_type(void **state)
{
    DOCUMENT json = parsed("{\"s\":\"x\",\"o\":{},\"a\":[1,2],\"n\":1}");
    struct json_at root = json_at_root(json);
    struct json_at s = json_at_member(&root, "s");
    struct json_at o = json_at_member(&root, "o");
    struct json_at a = json_at_member(&root, "a");
    struct json_at n = json_at_member(&root, "n");
    const char *text = "as it was";
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(json_at_object(&o, &err), 0);
    assert_int_equal(json_at_array(&a, 2, &err), 0);
    assert_int_equal(json_at_require(&n, &err), 0);
    assert_untouched(&err);
    assert_int_equal(json_at_object(&a, &err), -1);
    assert_string_equal(err.message, "$.a: expected an object, not an array");
    assert_int_equal(json_at_array(&o, 9, &err), -1);
    assert_string_equal(err.message, "$.o: expected an array, not an object");
    assert_int_equal(json_at_string(&n, 9, &text, &err), -1);
    assert_string_equal(err.message, "$.n: expected a string, not a number");
    assert_string_equal(text, "as it was");
    assert_int_equal(json_at_array(&a, 1, &err), -1);
    assert_string_equal(err.message, "$.a: more than 1 elements");
    assert_error_kind(&err, ERROR_SCHEMA);
    err = (struct error)ERROR_UNTOUCHED;
    assert_int_equal(json_at_string(&s, 1, &text, &err), 0);
    assert_string_equal(text, "x");
    assert_untouched(&err);
}

static void json_at__holds_a_string_to_its_cap_and_refuses_u_0000(void **state)
{
    DOCUMENT json = parsed("{\"long\":\"12345\",\"nul\":\"a\\u0000\"}");
    struct json_at root = json_at_root(json);
    struct json_at longer = json_at_member(&root, "long");
    struct json_at nul = json_at_member(&root, "nul");
    const char *text = "as it was";
    struct error err;

    assert_int_equal(json_at_string(&longer, 4, &text, &err), -1);
    assert_string_equal(err.message, "$.long: longer than 4 bytes");
    assert_int_equal(json_at_string(&nul, 9, &text, &err), -1);
    assert_string_equal(err.message, "$.nul: holds U+0000");
    assert_string_equal(text, "as it was");
    assert_int_equal(json_at_string(&longer, 5, &text, &err), 0);
    assert_string_equal(text, "12345");
}

static void json_at__reads_true_and_false_and_nothing_else(void **state)
{
    DOCUMENT json = parsed("{\"yes\":true,\"no\":false,\"one\":1}");
    struct json_at root = json_at_root(json);
    struct json_at yes = json_at_member(&root, "yes");
    struct json_at no = json_at_member(&root, "no");
    struct json_at one = json_at_member(&root, "one");
    struct json_at none = json_at_member(&root, "none");
    bool read = false;
    struct error err;

    assert_int_equal(json_at_boolean(&yes, &read, &err), 0);
    assert_true(read);
    assert_int_equal(json_at_boolean(&none, &read, &err), 0);
    assert_int_equal(json_at_boolean(&one, &read, &err), -1);
    assert_string_equal(err.message,
                        "$.one: expected true or false, not a number");
    assert_true(read);
    assert_int_equal(json_at_boolean(&no, &read, &err), 0);
    assert_false(read);
}

static void json__may_be_nothing_when_it_is_freed(void **state)
{
    json_free(NULL);
    assert_true(strlen(json_library_version()) > 0);
}

/* --- secrets -------------------------------------------------------------- */

static unsigned left_behind;

static void look_and_free(void *block)
{
    if (block != NULL && memmem(block, malloc_usable_size(block), "hunter2",
                                strlen("hunter2")) != NULL) {
        left_behind++;
    }
    free(block);
}

static void json__leaves_no_secret_behind(void **state)
{
    static const char text[] =
        "{\"a\": \"hunter2\", \"b\": [[{\"c\": \"hunter2\"}], \"x\"],"
        " \"d\": 1, \"e\": null, \"f\": \"\"}";
    cJSON_Hooks hooks = {malloc, look_and_free};
    struct json *json;
    struct error err;

    cJSON_InitHooks(&hooks);
    left_behind = 0;
    assert_int_equal(json_parse_secret(text, strlen(text), &json, &err), 0);
    assert_string_equal(json_text(json_member(json, "a")), "hunter2");
    assert_true(json_is_object(json));
    json_free(json);
    assert_int_equal(left_behind, 0);
    /* Makes sure that the search would find it. */
    assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
    json_free(json);
    assert_int_equal(left_behind, 2);
    assert_int_equal(json_parse_secret("{", 1, &json, &err), -1);
    cJSON_InitHooks(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            json__takes_white_space_around_the_value_and_nothing_else),
        cmocka_unit_test(json__refuses_a_nul_behind_the_value),
        cmocka_unit_test(json__names_the_type_of_a_value),
        cmocka_unit_test(json__counts_the_last_of_a_key_given_twice),
        cmocka_unit_test(json__goes_through_members_and_elements_in_order),
        cmocka_unit_test(json__keeps_every_character_of_a_string),
        cmocka_unit_test(json__keeps_numbers_as_far_as_a_double_does),
        cmocka_unit_test(json__survives_very_long_numbers),
        cmocka_unit_test(json__leaves_the_number_when_it_is_none),
        cmocka_unit_test(json__builds_whatever_the_scanner_lets_through),
        cmocka_unit_test(json_at__says_where_a_fault_is),
        cmocka_unit_test(json_at__takes_null_for_absent),
        cmocka_unit_test(json_at__expects_a_type),
        cmocka_unit_test(json_at__holds_a_string_to_its_cap_and_refuses_u_0000),
        cmocka_unit_test(json_at__reads_true_and_false_and_nothing_else),
        cmocka_unit_test(json__may_be_nothing_when_it_is_freed),
        cmocka_unit_test(json__leaves_no_secret_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
