#include "asserts.h"

#include <time.h>

#include "waybill/glob.h"

struct match {
    const char *pattern;
    const char *text;
    bool matches;
};

static const struct match matches[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"a", "a", true},
    {"a", "A", false},
    {"a", "ab", false},
    {"ab", "a", false},
    {"*", "", true},
    {"*", "a/b c", true},
    {"**", "", true},
    {"build-*", "build-", true},
    {"build-*", "build-web/x", true},
    {"build-*", "build", false},
    {"*-web", "build-web", true},
    {"*-web", "build-web2", false},
    {"*-web", "-web-web", true},
    {"b*-*b", "b-b", true},
    {"b*-*b", "b-", false},
    {"*a*b*c*", "xxaxxbxxcxx", true},
    {"*a*b*c*", "xxaxxcxxbxx", false},
    {"a*a", "a", false},
    {"a*a", "aa", true},
    {"*ab", "aab", true},
    {"*aab", "aaab", true},
    /* no other character is special */
    {"a?c", "abc", false},
    {"a?c", "a?c", true},
    {"[ab]", "a", false},
    {"[ab]", "[ab]", true},
    {"a.c", "abc", false},
    {"\\*", "*", false},
    {"\\*", "\\anything", true},
    {"*", "*", true},
    {"\xC3\xA9*", "\xC3\xA9t\xC3\xA9", true},
};

static void glob__knows_stars_and_nothing_else(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
        char label[64];

        snprintf(label, sizeof(label), "%s against %s", matches[i].text,
                 matches[i].pattern);
        check_number(label, glob_matches(matches[i].pattern, matches[i].text),
                     matches[i].matches);
    }
}

/* A matcher that tried every split of the text would run for years. */
static void glob__is_not_slow_with_many_stars(void **state)
{
    char pattern[2002];
    char text[4002];
    clock_t before = clock();

    for (size_t i = 0; i < 2000; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }
    memcpy(pattern + 2000, "b", 2);
    memset(text, 'a', 4000);
    text[4000] = '\0';
    assert_false(glob_matches(pattern, text));
    strcpy(text + 3999, "b");
    assert_true(glob_matches(pattern, text));
    assert_true(clock() - before < 2 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glob__knows_stars_and_nothing_else),
        cmocka_unit_test(glob__is_not_slow_with_many_stars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
