/* The exact output of `waybill status`, from documents of /status */

#include "asserts.h"
#include "cli/status_text.h"

static const struct status_layout usual = {.width = STATUS_WIDTH};

static void check_status(const char *document, bool ready, const char *expected)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json *status;
    struct error err;

    assert_int_equal(json_parse(document, strlen(document), &status, &err), 0);
    append_status_text(&text, status, &usual);
    assert_int_equal(status_is_ready(status), ready);
    json_free(status);
    check_text(document, text.data, expected);
}

static void status__tells_a_person_what_there_is_to_know(void **state)
{
    check_status(
        "{\"started\":\"2026-01-02T03:04:05.000Z\",\"phase\":\"running\","
        "\"ready\":true,\"reasons\":[],\"build\":{\"waybill\":\"0.2.0\"},"
        "\"configuration\":\"sha256:ab\",\"reload\":{\"applied\":1,"
        "\"refused\":0,\"faults\":0},\"kafka\":{\"brokers\":\"b:9092\","
        "\"group\":\"g\",\"topic\":\"in\"},\"totals\":{\"dead_letters\":0},"
        "\"dead_letters\":{\"topic\":\"dead\",\"classes\":{}},"
        "\"in_flight\":{\"records\":0,\"most_records\":1000,\"oldest\":[]},"
        "\"partitions\":[{\"lag\":0},{\"lag\":2}],\"registrations\":["
        "{\"name\":\"ghcr\",\"state\":\"flowing\",\"since\":\"x\","
        "\"succeeded\":7,\"failed\":1,\"waiting\":0,"
        "\"last_error\":{\"message\":\"old\"}}]}",
        true,
        "ready\n"
        "registrations  ghcr: flowing, 7 succeeded, 1 failed, 0 waiting\n"
        "dead letters   0 since the start\n"
        "lag            2 records in 2 partitions\n"
        "in flight      0 of at most 1000 records\n"
        "group          g, reads in from b:9092\n"
        "waybill        0.2.0, running since 2026-01-02T03:04:05.000Z\n"
        "configuration  sha256:ab\n");
}

static void status__tells_what_is_wrong(void **state)
{
    check_status(
        "{\"started\":\"s\",\"phase\":\"draining\",\"ready\":false,"
        "\"reasons\":[\"one\",\"two\"],\"build\":{\"waybill\":\"0.2.0\"},"
        "\"configuration\":\"sha256:ab\",\"reload\":{\"at\":\"then\","
        "\"fault\":\"c.yaml:1:2: key: wrong\",\"restart\":\"kafka.group\"},"
        "\"kafka\":{\"brokers\":\"b:9092\",\"group\":\"g\",\"topic\":\"in\"},"
        "\"totals\":{\"dead_letters\":3},\"dead_letters\":{\"topic\":\"dead\","
        "\"classes\":{\"schema\":2,\"rejected\":1}},"
        "\"in_flight\":{\"records\":4,\"most_records\":1000,\"oldest\":["
        "{\"topic\":\"in\",\"partition\":3,\"offset\":42,\"age_ms\":61000,"
        "\"state\":\"waiting\"}]},"
        "\"rejected\":{\"deliveries\":7,\"first\":[{\"to\":\"dead\","
        "\"topic\":\"in\",\"partition\":0,\"offset\":9,"
        "\"code\":\"INVALID\",\"reason\":\"too old\","
        "\"remedy\":\"mend it\",\"since\":\"then\"}]},"
        "\"partitions\":[{\"lag\":9},{}],\"registrations\":["
        "{\"name\":\"a\",\"state\":\"flowing\"},"
        "{\"name\":\"b\",\"state\":\"down\",\"since\":\"then\","
        "\"waiting\":4,\"retry_at\":\"soon\",\"last_error\":{\"message\":"
        "\"\\u001b[31mno\"}},"
        "{\"name\":\"c\",\"state\":\"held\",\"since\":\"then\","
        "\"reason\":\"over quota\",\"held_attachments\":[],"
        "\"last_error\":{\"message\":\"later\"}},"
        "{\"name\":\"d\",\"state\":\"flowing\",\"held_attachments\":["
        "{\"name\":\"closed\",\"since\":\"then\",\"waiting\":3,"
        "\"reason\":\"denied \\u001b[31m\"}]}]}",
        false,
        "not ready      one\n"
        "               two\n"
        "rejected       in/0/9 is held since then: topic dead rejects its "
        "message, too\n"
        "               old (INVALID); mend it\n"
        "               and 6 more\n"
        "registrations  b: down since then, 0 succeeded, 0 failed, 4 waiting, "
        "next\n"
        "               attempt at soon:  [31mno\n"
        "               c: held since then, 0 succeeded, 0 failed, 0 waiting: "
        "over quota\n"
        "               d: flowing, 0 succeeded, 0 failed, 0 waiting\n"
        "               d: attachment closed is held since then, 3 waiting: "
        "denied  [31m\n"
        "               a: flowing, 0 succeeded, 0 failed, 0 waiting\n"
        "dead letters   3 since the start (schema 2, rejected 1), on dead\n"
        "lag            9 records in 2 partitions, unknown for 1 of them\n"
        "in flight      4 of at most 1000 records, the oldest for 61 s: "
        "in/3/42, waiting\n"
        "group          g, reads in from b:9092\n"
        "waybill        0.2.0, draining since s\n"
        "configuration  sha256:ab, last reload at then, rejected: c.yaml:1:2: "
        "key: wrong\n"
        "restart        required by a change of kafka.group\n");
}

