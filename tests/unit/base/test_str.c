#include "asserts.h"
#include "waybill/alloc.h"

static void str__is_an_empty_text_when_it_is_born(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(8);

    assert_string_equal(text.data, "");
    assert_int_equal(text.len, 0);
    assert_non_null(str_bytes(&text).data);
}

static void str__ends_with_a_nul_whatever_it_holds(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_append(&text, "a\0b", 3);
    str_append_text(&text, "cd");
    str_append_char(&text, 'e');
    str_printf(&text, "%d-%s", 42, "f");
    check_bytes("all of it", text.data, text.len, "a\0bcde42-f", 10);
    assert_int_equal(text.data[text.len], 0);
    assert_false(text.overflow);
}

static void str__grows_as_far_as_it_is_asked_to(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    for (int i = 0; i < 5000; i++) {
        str_printf(&text, "%04d", i);
    }
    assert_int_equal(text.len, 20000);
    assert_memory_equal(text.data, "00000001", 8);
    assert_string_equal(text.data + 19996, "4999");
}

static void str__takes_exactly_its_cap(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(4);

    str_append_text(&text, "abcd");
    assert_false(text.overflow);
    str_append(&text, NULL, 0);
    assert_false(text.overflow);
    str_append_char(&text, 'e');
    assert_true(text.overflow);
    assert_string_equal(text.data, "abcd");
}

static void str__leaves_out_as_a_whole_what_passes_the_cap(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(4);

    str_append_text(&text, "ab");
    str_append_text(&text, "cde");
    assert_string_equal(text.data, "ab");
    assert_true(text.overflow);
}

static void str__takes_nothing_any_more_once_it_has_overflown(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(4);

    str_printf(&text, "%s", "12345");
    str_append_char(&text, 'a');
    str_append_text(&text, "b");
    assert_string_equal(text.data, "");
    assert_true(text.overflow);
}

static void str__keeps_its_cap_when_it_is_cleared_or_released(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(2);

    str_append_text(&text, "abc");
    str_clear(&text);
    assert_false(text.overflow);
    str_append_text(&text, "ab");
    str_clear(&text);
    assert_string_equal(text.data, "");
    str_append_text(&text, "cd");
    str_release(&text);
    assert_string_equal(text.data, "");
    str_append_text(&text, "abc");
    assert_true(text.overflow);
    str_release(&text);
    assert_string_equal(text.data, "");
    assert_int_equal(text.cap, 2);
}

static void str__never_writes_to_the_shared_empty_text(void **state)
{
    CLEANUP(str_release) struct str full = STR_INIT(0);
    CLEANUP(str_release) struct str other = STR_INIT(8);

    str_append_char(&full, 'x');
    str_clear(&full);
    str_release(&full);
    assert_string_equal(other.data, "");
    assert_int_equal(str_nothing[0], 0);
}

static void str__hands_its_text_over(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(8);
    char *taken;

    str_append_text(&text, "abc");
    taken = str_take(&text);
    assert_string_equal(taken, "abc");
    assert_string_equal(text.data, "");
    assert_int_equal(text.len, 0);
    mem_free(taken);
    taken = str_take(&text);
    assert_string_equal(taken, "");
    mem_free(taken);
}

static void str__is_cut_and_never_made_longer(void **state)
{
    CLEANUP(str_release) struct str str = STR_INIT(STR_UNLIMITED);

    str_cut(&str, 0);
    str_append_text(&str, "text");
    str_cut(&str, 5);
    assert_string_equal(str.data, "text");
    str_cut(&str, 2);
    assert_int_equal(str.len, 2);
    assert_string_equal(str.data, "te");
    str_append_text(&str, "a");
    assert_string_equal(str.data, "tea");
}

static void text__has_line_ends_that_nobody_means(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {{"", 0},        {"\n", 0},    {"\r\n", 0},  {"a\n", 1},
                {"a\r\n", 1},   {"a\r", 1},   {"a\n\n", 1}, {"\na", 2},
                {"a\r\r\n", 1}, {"a\n b", 4}, {"a \n", 2},  {"a\r\n\r\n", 1}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_number(rows[i].text,
                     without_line_end(rows[i].text, strlen(rows[i].text)),
                     rows[i].len);
    }
}

static void bytes__tell_no_value_from_an_empty_one(void **state)
{
    struct bytes none = bytes_of(NULL);
    struct bytes empty = bytes_of("");

    assert_null(none.data);
    assert_non_null(empty.data);
    assert_true(bytes_equal(none, bytes_of(NULL)));
    assert_true(bytes_equal(empty, bytes_of("")));
    assert_false(bytes_equal(none, empty));
    assert_false(bytes_equal(empty, none));
}

static void bytes__are_equal_when_every_byte_is(void **state)
{
    struct bytes one = {(const unsigned char *)"a\0b", 3};
    struct bytes other = {(const unsigned char *)"a\0c", 3};

    assert_true(bytes_equal(one, one));
    assert_false(bytes_equal(one, other));
    assert_false(bytes_equal(one, bytes_of("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str__is_an_empty_text_when_it_is_born),
        cmocka_unit_test(str__ends_with_a_nul_whatever_it_holds),
        cmocka_unit_test(str__grows_as_far_as_it_is_asked_to),
        cmocka_unit_test(str__takes_exactly_its_cap),
        cmocka_unit_test(str__leaves_out_as_a_whole_what_passes_the_cap),
        cmocka_unit_test(str__takes_nothing_any_more_once_it_has_overflown),
        cmocka_unit_test(str__keeps_its_cap_when_it_is_cleared_or_released),
        cmocka_unit_test(str__never_writes_to_the_shared_empty_text),
        cmocka_unit_test(str__hands_its_text_over),
        cmocka_unit_test(str__is_cut_and_never_made_longer),
        cmocka_unit_test(text__has_line_ends_that_nobody_means),
        cmocka_unit_test(bytes__tell_no_value_from_an_empty_one),
        cmocka_unit_test(bytes__are_equal_when_every_byte_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
