#include "letters.h"

static void explain__has_a_text_of_its_own_for_every_class(void **state)
{
    const char *seen[ERROR_EXPIRED + 1] = {NULL};
    const struct explanation unknown = dead_letter_explain(
        &(struct dead_letter){.error_class = "of the future"});

    for (int kind = ERROR_SCHEMA; kind <= ERROR_EXPIRED; kind++) {
        const char *class = error_class((enum error_kind)kind);
        struct dead_letter letter = {.error_class = class};
        struct explanation text = dead_letter_explain(&letter);

        check(class, strlen(text.why) > 20 && strlen(text.mend) > 20);
        check(class, strcmp(text.why, unknown.why) != 0);
        for (int i = 0; i < kind; i++) {
            const char *other = error_class((enum error_kind)i);

            check(class, seen[i] == NULL || strcmp(other, class) == 0 ||
                             strcmp(seen[i], text.why) != 0);
        }
        seen[kind] = text.why;
    }
}

static void explain__knows_what_a_code_adds(void **state)
{
    struct dead_letter any = {.error_class = "rejected"};
    struct dead_letter one = {.error_class = "rejected",
                              .code = "NAME_INVALID"};

    assert_string_not_equal(dead_letter_explain(&any).mend,
                            dead_letter_explain(&one).mend);
}

static void explain__says_what_each_state_means(void **state)
{
    for (int i = 0; i < LETTER_STATES; i++) {
        const char *name = letter_state_name((enum letter_state)i);

        check(name, name != NULL && *name != '\0');
        check(name, strlen(letter_state_explain((enum letter_state)i)) > 10);
    }
}

static void explain__does_not_guess_about_what_is_no_dead_letter(void **state)
{
    struct dead_letter letter = {.error_class = "schema",
                                 .state = LETTER_UNREADABLE};

    check_contains("unreadable", dead_letter_explain(&letter).why, "headers");
    letter = (struct dead_letter){0};
    check_contains("none", dead_letter_explain(&letter).why, "headers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain__has_a_text_of_its_own_for_every_class),
        cmocka_unit_test(explain__knows_what_a_code_adds),
        cmocka_unit_test(explain__says_what_each_state_means),
        cmocka_unit_test(explain__does_not_guess_about_what_is_no_dead_letter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
