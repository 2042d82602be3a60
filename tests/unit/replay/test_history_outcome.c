/* Which outcomes concern a record, in either mode */

#include "asserts.h"
#include "waybill/history.h"

static const struct history history = {
    .topic = "in",
    .partition = 3,
    .offset = 42,
    .timestamp_ms = 1767323045678,
    .origin = {"in", 3, 42},
    .event_id = "e1",
};

#define REST(id)                                                               \
    "\"id\":\"" id "\"},\"attachment\":\"a\","                                 \
    "\"artifact\":{\"reference\":\"r@d\",\"digest\":\"d\","                    \
    "\"already_present\":true},\"attempts\":2,\"finished_at\":\"T\"}"
#define DATA(offset, id)                                                       \
    "{\"status\":\"succeeded\",\"input\":{\"topic\":\"in\",\"partition\":3,"   \
    "\"offset\":" offset "," REST(id)
/* Of a record of the replays topic */
#define REPLAY(offset, id)                                                     \
    "{\"status\":\"succeeded\",\"input\":{\"topic\":\"replays\","              \
    "\"partition\":0,\"offset\":5,\"origin\":{\"topic\":\"in\","               \
    "\"partition\":3,\"offset\":" offset "}," REST(id)
#define STRUCTURED(source, id, data, event)                                    \
    "{\"id\":\"" id "\",\"source\":\"" source "\",\"causationid\":\"" event    \
    "\",\"traceparent\":\"tp\",\"data\":" data "}"

struct row {
    const char *label;
    const char *id; /* NULL: structured mode */
    const char *event;
    const char *value;
    bool wanted;
    bool own;
};

static const struct row rows[] = {
    {"its own", "in/3/42/a", "e1", DATA("42", "e1"), true, true},
    {"its own, without a delivery", "in/3/42", "e1", DATA("42", "e1"), true,
     true},
    {"its own, with its timestamp", "in/3/42@1767323045678/a", "e1",
     DATA("42", "e1"), true, true},
    {"of an earlier topic of that name", "in/3/42@1767323045677", "e2",
     DATA("42", "e2"), false, false},
    {"of an earlier topic, the same event", "in/3/42@1767323045677/a", "e1",
     DATA("42", "e1"), true, false},
    {"of a replay", "replays/0/5/a", "e1", REPLAY("42", "e1"), true, false},
    {"of a replay of another record", "replays/0/5/a", "e1", REPLAY("43", "e1"),
     false, false},
    {"of another record with the same id", "in/3/50/a", "e1", DATA("50", "e1"),
     false, false},
    {"of another record", "in/3/43/a", "e2", DATA("43", "e2"), false, false},
    {"of one whose offset begins so", "in/3/421/a", "e2", DATA("421", "e2"),
     false, false},
    {"that says so in its header only", "in/3/42/a", "e2", DATA("43", "e2"),
     false, false},
    {"that is not JSON", "in/3/42/a", "e1", "{", false, false},
    {"that is something else", "in/3/42/a", "e1", "[7]", false, false},
    {"a tombstone", "in/3/42/a", "e1", NULL, false, false},
    {"structured", NULL, NULL,
     STRUCTURED("waybill/g", "in/3/42/a", DATA("42", "e1"), "e1"), true, true},
    {"structured, of a replay", NULL, NULL,
     STRUCTURED("waybill/g", "replays/0/5/a", REPLAY("42", "e1"), "e1"), true,
     false},
    {"structured, of another record with the same id", NULL, NULL,
     STRUCTURED("waybill/g", "in/3/50/a", DATA("50", "e1"), "e1"), false,
     false},
    {"structured, of another group", NULL, NULL,
     STRUCTURED("waybill/h", "in/3/42/a", DATA("42", "e1"), "e1"), false,
     false},
    {"structured, of another record", NULL, NULL,
     STRUCTURED("waybill/g", "in/3/43/a", DATA("43", "e2"), "e2"), false,
     false},
};

static struct input input_of(const struct row *row, struct header headers[4])
{
    struct input input = {.message = {.topic = "out",
                                      .value = bytes_of(row->value),
                                      .headers = headers,
                                      .header_count = 1},
                          .partition = 1,
                          .offset = 7};

    headers[0] = (struct header){"content-type",
                                 bytes_of(row->id == NULL
                                              ? "application/cloudevents+json"
                                              : "application/json")};
    if (row->id != NULL) {
        headers[1] = (struct header){"ce_id", bytes_of(row->id)};
        headers[2] = (struct header){"ce_source", bytes_of("waybill/g")};
        headers[3] = (struct header){"ce_causationid", bytes_of(row->event)};
        input.message.header_count = 4;
    }
    return input;
}

static void history_outcome__is_of_the_record_or_of_a_replay_of_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        const struct row *row = &rows[i];
        struct header headers[4];
        struct input input = input_of(row, headers);
        struct history_outcome outcome = {.own = false};
        bool read = history_read_outcome(&history, "waybill/g", &input, arena,
                                         &outcome);

        check(row->label, read == row->wanted);
        check(row->label, !read || outcome.own == row->own);
        if (read) {
            check_text(row->label, outcome.reference, "r@d");
            check_number(row->label, outcome.attempts, 2);
            check(row->label, outcome.already_present);
            check_number(row->label, outcome.partition, 1);
            check_number(row->label, outcome.offset, 7);
        }
    }
}

static void history_outcome__of_another_group_is_none(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct header headers[4];
    struct input input = input_of(&rows[0], headers);
    struct history_outcome outcome;

    headers[2].value = bytes_of("waybill/h");
    assert_false(
        history_read_outcome(&history, "waybill/g", &input, arena, &outcome));
}

/* Any client may write to the topic. */
static void history_outcome__takes_odd_values_as_none(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct row row = {
        .id = "in/3/42",
        .event = "e1",
        .value = "{\"status\":\"failed\",\"input\":{\"topic\":\"in\","
                 "\"partition\":3,\"offset\":42,\"id\":7},\"attempts\":-1,"
                 "\"error\":{\"class\":\"x\",\"http_status\":1e99},"
                 "\"artifact\":{\"already_present\":7}}"};
    struct header headers[4];
    struct input input = input_of(&row, headers);
    struct history_outcome outcome;

    assert_true(
        history_read_outcome(&history, "waybill/g", &input, arena, &outcome));
    assert_true(outcome.own);
    assert_null(outcome.event_id);
    assert_int_equal(outcome.attempts, 0);
    assert_int_equal(outcome.http_status, 0);
    assert_false(outcome.already_present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            history_outcome__is_of_the_record_or_of_a_replay_of_it),
        cmocka_unit_test(history_outcome__of_another_group_is_none),
        cmocka_unit_test(history_outcome__takes_odd_values_as_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
