#include "asserts.h"
#include "waybill/secret.h"

/* "user:secret-1" in base64 is dXNlcjpzZWNyZXQtMQ==. */

struct row {
    const char *label;
    const char *text;
    const char *expected;
};

static void check_rows(const struct secret_set *set, const struct row *rows,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[256];

        snprintf(text, sizeof(text), "%s", rows[i].text);
        secret_set_scrub(set, text);
        check_text(rows[i].label, text, rows[i].expected);
    }
}

static void secret_set__scrubs_what_was_added(void **state)
{
    static const struct row rows[] = {
        {"nothing", "", ""},
        {"no secret", "innocent", "innocent"},
        {"all of it", "secret-1", "***"},
        {"in the middle", "a secret-1 b", "a *** b"},
        {"at the end", "a secret-1", "a ***"},
        {"the beginning of one", "a secret-", "a secret-"},
        {"side by side", "secret-1secret-1", "******"},
        {"both", "secret-1 and token-2", "*** and ***"},
        {"another case", "SECRET-1", "SECRET-1"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "secret-1");
    secret_set_add(&set, "token-2");
    check_rows(&set, rows, ARRAY_SIZE(rows));
}

static void secret_set__scrubs_what_overlaps_as_one(void **state)
{
    static const struct row rows[] = {
        {"with itself", "abcabcabca", "***"},
        {"with itself, and others beside it", "xabcabcabcax", "x***x"},
        {"with the beginning of another", "xabcabcaTAILx", "x***x"},
        {"with a longer one", "x-long-secretx", "x***x"},
        {"not", "x-long-x", "x***x"},
        {"in a chain", "x-long-secretive, abcabcaTAIL-long-", "x***, ******"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "abcabca");
    secret_set_add(&set, "bcaTAIL");
    secret_set_add(&set, "-long-");
    secret_set_add(&set, "-long-secret");
    secret_set_add(&set, "cretive");
    check_rows(&set, rows, ARRAY_SIZE(rows));
}

static void secret_set__scrubs_a_password_as_basic_shows_it(void **state)
{
    static const struct row rows[] = {
        {"a header", "Basic dXNlcjpzZWNyZXQtMQ==", "Basic ***"},
        {"without padding", "Basic dXNlcjpzZWNyZXQtMQ", "Basic ***"},
        {"in a query", "?a=dXNlcjpzZWNyZXQtMQ%3D%3D&b", "?a=***&b"},
        {"by itself", "secret-1", "***"},
        {"the user's name", "user", "user"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add_basic(&set, "user", "secret-1");
    check_rows(&set, rows, ARRAY_SIZE(rows));
}

static void secret_set__scrubs_what_is_percent_encoded(void **state)
{
    static const struct row rows[] = {
        {"as it is", "p&ss w/0%rd", "***"},
        {"as we encode", "a=p%26ss%20w%2F0%25rd&b", "a=***&b"},
        {"in lower case", "a=p%26ss%20w%2f0%25rd&b", "a=***&b"},
        {"as HTML forms do", "a=p%26ss+w%2F0%25rd&b", "a=***&b"},
        {"only in part", "a=p%26ss%20w/0%25rd&b", "a=***&b"},
        {"all of it", "%70%26%73%73%20%77%2F%30%25%72%64", "***"},
        {"something else", "p%27ss%20w%2F0%25rd", "p%27ss%20w%2F0%25rd"},
        {"cut off", "p%26ss%20w%2", "p%26ss%20w%2"},
        {"one that looks encoded", "100%25 of it", "*** of it"},
        {"... and is", "100%2525 of it", "*** of it"},
        {"not even ASCII", "\xC3\xA9\xC3\xA9 %C3%A9%c3%A9", "*** ***"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "p&ss w/0%rd");
    secret_set_add(&set, "100%25");
    secret_set_add(&set, "\xC3\xA9\xC3\xA9");
    check_rows(&set, rows, ARRAY_SIZE(rows));
}

static void secret_set__leaves_what_is_too_short_to_be_a_secret(void **state)
{
    static const struct row rows[] = {
        {"three", "abcabc", "abcabc"},
        {"four", "defgdefg", "******"},
        {"none", "a", "a"},
        /* u:abc */
        {"its header", "Basic dTphYmM=", "Basic ***"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "");
    secret_set_add(&set, "a");
    secret_set_add_basic(&set, "u", "abc");
    secret_set_add(&set, "defg");
    check_rows(&set, rows, ARRAY_SIZE(rows));
}

static void secret_set__holds_each_secret_once(void **state)
{
    CLEANUP(secret_set_release) struct secret_set set = {0};
    char changing[] = "secret-1";
    const char *kept = secret_set_add(&set, changing);

    assert_ptr_not_equal(kept, changing);
    assert_ptr_equal(secret_set_add(&set, "secret-1"), kept);
    assert_null(secret_set_add(&set, NULL));
    assert_int_equal(set.count, 1);
    for (char c = 'a'; c <= 'z'; c++) {
        changing[0] = c;
        secret_set_add(&set, changing);
    }
    assert_int_equal(set.count, 26);
    /* Where the set itself has moved to is no matter. */
    assert_string_equal(kept, "secret-1");
}

static void secret_set__takes_over_all_of_another(void **state)
{
    static const struct row row = {"both", "secret-1 token-2", "*** ***"};
    CLEANUP(secret_set_release) struct secret_set set = {0};
    struct secret_set other = {0};

    secret_set_add(&set, "secret-1");
    secret_set_add(&other, "secret-1");
    secret_set_add(&other, "token-2");
    secret_set_add_all(&set, &other);
    secret_set_release(&other);
    assert_int_equal(other.count, 0);
    assert_int_equal(set.count, 2);
    check_rows(&set, &row, 1);
}

/* A message is copied with all of its array. */
static void secret_set__leaves_nothing_behind_the_end(void **state)
{
    CLEANUP(secret_set_release) struct secret_set set = {0};
    const char none[14] = {0};
    char text[] = "is secret-1 end";

    secret_set_add(&set, "secret-1");
    secret_set_scrub(&set, text);
    assert_string_equal(text, "is *** end");
    assert_memory_equal(text + strlen(text), none,
                        sizeof(text) - strlen(text));
}

static void secret_set__cuts_nothing_before_it_has_scrubbed(void **state)
{
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "secret-1");
    for (size_t max = 0; max < 12; max++) {
        CLEANUP(str_release) struct str words = STR_INIT(STR_UNLIMITED);

        secret_set_append_printable(&set, &words, "is secret-1 end", max);
        assert_int_equal(words.len, max < 10 ? max : 10);
        assert_int_equal(strncmp(words.data, "is *** end", words.len), 0);
    }
}

static void secret_set__makes_words_printable(void **state)
{
    CLEANUP(secret_set_release) struct secret_set set = {0};
    CLEANUP(str_release) struct str words = STR_INIT(STR_UNLIMITED);

    secret_set_add(&set, "sec\xC2\x9Bret");
    secret_set_append_printable(&set, &words,
                             "sec\xC2\x9Bret\x1B[31m\xC2\x9B\xC2\x9B"
                             "abc\xE2\x82\xAC",
                             12);
    assert_string_equal(words.data, "*** [31m  ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_set__scrubs_what_was_added),
        cmocka_unit_test(secret_set__scrubs_what_overlaps_as_one),
        cmocka_unit_test(secret_set__scrubs_a_password_as_basic_shows_it),
        cmocka_unit_test(secret_set__scrubs_what_is_percent_encoded),
        cmocka_unit_test(secret_set__leaves_what_is_too_short_to_be_a_secret),
        cmocka_unit_test(secret_set__holds_each_secret_once),
        cmocka_unit_test(secret_set__takes_over_all_of_another),
        cmocka_unit_test(secret_set__leaves_nothing_behind_the_end),
        cmocka_unit_test(secret_set__cuts_nothing_before_it_has_scrubbed),
        cmocka_unit_test(secret_set__makes_words_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
