#include "asserts.h"
#include "cli/integration_table.h"

static const char small[] = "┌────┬────────────┐\n"
                            "│ ID │ WORD       │\n"
                            "├────┼────────────┤\n"
                            "│ 1  │ one        │\n"
                            "│    │ two lines  │\n"
                            "├────┼────────────┤\n"
                            "│ ü  │            │\n"
                            "└────┴────────────┘\n";

static const char titled[] = "┌─────────────────────┐\n"
                             "│ Registration inputs │\n"
                             "├──────┬──────────────┤\n"
                             "│ ID   │ WORD         │\n"
                             "├──────┼──────────────┤\n"
                             "│ a  b │              │\n"
                             "└──────┴──────────────┘\n";

static void table__has_a_frame_and_a_rule_between_rows(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(table_release)
    struct table table = {.headers = {"ID", "WORD"}, .columns = 2};

    table_add(&table, (const char *const[]){"1", "one\ntwo lines "});
    table_add(&table, (const char *const[]){"\xC3\xBC", NULL});
    table_append(&table, &out);
    assert_string_equal(out.data, small);
}

static void table__has_a_title_and_nothing_that_moves_the_frame(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(table_release)
    struct table table = {.title = "Registration inputs",
                          .headers = {"ID", "WORD"},
                          .columns = 2};

    table_add(&table, (const char *const[]){"a\x1B\tb", ""});
    table_append(&table, &out);
    assert_string_equal(out.data, titled);
}

static size_t characters_of(const char *line)
{
    size_t count = 0;

    for (; *line != '\0' && *line != '\n'; line++) {
        count += ((unsigned char)*line & 0xC0) != 0x80;
    }
    return count;
}

static void table__wraps_long_cells_between_words(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str word = STR_INIT(STR_UNLIMITED);
    CLEANUP(table_release)
    struct table table = {.headers = {"A"}, .columns = 1};
    const char *line;

    for (size_t i = 0; i < 130; i++) {
        str_append_text(&word, "\xC3\xA4");
    }
    table_add(&table, (const char *const[]){word.data});
    table_add(&table,
              (const char *const[]){
                  "a text of more than sixty characters that has to be wrapped "
                  "between two words"});
    table_append(&table, &out);
    for (line = out.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_int_equal(characters_of(line), 64);
    }
    assert_non_null(
        strstr(out.data, " has to be wrapped  │\n│ between two words "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__has_a_frame_and_a_rule_between_rows),
        cmocka_unit_test(table__has_a_title_and_nothing_that_moves_the_frame),
        cmocka_unit_test(table__wraps_long_cells_between_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
