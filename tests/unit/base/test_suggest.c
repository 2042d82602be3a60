#include "asserts.h"
#include "waybill/suggest.h"

static const char *nearest(const char *word)
{
    static const char *const known[] = {
        "brokers",  "group",  "topics", "properties",  "repository", "name",
        "username", "prefix", "id",     "max_records", "max_age",    "log"};
    struct suggestion near;

    suggest_init(&near, word);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        suggest_offer(&near, known[i]);
    }
    return near.nearest;
}

struct guess {
    const char *word;
    const char *nearest;
};

static const struct guess guesses[] = {
    {"repositry", "repository"},   /* a missing letter */
    {"repossitory", "repository"}, /* an additional letter */
    {"repasitory", "repository"},  /* another one */
    {"reopsitory", "repository"},  /* two swapped letters */
    {"REPOSITORY", "repository"},  /* regardless of case */
    {"groups", "group"},
    {"brokes", "brokers"},
    {"maxage", "max_age"},
    {"max-records", "max_records"},
    {"nmae", "name"},
    {"di", "id"},
    {"lgo", "log"},
    /* too different: no suggestion */
    {"x", NULL},
    {"xyz", NULL},
    {"ab", NULL},
    {"", NULL},
    {"kafka", NULL},
    {"completely-different", NULL},
};

static void suggest__finds_what_was_meant_and_does_not_guess(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(guesses); i++) {
        check_text(guesses[i].word, nearest(guesses[i].word),
                   guesses[i].nearest);
    }
}

static void suggest__keeps_the_nearest_and_of_equals_the_first(void **state)
{
    struct suggestion near;

    suggest_init(&near, "abcdefgh");
    suggest_offer(&near, "abcdefxx");
    assert_string_equal(near.nearest, "abcdefxx");
    suggest_offer(&near, "abcdefgx");
    suggest_offer(&near, "abcdefgy");
    suggest_offer(&near, "abcdefyy");
    assert_string_equal(near.nearest, "abcdefgx");
    assert_int_equal(near.distance, 1);
}

static void suggest__says_nothing_about_very_long_words(void **state)
{
    char word[200];
    struct suggestion near;

    memset(word, 'a', 199);
    word[199] = '\0';
    suggest_init(&near, word);
    suggest_offer(&near, word);
    suggest_offer(&near, "a");
    assert_null(near.nearest);
    suggest_init(&near, "a");
    suggest_offer(&near, word);
    assert_null(near.nearest);
    word[40] = '\0';
    suggest_init(&near, word);
    suggest_offer(&near, word);
    assert_string_equal(near.nearest, word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggest__finds_what_was_meant_and_does_not_guess),
        cmocka_unit_test(suggest__keeps_the_nearest_and_of_equals_the_first),
        cmocka_unit_test(suggest__says_nothing_about_very_long_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
