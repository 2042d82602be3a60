#include "asserts.h"
#include "waybill/base64.h"
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
        {"side by side", "secret-1secret-1", "***"},
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
        {"in a chain", "x-long-secretive, abcabcaTAIL-long-", "x***, ***"},
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
        {"four", "defgdefg", "***"},
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
    /* The address of the set itself does not matter. */
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

/* A message is copied with its complete array. */
static void secret_set__leaves_nothing_behind_the_end(void **state)
{
    CLEANUP(secret_set_release) struct secret_set set = {0};
    const char none[14] = {0};
    char text[] = "is secret-1 end";

    secret_set_add(&set, "secret-1");
    secret_set_scrub(&set, text);
    assert_string_equal(text, "is *** end");
    assert_memory_equal(text + strlen(text), none, sizeof(text) - strlen(text));
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

/* --- pieces and encodings --------------------------------------------------
 */

#define TOKEN "eyJhbGciOiJSUzI1NiJ9.Q2xhaW1z-X_93+/kq.c2lnbmF0dXJlLTE"

static void check_foreign(const struct secret_set *set, const struct row *rows,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        secret_set_append_printable(set, &text, rows[i].text, 300);
        check_text(rows[i].label, text.data, rows[i].expected);
    }
}

static void secret_set__finds_pieces_in_foreign_text(void **state)
{
    static const struct row rows[] = {
        {"the beginning", "bad eyJhbGciOiJSUzI1NiJ9.Q2xh...", "bad ***..."},
        {"the end", "...bmF0dXJlLTE is bad", "...*** is bad"},
        {"the middle", "..iJ9.Q2xhaW1z-X..", "..***.."},
        {"wrapped",
         "eyJhbGciOi\nJSUzI1NiJ9.\r\n Q2xhaW1z-X_93+/kq.c2\tlnbmF0dXJlLTE!",
         "***!"},
        {"wrapped within a string",
         "eyJhbGciOi\\nJSUzI1NiJ9.\\\\nQ2xhaW1z-X_93+/kq.c2lnbmF0dXJlLTE!",
         "***!"},
        {"with soft breaks", "eyJhbGciOi=\nJSUzI1NiJ9.Q2xhaW1z!", "***!"},
        {"with invisible characters",
         "eyJhb\xE2\x80\x8BGciOiJSU\xE2\x80\xAEzI1NiJ9!", "***!"},
        {"in the other alphabet", "Q2xhaW1z+X/93-_kq", "***"},
        {"in upper case", "EYJHBGCIOIJSUZI1NIJ9", "***"},
        {"percent-encoded twice", "Q2xhaW1z-X_93%252B%252Fkq.c2lnb", "***"},
        {"as JSON escapes", "Q2xhaW1z-X_93\\u002b\\/kq.c2lnb", "***"},
        {"as references", "Q2xhaW1z-X_93&#43;&#x2f;kq.c2lnb", "***"},
        {"as named references",
         "eyJh&quot;bGci&amp;OiJS&#39;UzI1&apos;NiJ9&lt;Q2xh&gt;aW1z!", "***!"},
        {"as octal escapes",
         "\\121\\062\\170\\150\\141\\127\\061\\172\\055\\130\\137\\071"
         "\\063!",
         "***!"},
        {"a word of it", "the word Claims", "the word Claims"},
        {"a short piece", "the piece eyJhbGc", "the piece eyJhbGc"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, TOKEN);
    check_foreign(&set, rows, ARRAY_SIZE(rows));
}

static void secret_set__leaves_words_that_a_password_contains(void **state)
{
    static const struct row rows[] = {
        {"a word", "the registry is read-only", "the registry is read-only"},
        {"a piece with a digit", "my-registry2", "***"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};
    char own[] = "'my-registry-2' answers";

    secret_set_add(&set, "my-registry-2-password");
    check_foreign(&set, rows, ARRAY_SIZE(rows));
    secret_set_scrub(&set, own);
    assert_string_equal(own, "'my-registry-2' answers");
}

static void append_hex(struct str *out, const char *text)
{
    for (; *text != '\0'; text++) {
        str_printf(out, "%02X", (unsigned char)*text);
    }
}

/* Whatever precedes the secret in the encoded text */
static void secret_set__finds_encoded_secrets(void **state)
{
    static const char *const before[] = {"", "a", "ab", "abc", "abcd"};
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "identity-token-1");
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        CLEANUP(str_release) struct str plain = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str shown = STR_INIT(STR_UNLIMITED);

        str_printf(&plain, "%sidentity-token-1\n", before[i]);
        str_append_text(&text, "got ");
        base64_encode(&text, plain.data, plain.len);
        str_append_text(&text, ", ");
        base64url_encode(&text, plain.data, plain.len);
        str_append_text(&text, ", ");
        append_hex(&text, plain.data);
        secret_set_append_printable(&set, &shown, text.data, 300);
        assert_null(strstr(shown.data, "aWRlbn"));
        assert_null(strstr(shown.data, "bi0x"));
        assert_null(strcasestr(shown.data, "6964656e"));
        assert_non_null(strstr(shown.data, "***"));
        assert_ptr_equal(strstr(shown.data, "got "), shown.data);
    }
}

