/* The exact output of `waybill explain`, for people and for programs */

#include "asserts.h"
#include "cli/explain_text.h"

static const struct explain_names names = {
    .program = "waybill",
    .brokers = "b:9092",
    .outcomes = "out",
    .dead_letters = "dead",
};

/* Nobody was asked. */
static const struct waiting waiting = WAITING_INIT;

static struct history_outcome outcomes[] = {
    {.partition = 0,
     .offset = 7,
     .topic = "in",
     .input_partition = 3,
     .input_offset = 42,
     .own = true,
     .event_id = "e1",
     .status = "succeeded",
     .attachment = "ghcr:shop",
     .registration = "ghcr",
     .reference = "ghcr.io/acme/x@sha256:m",
     .digest = "sha256:m",
     .already_present = true,
     .attempts = 2,
     .finished_at = "2026-01-02T03:04:07.000Z",
     .traceparent = "00-x-y-01"},
    {.partition = 0,
     .offset = 8,
     .topic = "in",
     .input_partition = 3,
     .input_offset = 42,
     .own = true,
     .event_id = "e1",
     .status = "failed",
     .attachment = "far:shop",
     .registration = "far",
     .error_class = "rejected",
     .code = "DENIED",
     .message = "push: \x1b[31mno",
     .http_status = 403,
     .attempts = 1,
     .finished_at = "2026-01-02T03:04:08.000Z"},
    {.partition = 1,
     .offset = 3,
     .topic = "in",
     .input_partition = 0,
     .input_offset = 90,
     .event_id = "e1",
     .status = "failed",
     .attachment = "far:shop",
     .error_class = "rejected",
     .attempts = 1},
};

static struct dead_letter first = {.partition = 2,
                                   .offset = 5,
                                   .attachment = "far:shop",
                                   .error_class = "rejected",
                                   .state = DEAD_LETTER_REPLAYED};
static struct dead_letter second = {.partition = 2,
                                    .offset = 6,
                                    .attachment = "far:shop",
                                    .error_class = "rejected",
                                    .replays = 1,
                                    .state = DEAD_LETTER_WAITING};
static struct dead_letter *dead_letters[] = {&first, &second};

static const struct history failed = {
    .topic = "in",
    .partition = 3,
    .offset = 42,
    .partitions = 4,
    .has_partition = true,
    .low = 10,
    .end = 100,
    .found = true,
    .timestamp_ms = 1767323045678,
    .size = 1234,
    .event_id = "e1",
    .group = "g",
    .committed = 57,
    .dispatched = 60,
    .outcomes = outcomes,
    .outcome_count = 3,
    .dead_letters = dead_letters,
    .dead_letter_count = 2,
    .searched = 11,
};

static const char failed_text[] =
    "in/3/42\n"
    "Finished with errors: 1 of 2 deliveries failed. Each failure has a dead\n"
    "letter.\n"
    "\n"
    "  record      1234 bytes, written at 2026-01-02T03:04:05.678Z\n"
    "  event       e1\n"
    "  partition   offsets 10-99\n"
    "  group       g, committed offset 57, has read up to offset 59\n"
    "\n"
    "outcomes\n"
    "  succeeded, ghcr:shop\n"
    "    ghcr.io/acme/x@sha256:m (already present)\n"
    "    2 attempts, finished 2026-01-02T03:04:07.000Z; outcome out/0/7\n"
    "  failed, far:shop\n"
    "    rejected, DENIED, HTTP 403: push:  [31mno\n"
    "    1 attempt, finished 2026-01-02T03:04:08.000Z; outcome out/0/8\n"
    "other deliveries of the same event (a replay, or it was published twice)\n"
    "  failed, far:shop, as in/0/90\n"
    "    rejected\n"
    "    1 attempt; outcome out/1/3\n"
    "\n"
    "dead letters\n"
    "  dead/2/5, replayed, far:shop\n"
    "  dead/2/6, waiting, far:shop, of replay 1\n"
    "\n"
    "next\n"
    "  waybill replay show 2/6\n"
    "    why it failed, and how to fix that\n"
    "  waybill replay run --dead-letter 2/6 --yes\n"
    "    delivers it again, once the cause is fixed\n";

