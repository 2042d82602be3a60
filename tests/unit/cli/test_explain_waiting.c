/* What `waybill explain` shows of deliveries that wait, from responses of the
 * admin port */

#include "asserts.h"
#include "cli/explain_waiting.h"

static void check_waiting(const char *document, const char *expected)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct waiting waiting = WAITING_INIT;

    waiting.is_asked = true;
    str_append_text(&waiting.source, "http://127.0.0.1:9464");
    assert_int_equal(
        json_parse(document, strlen(document), &waiting.found, &waiting.err),
        0);
    waiting_append_text(&text, &waiting, 78);
    waiting_release(&waiting);
    check_text(document, text.data, expected);
}

static void waiting__says_for_what_since_when_and_until_when(void **state)
{
    check_waiting(
        "{\"in_memory\":true,\"age_ms\":7,\"deliveries\":["
        "{\"attachment\":\"ghcr:shop\",\"registration\":\"ghcr\","
        "\"host\":\"ghcr.io\",\"waits_for\":\"endpoint_down\","
        "\"attempts\":3,\"since\":\"2026-01-02T03:04:05.000Z\","
        "\"next_attempt\":\"2026-01-02T03:05:05.000Z\","
        "\"reason\":\"no \\u001b[31manswer\"},"
        "{\"attachment\":\"far:shop\",\"waits_for\":\"committing\"},"
        "{\"waits_for\":\"queued\",\"attempts\":1}]}",
        "\nwaiting deliveries, as reported by http://127.0.0.1:9464\n"
        "  ghcr:shop: waits for ghcr.io, which is down since\n"
        "    2026-01-02T03:04:05.000Z; 3 attempts so far; next attempt at\n"
        "    2026-01-02T03:05:05.000Z; last error: no  [31manswer\n"
        "  far:shop: is finished, and its outcome is being committed\n"
        "  the record: is queued for its endpoint; 1 attempt so far\n");
}

static void waiting__says_that_another_instance_may_have_the_record(
    void **state)
{
    check_waiting("{\"in_memory\":false,\"deliveries\":[]}",
                  "\nwaiting deliveries, as reported by "
                  "http://127.0.0.1:9464\n"
                  "  This instance does not have the record in memory. Either "
                  "another instance\n"
                  "    of the group has it, or it has not been read yet.\n");
}

static void waiting__copes_with_what_it_does_not_know(void **state)
{
    check_waiting("{\"deliveries\":[{\"waits_for\":\"the moon\"},7]}",
                  "\nwaiting deliveries, as reported by "
                  "http://127.0.0.1:9464\n"
                  "  the record: the moon\n"
                  "  the record: ?\n");
}

static void waiting__says_why_nothing_is_known(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct admin_settings off = {.listen = "off"};
    const struct position record = {"in", 3, 42};
    struct waiting waiting = WAITING_INIT;

    waiting_append_text(&text, &waiting, 78);
    assert_int_equal(text.len, 0); /* nobody was asked */
    waiting_ask(&off, &record, &waiting);
    waiting_append_text(&text, &waiting, 78);
    assert_string_equal(
        text.data,
        "\nwaiting deliveries\n"
        "  not known: admin.listen is 'off': the service has no admin port. To "
        "list\n"
        "    them, run this command on the host of the instance that reads "
        "the\n"
        "    partition.\n");
    waiting_release(&waiting);
}

static void waiting__is_part_of_the_json(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct admin_settings off = {.listen = "off"};
    const struct position record = {"in", 3, 42};
    struct json_writer json = {.out = &text};
    struct waiting waiting = WAITING_INIT;

    waiting_ask(&off, &record, &waiting);
    json_open(&json, NULL, '{');
    waiting_append_json(&json, &waiting);
    json_close(&json, '}');
    assert_string_equal(text.data,
                        "{\"waiting\":{\"error\":\"admin.listen is 'off': the "
                        "service has no admin port\"}}");
    waiting_release(&waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting__says_for_what_since_when_and_until_when),
        cmocka_unit_test(
            waiting__says_that_another_instance_may_have_the_record),
        cmocka_unit_test(waiting__copes_with_what_it_does_not_know),
        cmocka_unit_test(waiting__says_why_nothing_is_known),
        cmocka_unit_test(waiting__is_part_of_the_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