static void status__makes_do_with_what_a_probe_is_told(void **state)
{
    check_status("{\"ready\":false,\"reasons\":[\"no broker\"]}", false,
                 "not ready      no broker\n"
                 "More is shown with the admin.token that the service was "
                 "started with.\n");
}

/* The document is from another program, or malformed. */
static void status__of_another_shape_is_no_harm(void **state)
{
    check_status("{\"ready\":1,\"reasons\":\"x\",\"kafka\":7,"
                 "\"registrations\":[3,null],\"partitions\":{\"a\":[]},"
                 "\"in_flight\":[],\"dead_letters\":{\"classes\":[true]}}",
                 false,
                 "not ready      ?\n"
                 "registrations  ?: ?, 0 succeeded, 0 failed, 0 waiting\n"
                 "               ?: ?, 0 succeeded, 0 failed, 0 waiting\n"
                 "dead letters   0 since the start (? 0), on ?\n"
                 "lag            0 records in 1 partition, unknown for 1 of "
                 "them\n"
                 "in flight      0 of at most 0 records\n"
                 "group          ?, reads ? from ?\n"
                 "waybill        ?, ? since ?\n"
                 "configuration  ?\n");
}

/* --- many registrations and partitions, with long names --------------------
 */

/* 50 registrations with names of 60 characters. Of every ten, one is down, one
 * is held and one has waiting deliveries. */
static void append_many(struct str *out)
{
    static const char *const states[] = {"down", "held", "flowing"};

    str_append_text(out, "{\"ready\":true,\"kafka\":{},\"partitions\":[");
    for (int i = 0; i < 100; i++) {
        str_printf(out,
                   "%s{\"topic\":\"in\",\"partition\":%d,\"lag\":1,"
                   "\"unreadable\":{\"offset\":7,\"reason\":\"r\","
                   "\"skip_command\":\"skip\"}}",
                   i > 0 ? "," : "", i);
    }
    str_append_text(out, "],\"registrations\":[");
    for (int i = 0; i < 50; i++) {
        int kind = i % 10;

        str_printf(out,
                   "%s{\"name\":\"%060d\",\"state\":\"%s\","
                   "\"waiting\":%d,\"last_error\":{\"message\":\"%060d %060d "
                   "%060d\"}}",
                   i > 0 ? "," : "", i, states[kind < 2 ? kind : 2],
                   kind < 3 ? 5 : 0, 0, 0, 0);
    }
    str_append_text(out, "]}");
}

static size_t count_text(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
        count++;
    }
    return count;
}

static void format_many(size_t width, bool all, struct str *out)
{
    CLEANUP(str_release) struct str document = STR_INIT(STR_UNLIMITED);
    const struct status_layout layout = {.width = width, .all = all};
    struct json *status;
    struct error err;

    append_many(&document);
    assert_int_equal(json_parse(document.data, document.len, &status, &err), 0);
    append_status_text(out, status, &layout);
    json_free(status);
}

static void status__lists_what_needs_attention_and_counts_the_rest(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    format_many(STATUS_WIDTH, false, &text);
    assert_int_equal(count_text(text.data, "down,"), 5);
    assert_int_equal(count_text(text.data, "held,"), 5);
    assert_int_equal(count_text(text.data, "flowing,"), 5);
    check_contains("idle", text.data, "35 idle (--all lists them)");
    assert_int_equal(count_text(text.data, "cannot be read"), 10);
    check_contains("partitions", text.data, "and 90 more (--all lists them)");
    assert_true(strstr(text.data, "flowing,") > strstr(text.data, "held,"));
}

static void status__lists_everything_if_asked_to(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    format_many(STATUS_WIDTH, true, &text);
    assert_int_equal(count_text(text.data, "flowing,"), 40);
    assert_int_equal(count_text(text.data, "cannot be read"), 100);
    assert_null(strstr(text.data, "--all"));
}

static void status__fits_the_width_of_the_terminal(void **state)
{
    static const size_t widths[] = {80, 100, 200};

    for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const char *end;

        format_many(widths[i], true, &text);
        for (const char *line = text.data; *line != '\0'; line = end + 1) {
            end = strchr(line, '\n');
            assert_true((size_t)(end - line) <= widths[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status__tells_a_person_what_there_is_to_know),
        cmocka_unit_test(status__tells_what_is_wrong),
        cmocka_unit_test(status__makes_do_with_what_a_probe_is_told),
        cmocka_unit_test(status__of_another_shape_is_no_harm),
        cmocka_unit_test(
            status__lists_what_needs_attention_and_counts_the_rest),
        cmocka_unit_test(status__lists_everything_if_asked_to),
        cmocka_unit_test(status__fits_the_width_of_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