static const char failed_json[] =
    "{\"topic\":\"in\",\"partition\":3,\"offset\":42,\"verdict\":\"done\","
    "\"means\":\"Finished with errors: 1 of 2 deliveries failed. Each "
    "failure has a dead letter.\",\"record\":{\"size\":1234,\"timestamp\":"
    "\"2026-01-02T03:04:05.678Z\",\"event_id\":\"e1\"},\"first_offset\":10,"
    "\"end_offset\":100,\"group\":{\"name\":\"g\",\"committed\":57,"
    "\"dispatched\":60},\"deliveries\":[],\"outcomes\":["
    "{\"status\":\"succeeded\",\"own\":true,\"partition\":0,\"offset\":7,"
    "\"input\":{\"topic\":\"in\",\"partition\":3,\"offset\":42,\"id\":\"e1\"},"
    "\"attachment\":\"ghcr:shop\",\"registration\":\"ghcr\",\"reference\":"
    "\"ghcr.io/acme/x@sha256:m\",\"digest\":\"sha256:m\",\"already_present\":"
    "true,\"attempts\":2,\"finished_at\":\"2026-01-02T03:04:07.000Z\","
    "\"traceparent\":\"00-x-y-01\"},"
    "{\"status\":\"failed\",\"own\":true,\"partition\":0,\"offset\":8,"
    "\"input\":{\"topic\":\"in\",\"partition\":3,\"offset\":42,\"id\":\"e1\"},"
    "\"attachment\":\"far:shop\",\"registration\":\"far\",\"attempts\":1,"
    "\"finished_at\":\"2026-01-02T03:04:08.000Z\",\"error\":{\"class\":"
    "\"rejected\",\"code\":\"DENIED\",\"http_status\":403,\"message\":"
    "\"push: \\u001b[31mno\"}},"
    "{\"status\":\"failed\",\"own\":false,\"partition\":1,\"offset\":3,"
    "\"input\":{\"topic\":\"in\",\"partition\":0,\"offset\":90,\"id\":\"e1\"},"
    "\"attachment\":\"far:shop\",\"attempts\":1,\"error\":{\"class\":"
    "\"rejected\"}}],\"dead_letters\":["
    "{\"partition\":2,\"offset\":5,\"state\":\"replayed\",\"attachment\":"
    "\"far:shop\",\"error_class\":\"rejected\",\"replays\":0},"
    "{\"partition\":2,\"offset\":6,\"state\":\"waiting\",\"attachment\":"
    "\"far:shop\",\"error_class\":\"rejected\",\"replays\":1}],"
    "\"searched\":11,\"complete\":true,\"next\":["
    "{\"command\":\"waybill replay show 2/6\",\"why\":\"why it failed, and "
    "how to fix that\"},{\"command\":\"waybill replay run --dead-letter "
    "2/6 --yes\",\"why\":\"delivers it again, once the cause is fixed\"}]}\n";

static void explain_text__says_what_failed_and_what_to_type(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str json = STR_INIT(STR_UNLIMITED);

    explain_append_text(&text, &failed, &waiting, &names);
    assert_string_equal(text.data, failed_text);
    explain_append_json(&json, &failed, &waiting, &names);
    assert_string_equal(json.data, failed_json);
}