/* As a Kubernetes Secret shows the "auth" of a docker configuration */
static void secret_set__finds_what_is_encoded_twice(void **state)
{
    CLEANUP(secret_set_release) struct secret_set set = {0};
    CLEANUP(str_release) struct str once = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str twice = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str hex = STR_INIT(STR_UNLIMITED);

    secret_set_add(&set, "identity-token-123");
    base64_encode(&once, "identity-token-123", strlen("identity-token-123"));
    base64_encode(&twice, once.data, once.len);
    append_hex(&hex, once.data);
    secret_set_scrub_foreign(&set, twice.data);
    secret_set_scrub_foreign(&set, hex.data);
    assert_string_equal(twice.data, "***");
    assert_string_equal(hex.data, "***");
}

static void secret_set__remembers_what_it_has_forgotten(void **state)
{
    CLEANUP(str_release) struct str token = STR_INIT(STR_UNLIMITED);
    struct secret_set none = {0};

    for (unsigned i = 0; i < 2000; i++) {
        struct secret_set set = {0};

        str_clear(&token);
        for (unsigned j = 0; j < 62; j++) {
            str_printf(&token, "%016llx",
                       (i * 1000ULL + j + 1) * 0x9E3779B97F4A7C15ULL);
        }
        secret_set_add(&set, token.data);
        secret_set_release(&set);
    }
    for (unsigned i = 0; i < 2000; i += 111) {
        char text[64];

        snprintf(text, sizeof(text), "bad %016llx...",
                 (i * 1000ULL + 7) * 0x9E3779B97F4A7C15ULL);
        secret_set_scrub(&none, text);
        /* The memory of this many secrets is not exact: with its random key, a
         * neighboring character may be taken for a part of one. */
        assert_non_null(strstr(text, "***"));
        assert_int_equal(strcspn(text, "*"),
                         strspn(text, "bad ")); /* no part of the secret */
        assert_true(strlen(strrchr(text, '*') + 1) <= 3);
    }
}

static void secret_set__remembers_short_secrets_that_look_random(void **state)
{
    static const struct row rows[] = {
        {"with a digit", "the old hunter2-old here", "the old *** here"},
        {"in mixed case", "the old kDjwQpxm here", "the old *** here"},
        {"as base64", "aHVudGVyMi1vbGQ=", "***="},
        {"words", "ordinary words", "ordinary words"},
        {"a part", "my/part-1234/x", "my/part-1234/x"},
        {"others", "hunter3-old", "hunter3-old"},
    };
    struct secret_set set = {0};

    secret_set_add(&set, "hunter2-old");
    secret_set_add(&set, "kDjwQpxm");
    secret_set_add(&set, "ordinary");
    secret_set_add_part(&set, "part-1234");
    secret_set_release(&set);
    check_rows(&set, rows, ARRAY_SIZE(rows));
}

/* A digest must not disappear because many tokens are remembered. */
static void secret_set__leaves_what_was_never_a_secret(void **state)
{
    static const char digest[] =
        "sha256:"
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    CLEANUP(secret_set_release) struct secret_set set = {0};
    char text[sizeof(digest)];

    memcpy(text, digest, sizeof(digest));
    secret_set_add(&set, TOKEN);
    secret_set_scrub_foreign(&set, text);
    assert_string_equal(text, digest);
}

static void secret_set__finds_a_piece_at_the_very_end(void **state)
{
    char text[] = "denied: q7w8e9r0"; /* the first eight bytes */
    CLEANUP(secret_set_release) struct secret_set set = {0};

    secret_set_add(&set, "q7w8e9r0t1y2");
    secret_set_scrub_foreign(&set, text);
    assert_string_equal(text, "denied: ***");
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
        cmocka_unit_test(secret_set__finds_pieces_in_foreign_text),
        cmocka_unit_test(secret_set__finds_a_piece_at_the_very_end),
        cmocka_unit_test(secret_set__leaves_words_that_a_password_contains),
        cmocka_unit_test(secret_set__finds_encoded_secrets),
        cmocka_unit_test(secret_set__finds_what_is_encoded_twice),
        cmocka_unit_test(secret_set__remembers_what_it_has_forgotten),
        cmocka_unit_test(secret_set__remembers_short_secrets_that_look_random),
        cmocka_unit_test(secret_set__leaves_what_was_never_a_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
