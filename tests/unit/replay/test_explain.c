#include "dead_letter_list.h"

static void explain__has_the_text_of_the_table_for_every_class(void **state)
{
    const struct explanation unknown = dead_letter_explain(
        &(struct dead_letter){.error_class = "of the future"});
    size_t classes = 0;

    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        struct dead_letter dead_letter = {.error_class = row->error_class};
        struct explanation text = dead_letter_explain(&dead_letter);

        check(row->name, strcmp(text.meaning, unknown.meaning) != 0);
        if (error_row_is_class(row)) {
            check_text(row->name, text.meaning, row->meaning);
            check_text(row->name, text.remedy, row->remedy);
            classes++;
        }
    }
    assert_int_equal(classes, 10);
}

static void explain__knows_what_a_code_adds(void **state)
{
    struct dead_letter any = {.error_class = "rejected"};
    struct dead_letter one = {.error_class = "rejected",
                              .code = "NAME_INVALID"};

    assert_string_not_equal(dead_letter_explain(&any).remedy,
                            dead_letter_explain(&one).remedy);
}

static void explain__says_what_each_state_means(void **state)
{
    for (int i = 0; i < DEAD_LETTER_STATES; i++) {
        const char *name = dead_letter_state_name((enum dead_letter_state)i);

        check(name, name != NULL && *name != '\0');
        check(name, strlen(dead_letter_state_explain((enum dead_letter_state)i)) > 10);
    }
}

static void explain__does_not_guess_about_what_is_no_dead_letter(void **state)
{
    struct dead_letter dead_letter = {.error_class = "schema",
                                 .state = DEAD_LETTER_UNREADABLE};

    check_contains("unreadable", dead_letter_explain(&dead_letter).meaning, "headers");
    dead_letter = (struct dead_letter){0};
    check_contains("none", dead_letter_explain(&dead_letter).meaning, "headers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain__has_the_text_of_the_table_for_every_class),
        cmocka_unit_test(explain__knows_what_a_code_adds),
        cmocka_unit_test(explain__says_what_each_state_means),
        cmocka_unit_test(explain__does_not_guess_about_what_is_no_dead_letter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
