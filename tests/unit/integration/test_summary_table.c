#include "integration/summary_table.h"
#include "summary_case.h"

/* The expected tables were made by fixtures/summary_table/oracle, with the
 * libraries that Chainloop uses. "example" is that of Chainloop's own tests,
 * app/controlplane/plugins/sdk/v1/testdata/attestations. */

#define UNLIMITED ((size_t)1024 * 1024)

static const struct {
    const char *name;
    const char *expected;
    size_t max;
} cases[] = {
    {"example", "example", UNLIMITED},
    {"example", "example-2000", 2000},
    {"example", "example-4000", 4000},
    {"bare", "bare", UNLIMITED},
    {"narrow", "narrow", UNLIMITED},
    {"titles", "titles", UNLIMITED},
    {"texts", "texts", UNLIMITED},
    {"wrapping", "wrapping", UNLIMITED},
    {"annotations", "annotations", UNLIMITED},
    {"incomplete", "incomplete", UNLIMITED},
    {"times-utc", "times-utc", UNLIMITED},
    {"times-offset", "times-offset", UNLIMITED},
    {"many", "many", UNLIMITED},
    {"many", "many-2000", 2000},
    {"many", "many-4000", 4000},
};

static void table__is_the_one_that_chainloop_makes(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(decoded_event_release) struct decoded_event decoded;
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        const char *name;

        summary_case_open(&decoded, cases[i].name);
        name = arena_printf(decoded.arena, "summary_table/cases/%s.txt",
                            cases[i].expected);
        summary_table_append(&decoded.event, cases[i].max, &out);
        check_text(cases[i].expected, out.data,
                   fixture_text(decoded.arena, name));
    }
}

static void table__of_another_predicate_has_the_workflow_only(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, "\"no statement\"", "");
    summary_table_append(&decoded.event, UNLIMITED, &out);
    assert_non_null(strstr(out.data, "│ ID           │ w "));
    assert_null(strstr(out.data, "Materials"));
}

/* What an event holds must not rewrite what a terminal shows. */
static void table__shows_control_characters_as_such(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, STATEMENT,
                     ",\"run\":{\"id\":\"a\\u001b[2Jb\",\"state\":"
                     "\"\\u001b]0;x\\u0007\\u009b1m\\u007f\"}");
    summary_table_append(&decoded.event, UNLIMITED, &out);
    assert_null(strpbrk(out.data, "\x1b\x07\x7f"));
    assert_null(strstr(out.data, "\xC2\x9B"));
    assert_non_null(strstr(out.data, "│ \xEF\xBF\xBD]0;x\xEF\xBF\xBD\xEF\xBF"
                                     "\xBD"
                                     "1m\xEF\xBF\xBD "));
}

/* Each row is as wide as the widest: a table of 2000 rows, one of which has
 * 100 KB, would have 200 MB. */
static void table__is_cut_before_it_is_made(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str payload = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    str_printf(&payload,
               "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":"
               "{\"env\":{\"a\":\"%0100000d\"",
               1);
    for (unsigned i = 0; i < 2000; i++) {
        str_printf(&payload, ",\"v%u\":\"x\"", i);
    }
    str_append_text(&payload, "}}}");
    decoded_event_of(&decoded, payload.data, "");
    summary_table_append(&decoded.event, 4000, &out);
    assert_in_range(out.len, 4000, 4 * 4000);
    assert_non_null(strstr(out.data, "... (truncated)\n\nGet Full"));
    str_clear(&out);
    summary_table_append(&decoded.event, 10, &out);
    assert_true(strncmp(out.data, "... (truncated)\n\nGet Full", 25) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__is_the_one_that_chainloop_makes),
        cmocka_unit_test(table__of_another_predicate_has_the_workflow_only),
        cmocka_unit_test(table__shows_control_characters_as_such),
        cmocka_unit_test(table__is_cut_before_it_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
