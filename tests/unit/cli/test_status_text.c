/* The exact output of `waybill status`, from documents of /status */

#include "asserts.h"
#include "cli/status_text.h"

static void check_status(const char *document, bool ready, const char *expected)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json *status;
    struct error err;

    assert_int_equal(json_parse(document, strlen(document), &status, &err), 0);
    append_status_text(&text, status);
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
        "waybill        0.2.0, running since 2026-01-02T03:04:05.000Z\n"
        "group          g, reads in from b:9092\n"
        "lag            2 records in 2 partitions\n"
        "in flight      0 of at most 1000 records\n"
        "registrations  ghcr: flowing, 7 succeeded, 1 failed, 0 waiting\n"
        "dead letters   0 since the start\n"
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
        "\"waiting\":4,\"last_error\":{\"message\":\"\\u001b[31mno\"}},"
        "{\"name\":\"c\",\"state\":\"held\",\"since\":\"then\","
        "\"reason\":\"over quota\",\"held_attachments\":[],"
        "\"last_error\":{\"message\":\"later\"}},"
        "{\"name\":\"d\",\"state\":\"flowing\",\"held_attachments\":["
        "{\"name\":\"closed\",\"since\":\"then\",\"waiting\":3,"
        "\"reason\":\"denied \\u001b[31m\"}]}]}",
        false,
        "not ready      one\n"
        "               two\n"
        "waybill        0.2.0, draining since s\n"
        "group          g, reads in from b:9092\n"
        "lag            9 records in 2 partitions, not yet known of 1\n"
        "in flight      4 of at most 1000 records, the oldest for 61 s: "
        "in/3/42, waiting\n"
        "rejected       in/0/9 is held since then: topic dead rejects its "
        "message, too old (INVALID); mend it\n"
        "               and 6 more\n"
        "registrations  a: flowing, 0 succeeded, 0 failed, 0 waiting\n"
        "               b: down since then, 0 succeeded, 0 failed, 4 waiting: "
        " [31mno\n"
        "               c: held since then, 0 succeeded, 0 failed, 0 waiting: "
        "over quota\n"
        "               d: flowing, 0 succeeded, 0 failed, 0 waiting\n"
        "               d: attachment closed is held since then, 3 waiting: "
        "denied  [31m\n"
        "dead letters   3 since the start (schema 2, rejected 1), on dead\n"
        "configuration  sha256:ab, read again at then and refused: "
        "c.yaml:1:2: key: wrong\n"
        "restart        wanted by kafka.group\n");
}

static void status__makes_do_with_what_a_probe_is_told(void **state)
{
    check_status("{\"ready\":false,\"reasons\":[\"no broker\"]}", false,
                 "not ready      no broker\n"
                 "The rest wants the admin.token that the service was started "
                 "with.\n");
}

/* The document is from another program, or malformed. */
static void status__of_another_shape_is_no_harm(void **state)
{
    check_status("{\"ready\":1,\"reasons\":\"x\",\"kafka\":7,"
                 "\"registrations\":[3,null],\"partitions\":{\"a\":[]},"
                 "\"in_flight\":[],\"dead_letters\":{\"classes\":[true]}}",
                 false,
                 "not ready      ?\n"
                 "waybill        ?, ? since ?\n"
                 "group          ?, reads ? from ?\n"
                 "lag            0 records in 1 partition, not yet known of 1\n"
                 "in flight      0 of at most 0 records\n"
                 "registrations  ?: ?, 0 succeeded, 0 failed, 0 waiting\n"
                 "               ?: ?, 0 succeeded, 0 failed, 0 waiting\n"
                 "dead letters   0 since the start (? 0), on ?\n"
                 "configuration  ?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status__tells_a_person_what_there_is_to_know),
        cmocka_unit_test(status__tells_what_is_wrong),
        cmocka_unit_test(status__makes_do_with_what_a_probe_is_told),
        cmocka_unit_test(status__of_another_shape_is_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
