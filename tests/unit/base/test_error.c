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

/* Each of these characters crosses the limit at each of its bytes. */
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

/* wire format, sections 2 and 6; the names are labels of metrics */
static const struct {
    enum error_kind kind;
    const char *name;
    const char *error_class;
    enum disposition disposition;
    int exit_code;
} promised[ERROR_KINDS] = {
    {ERROR_NONE, "none", "config", DISPOSITION_FATAL, 0},
    {ERROR_SCHEMA, "schema", "schema", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_DIGEST_MISMATCH, "digest_mismatch", "digest_mismatch",
     DISPOSITION_DEAD_LETTER, 1},
    {ERROR_TOO_LARGE, "too_large", "too_large", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_REJECTED, "rejected", "rejected", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_NOT_FOUND, "not_found", "not_found", DISPOSITION_DEAD_LETTER, 1},
    {ERROR_CONFIG, "config", "config", DISPOSITION_DEAD_LETTER, 78},
    {ERROR_AUTH, "auth", "auth", DISPOSITION_HOLD, 1},
    {ERROR_BLOCKED, "blocked", "attempts_exhausted", DISPOSITION_SUSPEND, 75},
    {ERROR_UNREACHABLE, "unreachable", "attempts_exhausted",
     DISPOSITION_BACK_OFF, 75},
    {ERROR_UNAVAILABLE, "unavailable", "attempts_exhausted",
     DISPOSITION_BACK_OFF, 75},
    {ERROR_INTERMEDIARY, "intermediary", "attempts_exhausted",
     DISPOSITION_BACK_OFF, 75},
    {ERROR_RATE_LIMITED, "rate_limited", "attempts_exhausted",
     DISPOSITION_BACK_OFF, 75},
    {ERROR_INTERRUPTED, "interrupted", "attempts_exhausted", DISPOSITION_RETRY,
     75},
    {ERROR_USAGE, "usage", "config", DISPOSITION_FATAL, 2},
    {ERROR_CANCELLED, "cancelled", "attempts_exhausted", DISPOSITION_FATAL, 75},
    {ERROR_FATAL, "fatal", "config", DISPOSITION_FATAL, 1},
    {ERROR_ATTEMPTS_EXHAUSTED, "attempts_exhausted", "attempts_exhausted",
     DISPOSITION_DEAD_LETTER, 75},
};

static void error__has_the_promised_row_for_each_kind(void **state)
{
    for (size_t i = 0; i < ERROR_KINDS; i++) {
        const char *name = promised[i].name;
        const struct error err = {.kind = promised[i].kind};

        check_number(name, promised[i].kind, i);
        check_number(name, error_table[i].kind, i);
        check_text(name, error_row(err.kind)->name, name);
        check_text(name, error_class(err.kind), promised[i].error_class);
        check_number(name, disposition_of(&err), promised[i].disposition);
        check_number(name, error_exit_code(err.kind), promised[i].exit_code);
    }
}

static void error__explains_every_row_in_words_of_its_own(void **state)
{
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        size_t len = strlen(row->meaning);

        check(row->name, len > 10 && row->meaning[len - 1] == '.');
        len = strlen(row->remedy);
        check(row->name, len > 10 && row->remedy[len - 1] == '.');
        for (const struct error_row *other = error_table; other < row;
             other++) {
            check(row->name, strcmp(other->name, row->name) != 0);
            check(row->name, strcmp(other->meaning, row->meaning) != 0);
        }
    }
}

/* wire format, section 2; verification and expired have no kind. */
static void error__knows_every_class_of_the_wire_format(void **state)
{
    static const char *const classes[] = {
        "schema",         "config",       "auth",
        "not_found",      "too_large",    "rejected",
        "expired",        "verification", "attempts_exhausted",
        "digest_mismatch"};
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        const struct error_row *row = error_class_find(classes[i]);

        check(classes[i], row != NULL);
        check_text(classes[i], row->name, classes[i]);
        check_text(classes[i], row->error_class, classes[i]);
    }
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        check(row->name, error_class_find(row->error_class) != NULL);
        count += error_row_is_class(row);
    }
    assert_int_equal(count, ARRAY_SIZE(classes));
    assert_null(
        error_class_find("unreachable")); /* a kind that is not a class */
    assert_null(error_class_find("of the future"));
}

static void error__takes_a_kind_that_is_none_for_a_fatal_one(void **state)
{
    const struct error err = {.kind = (enum error_kind)1000};

    assert_string_equal(error_class(err.kind), error_class(ERROR_FATAL));
    assert_int_equal(disposition_of(&err), DISPOSITION_FATAL);
    assert_string_equal(error_class(ERROR_KINDS), error_class(ERROR_FATAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error__is_set_as_a_whole),
        cmocka_unit_test(error__takes_context_in_front_and_keeps_the_rest),
        cmocka_unit_test(error__fills_the_whole_of_its_room),
        cmocka_unit_test(error__is_cut_at_a_character),
        cmocka_unit_test(error__is_cut_at_a_character_behind_its_context),
        cmocka_unit_test(error__has_the_promised_row_for_each_kind),
        cmocka_unit_test(error__explains_every_row_in_words_of_its_own),
        cmocka_unit_test(error__knows_every_class_of_the_wire_format),
        cmocka_unit_test(error__takes_a_kind_that_is_none_for_a_fatal_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