static void explain_text__says_what_a_record_waits_for(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct history_delivery deliveries[] = {
        {.attachment = "ghcr:shop", .done = true},
        {.attachment = "far:shop",
         .attempts = 3,
         .first_failed_ms = 1767323045000},
        {.attempts = 1, .first_failed_ms = 1767323045000},
    };
    struct history history = failed;

    history.committed = 40;
    history.event_id = NULL;
    history.replay_of = "dead/2/5";
    history.deliveries = deliveries;
    history.delivery_count = ARRAY_SIZE(deliveries);
    history.outcome_count = 0;
    history.dead_letter_count = 0;
    explain_append_text(&text, &history, &waiting, &names);
    assert_string_equal(
        text.data,
        "in/3/42\n"
        "Partly finished: some of its deliveries have an outcome. The others "
        "are in\n"
        "progress or waiting for an endpoint.\n"
        "\n"
        "  record      1234 bytes, written at 2026-01-02T03:04:05.678Z\n"
        "  replay of   dead letter dead/2/5\n"
        "  partition   offsets 10-99\n"
        "  group       g, committed offset 40, has read up to offset 59\n"
        "\n"
        "deliveries, as of the last commit\n"
        "  ghcr:shop: finished\n"
        "  far:shop: not finished; 3 attempts failed, the first at "
        "2026-01-02T03:04:05.000Z\n"
        "  (no longer configured): not finished; 1 attempt failed, the first "
        "at "
        "2026-01-02T03:04:05.000Z\n"
        "\n"
        "next\n"
        "  waybill status\n"
        "    the state of the instance, and what its registrations are waiting "
        "for\n"
        "  waybill check --online\n"
        "    whether each endpoint would accept a delivery\n");
}

static void explain_text__says_whose_offset_was_set_back(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct history history = failed;

    history.committed = -1;
    history.dispatched = -1;
    history.outcome_count = 1;
    history.dead_letter_count = 0;
    explain_append_text(&text, &history, &waiting, &names);
    assert_string_equal(
        text.data,
        "in/3/42\n"
        "It has outcomes, but group 'g' no longer has an offset in this "
        "partition: the\n"
        "offset was deleted or has expired (Kafka deletes the offsets of a "
        "group that\n"
        "has been empty for a week: offsets.retention.minutes). Unless the "
        "offset is\n"
        "set after this record, the record will be read and delivered again.\n"
        "\n"
        "  record      1234 bytes, written at 2026-01-02T03:04:05.678Z\n"
        "  event       e1\n"
        "  partition   offsets 10-99\n"
        "  group       g, no committed offset\n"
        "\n"
        "outcomes\n"
        "  succeeded, ghcr:shop\n"
        "    ghcr.io/acme/x@sha256:m (already present)\n"
        "    2 attempts, finished 2026-01-02T03:04:07.000Z; outcome out/0/7\n"
        "\n"
        "next\n"
        "  kafka-consumer-groups --bootstrap-server b:9092 --group g "
        "--describe\n"
        "    which instance reads the partition, and its lag\n");
}

static void explain_text__says_who_should_have_read_it(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct history history = {.topic = "in",
                              .partition = 3,
                              .offset = 42,
                              .has_partition = true,
                              .low = 50,
                              .end = 100,
                              .group = "g",
                              .committed = 20,
                              .unreadable = "no progress",
                              .incomplete = true,
                              .searched = 9};

    explain_append_text(&text, &history, &waiting, &names);
    assert_string_equal(
        text.data,
        "in/3/42\n"
        "Deleted before it was finished: the partition now begins at offset "
        "50, and\n"
        "group 'g' has not committed an offset after this record. Either the "
        "retention\n"
        "of the topic (retention.ms) is too short, or somebody deleted "
        "records.\n"
        "\n"
        "  partition   offsets 50-99\n"
        "  group       g, committed offset 20\n"
        "  progress    cannot be decoded: no progress\n"
        "\n"
        "9 outcomes were read. There are more; a higher --limit includes "
        "them.\n"
        "\n"
        "next\n"
        "  kafka-consumer-groups --bootstrap-server b:9092 --group g "
        "--describe\n"
        "    which instance reads the partition, and its lag\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_text__says_what_failed_and_what_to_type),
        cmocka_unit_test(explain_text__says_what_a_record_waits_for),
        cmocka_unit_test(explain_text__says_whose_offset_was_set_back),
        cmocka_unit_test(explain_text__says_who_should_have_read_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
