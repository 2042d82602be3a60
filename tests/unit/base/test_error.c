#include "asserts.h"
#include "waybill/utf8.h"

static void error__is_set_as_a_whole(void **state)
{
    struct error err = {.http_status = 500, .retry_after_ms = 3, .code = "OLD"};

    assert_int_equal(error_set(&err, ERROR_SCHEMA, "'%s' is no %d", "x", 7),
                     -1);
    assert_error_kind(&err, ERROR_SCHEMA);
    assert_string_equal(err.message, "'x' is no 7");
    assert_int_equal(err.http_status, 0);
    assert_int_equal(err.retry_after_ms, 0);
    assert_string_equal(err.code, "");
}

static void error__takes_context_in_front_and_keeps_the_rest(void **state)
{
    struct error err;

    error_set(&err, ERROR_AUTH, "denied");
    err.http_status = 403;
    err.retry_after_ms = 10;
    strcpy(err.code, "DENIED");
    assert_int_equal(error_prefix(&err, "push '%s'", "a"), -1);
    error_prefix(&err, "%s", "record");
    assert_string_equal(err.message, "record: push 'a': denied");
    assert_error_kind(&err, ERROR_AUTH);
    assert_int_equal(err.http_status, 403);
    assert_int_equal(err.retry_after_ms, 10);
    assert_string_equal(err.code, "DENIED");
}

static void fill(char *text, size_t len, const char *end)
{
    memset(text, 'a', len);
    strcpy(text + len, end);
}

static void error__fills_the_whole_of_its_room(void **state)
{
    char text[LIMIT_MESSAGE + 8];
    struct error err;

    fill(text, LIMIT_MESSAGE, "");
    error_set(&err, ERROR_SCHEMA, "%s", text);
    assert_string_equal(err.message, text);
    fill(text, LIMIT_MESSAGE, "b");
    error_set(&err, ERROR_SCHEMA, "%s", text);
    assert_int_equal(strlen(err.message), LIMIT_MESSAGE);
    assert_int_equal(err.message[LIMIT_MESSAGE - 1], 'a');
}

/* Each of these characters stands across the limit at each of its bytes. */
static void error__is_cut_at_a_character(void **state)
{
    static const char *const characters[] = {"\xC3\xA9", "\xE2\x82\xAC",
                                             "\xF0\x9F\x98\x80"};

    for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
        for (size_t back = 1; back < strlen(characters[i]); back++) {
            char text[LIMIT_MESSAGE + 32];
            struct error err;

            fill(text, LIMIT_MESSAGE - back, characters[i]);
            strcat(text, "tail");
            error_set(&err, ERROR_SCHEMA, "%s", text);
            check(characters[i], utf8_valid(err.message, strlen(err.message)));
            check_number(characters[i], strlen(err.message),
                         LIMIT_MESSAGE - back);
        }
    }
}

static void error__is_cut_at_a_character_behind_its_context(void **state)
{
    char text[LIMIT_MESSAGE + 8];
    struct error err;

    fill(text, LIMIT_MESSAGE - 8, "\xE2\x82\xAC\xE2\x82\xAC");
    error_set(&err, ERROR_SCHEMA, "%s", text);
    for (int i = 0; i < 7; i++) {
        error_prefix(&err, "%s", "");
        check("prefixed", utf8_valid(err.message, strlen(err.message)));
        check("prefixed", strlen(err.message) <= LIMIT_MESSAGE);
        check("prefixed", strlen(err.message) >= LIMIT_MESSAGE - 6);
    }
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.message), LIMIT_MESSAGE);
}

struct meaning {
    enum error_kind kind;
    const char *class;
    enum disposition disposition;
    int exit_code;
};

/* wire format, sections 2 and 6 */
static const struct meaning meanings[] = {
    {ERROR_SCHEMA, "schema", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_DIGEST_MISMATCH, "digest_mismatch", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_TOO_LARGE, "too_large", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_REJECTED, "rejected", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_NOT_FOUND, "not_found", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_VERIFICATION, "verification", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_CONFIG, "config", DISPOSITION_DEAD_LETTER, 78},
    {ERROR_AUTH, "auth", DISPOSITION_HOLD, 1},
    {ERROR_UNREACHABLE, "attempts_exhausted", DISPOSITION_BACK_OFF, 75},
    {ERROR_UNAVAILABLE, "attempts_exhausted", DISPOSITION_BACK_OFF, 75},
    {ERROR_RATE_LIMITED, "attempts_exhausted", DISPOSITION_BACK_OFF, 75},
    {ERROR_INTERRUPTED, "attempts_exhausted", DISPOSITION_RETRY, 75},
    {ERROR_USAGE, "config", DISPOSITION_FATAL, 2},
    {ERROR_CANCELLED, "attempts_exhausted", DISPOSITION_RETRY, 75},
    {ERROR_FATAL, "config", DISPOSITION_FATAL, 1},
    {ERROR_ATTEMPTS_EXHAUSTED, "attempts_exhausted", DISPOSITION_DEAD_LETTER,
     75},
    {ERROR_EXPIRED, "expired", DISPOSITION_DEAD_LETTER, 1},
};

static void error__has_one_meaning_for_each_kind(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        const struct meaning *row = &meanings[i];
        struct error err;

        error_set(&err, row->kind, "x");
        check_text(row->class, error_class(row->kind), row->class);
        check_number(row->class, disposition_of(&err), row->disposition);
        check_number(row->class, error_exit_code(row->kind), row->exit_code);
    }
    assert_int_equal(error_exit_code(ERROR_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error__is_set_as_a_whole),
        cmocka_unit_test(error__takes_context_in_front_and_keeps_the_rest),
        cmocka_unit_test(error__fills_the_whole_of_its_room),
        cmocka_unit_test(error__is_cut_at_a_character),
        cmocka_unit_test(error__is_cut_at_a_character_behind_its_context),
        cmocka_unit_test(error__has_one_meaning_for_each_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
