/* What the service reads, keeps, sheds and commits, with a client and an
 * integration that the test controls. */

#include "capture.h"
#include "service_world.h"
#include "waybill/event_decode.h"

/* The state that the next owner of the partition would restore */
static void restore(struct ledger *ledger)
{
    struct error err;

    ledger_init(ledger);
    assert_int_equal(ledger_restore(ledger, fake_queue()->positions[0].offset,
                                    fake_queue()->positions[0].metadata, &err),
                     0);
}

/* --- committing ------------------------------------------------------------
 */

static void service__commits_what_is_finished_whatever_lies_below(void **state)
{
    struct ledger next;

    begin_of(100);
    fake_assign(0, -1, "");
    record(7, "one");
    record(8, "far");
    record(9, "both");
    fake_succeed(fake_running_one("far"));
    fake_succeed(fake_running_one("both-far"));
    commit();
    assert_int_equal(fake_queue()->messages, 2);
    assert_int_equal(fake_queue()->offsets, 1);
    assert_true(fake_queue()->positions[0].offset == 7);
    assert_int_equal(service_records(service), 2);
    restore(&next);
    assert_true(ledger_read(&next, 7));
    assert_false(ledger_read(&next, 8));
    assert_true(ledger_read(&next, 9));
    assert_true(ledger_is_delivery_done(&next, 9, progress_id("both-far")));
    assert_false(ledger_is_delivery_done(&next, 9, progress_id("both-one")));
    assert_true(ledger_was_dispatched(&next, 9));
    ledger_release(&next);
    fake_succeed(fake_running_one("one"));
    fake_succeed(fake_running_one("both-one"));
    commit();
    assert_true(fake_queue()->positions[0].offset == 10);
    assert_int_equal(service_records(service), 0);
    end();
}

/* --- events of other types -------------------------------------------------
 */

#define OTHER                                                                  \
    "{\"specversion\":\"1.0\",\"type\":\"com.example.order\",\"id\":\"o1\"}"

static void begin_skipping(void)
{
    begin_of(100);
    world.pipeline->options.skip_other_types = true;
}

static const struct service_counts *counts(void)
{
    return &service->counts.all;
}

static void service__passes_over_events_of_other_types(void **state)
{
    struct capture capture;
    const char *text;

    begin_skipping();
    log_setup(LOG_DEBUG, LOG_JSON);
    fake_assign(0, -1, "");
    capture_begin(&capture);
    assert_true(fake_record(0, 7, OTHER));
    text = capture_end(&capture);
    check_contains("log", text, "event of another type skipped");
    check_contains("log", text, "\"event_id\":\"o1\"");
    check_contains("log", text, "\"type\":\"com.example.order\"");
    check_contains("log", text, "\"offset\":7");
    assert_int_equal(service_records(service), 0);
    commit();
    assert_int_equal(fake_queue()->messages, 0);
    assert_true(fake_queue()->positions[0].offset == 8);
    assert_true(counts()->other_type == 1);
    assert_true(counts()->completed[OUTCOME_FAILED] == 0);
    assert_true(counts()->last_completed_ms > 0);
    end();
}

/* Otherwise they would fill the memory for records while one waits. */
static void service__holds_no_event_of_another_type_in_memory(void **state)
{
    struct ledger next;

    begin_skipping();
    fake_assign(0, -1, "");
    record(0, "one");
    for (int64_t offset = 1; offset <= 1000; offset++) {
        assert_true(fake_record(0, offset, OTHER));
    }
    record(1001, "far");
    fake_succeed(fake_running_one("far"));
    commit();
    assert_int_equal(service_records(service), 1);
    assert_int_equal(fake_queue()->messages, 1);
    assert_true(fake_queue()->positions[0].offset == 0);
    /* They are finished together with the record after them, in one run of the
     * metadata. */
    restore(&next);
    assert_true(ledger_read(&next, 0));
    assert_false(ledger_read(&next, 1));
    assert_false(ledger_read(&next, 1000));
    assert_false(ledger_read(&next, 1001));
    assert_true(ledger_read(&next, 1002));
    ledger_release(&next);
    assert_true(strlen(fake_queue()->positions[0].metadata) < 64);
    fake_succeed(fake_running_one("one"));
    commit();
    assert_true(fake_queue()->positions[0].offset == 1002);
    assert_true(counts()->other_type == 1000);
    end();
}

static void service__fails_events_of_other_types_by_default(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    assert_true(fake_record(0, 7, OTHER));
    commit();
    assert_int_equal(fake_queue()->messages, 2); /* and its dead letter */
    assert_true(counts()->other_type == 0);
    assert_true(counts()->completed[OUTCOME_FAILED] == 1);
    end();
}

/* A fault in an event of the right type is never ignored. */
static void service__skips_nothing_else(void **state)
{
    static const char *const values[] = {
        "not JSON",
        "{}",
        "{\"specversion\":\"1.0\",\"type\":7}",
        "{\"specversion\":\"1.0\",\"type\":\"\"}",
        "{\"specversion\":\"1.0\",\"type\":\"" EVENT_TYPE "\"}",
    };

    begin_skipping();
    fake_assign(0, -1, "");
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        assert_true(fake_record(0, (int64_t)i, values[i]));
    }
    commit();
    assert_int_equal(fake_queue()->messages, 2 * ARRAY_SIZE(values));
    assert_true(counts()->other_type == 0);
    end();
}

/* Users may wait for it in the log, so it must be true. */
static void service__logs_an_outcome_once_it_is_committed(void **state)
{
    struct capture capture;
    const char *text;

    begin_of(100);
    log_setup(LOG_INFO, LOG_JSON);
    fake_assign(0, -1, "");
    record(7, "one");
    capture_begin(&capture);
    fake_succeed(fake_running_one("one"));
    world_pass(&world, 50);
    fake_commit_ends(KAFKA_ABORTED);
    world_pass(&world, 50);
    assert_null(strstr(capture_end(&capture), "delivery succeeded"));
    capture_begin(&capture);
    commit();
    world_pass(&world, HOUR);
    text = strstr(capture_end(&capture), "delivery succeeded");
    assert_non_null(text);
    assert_null(strstr(text + 1, "delivery succeeded"));
    end();
}

/* At growing intervals of up to three seconds */
static void service__hands_in_again_what_was_aborted(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    fake_succeed(fake_running_one("one"));
    world_pass(&world, 50);
    for (uint64_t pause = 50; pause < 13000; pause *= 2) {
        assert_int_equal(fake_queue()->messages, 1);
        fake_commit_ends(KAFKA_ABORTED);
        world_pass(&world, (pause < 3200 ? pause : 3200) - 1);
        assert_false(fake_queue()->committing);
        world_pass(&world, 1);
        assert_true(fake_queue()->committing);
    }
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_int_equal(service_records(service), 0);
    world_pass(&world, HOUR);
    assert_int_equal(fake_queue()->commits, 10);
    end();
}

/* The broker accepts less metadata than assumed: nothing was committed. */
static void service__hands_in_again_what_came_with_too_much_metadata(
    void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    record(1, "far");
    fake_succeed(fake_running_one("far"));
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 1);
    fake_commit_ends(KAFKA_METADATA_TOO_LARGE);
    assert_true(counts()->completed[OUTCOME_SUCCEEDED] == 0);
    assert_int_equal(service_records(service), 2);
    world_pass(&world, 50);
    assert_true(fake_queue()->committing);
    assert_int_equal(fake_queue()->messages, 1);
    commit();
    assert_true(counts()->completed[OUTCOME_SUCCEEDED] == 1);
    assert_int_equal(service_records(service), 1);
    fake_succeed(fake_running_one("one"));
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_true(fake_queue()->positions[0].offset == 2);
    end();
}

/* --- limits
 * ------------------------------------------------------------------- */

/* With one registration, shedding would make room for nobody. */
static void service__stops_reading_when_it_is_full(void **state)
{
    int64_t offset = 0;

    begin_with(10, 1);
    fake_assign(0, -1, "");
    while (record(offset, "one")) {
        offset++;
        assert_true(offset <= 10);
    }
    assert_int_equal(offset, 10);
    assert_int_equal(service_records(service), 10);
    for (int i = 0; i < 4; i++) {
        fake_succeed(fake_running_one("one"));
    }
    commit();
    assert_true(fake_queue()->paused); /* more than half is in use */
    fake_succeed(fake_running_one("one"));
    commit();
    assert_false(fake_queue()->paused);
    end();
}

/* The broker accepts next to no metadata, which is learned when records that
 * cannot be committed before the first one fill the memory already. If that one
 * was shed, it needs room to be read again. */
static void service__does_not_count_what_the_metadata_has_no_room_for(
    void **state)
{
    begin_with(10, 1);
    fake_assign(0, -1, "");
    for (int64_t i = 0; i < 10; i++) {
        assert_true(record(i * 1000, "one"));
    }
    assert_true(fake_queue()->paused);
    ledger_limit_metadata(&TAILQ_FIRST(&service->assignments)->ledger, 4);
    for (size_t i = 1; i < 10; i++) {
        fake_succeed(fake_attempt(i));
        world_pass(&world, 50);
    }
    assert_false(fake_queue()->committing);
    assert_int_equal(service_records(service), 10);
    world_pass(&world, 1000);
    assert_false(fake_queue()->paused);
    fake_succeed(fake_attempt(0));
    commit_all();
    assert_true(fake_queue()->positions[0].offset == 9001);
    assert_int_equal(service_records(service), 0);
    end();
}

/* The memory of an attempt counts, too. */
static void service__stops_reading_when_attempts_hold_too_much(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    arena_alloc(fake_attempt(0)->arena, 1 << 20);
    record(1, "far");
    assert_true(fake_queue()->paused);
    fake_fail(fake_attempt(0), ERROR_INTERRUPTED, 404, 0);
    world_pass(&world, 1000);
    assert_false(fake_queue()->paused);
    end();
}

/* "one" is down; deliveries to other registrations continue. */
static void service__gives_up_for_now_what_waits_for_a_host_that_is_down(
    void **state)
{
    int64_t offset = 0;
    int flowed = 0;

    begin_of(20);
    fake_assign(0, -1, "");
    for (; offset < 5; offset++) {
        record(offset, "one");
    }
    for (int i = 0; i < 5; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    while (flowed < 200) {
        assert_true(record(offset, offset % 2 == 0 ? "one" : "far"));
        offset++;
        while (fake_running_one("far") != NULL) {
            fake_succeed(fake_running_one("far"));
            flowed++;
        }
        world_turn(&world);
        if (fake_queue()->committing) {
            fake_commit_ends(KAFKA_COMMITTED);
        }
        world_pass(&world, 50);
        assert_true(service_records(service) <= 20);
    }
    assert_true(fake_queue()->rewound[0] == -1); /* it is still down */
    commit_all();
    /* It is up again. */
    world_pass(&world, 30000);
    fake_answer_probe(fake_running_probe("h1"), true);
    for (int i = 0; i < 600 && fake_queue()->rewound[0] == -1; i++) {
        while (fake_running_one("one") != NULL) {
            fake_succeed(fake_running_one("one"));
        }
        world_pass(&world, 100);
        commit_all();
    }
    assert_true(fake_queue()->rewound[0] >= 0);
    assert_true(fake_queue()->rewound[0] < offset);
    end();
}

/* Two registries accept requests and do not respond: neither uses more than
 * half of the limit, and together they use all of it. */
static void service__makes_room_beside_two_that_are_slow(void **state)
{
    int64_t offset = 0;

    begin_of(40);
    fake_assign(0, -1, "");
    while (record(offset, offset % 2 == 0 ? "one" : "far")) {
        offset++;
    }
    assert_int_equal(service_records(service), 40);
    world_pass(&world, 2500);
    assert_false(fake_queue()->paused);
    assert_true(record(offset, "sea"));
    world_turn(&world);
    assert_non_null(fake_running_one("sea"));
    assert_non_null(fake_running_one("one")); /* it is still waited for */
    end();
}

/* Shed records are read again, however many others arrive: two queues that
 * deliver, neither of which uses more than its share. */
static void service__comes_back_to_what_it_dropped_while_others_flow(
    void **state)
{
    static const char *const flows[] = {"far", "sea"};
    int64_t offset = 0;
    bool alive = false;

    begin_of(20);
    fake_assign(0, -1, "");
    for (; offset < 14; offset++) {
        record(offset, "one");
    }
    for (int i = 0; i < 5; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    world_turn(&world);
    for (int i = 0; i < 100000 && fake_queue()->rewinds == 0; i++) {
        struct fake_probe *probe = fake_running_probe("h1");

        alive = i > 1000;
        while (record(offset, flows[offset % 2])) { /* there is no end */
            offset++;
        }
        if (probe != NULL) {
            fake_answer_probe(probe, alive);
        }
        while (alive && fake_running_one("one") != NULL) {
            fake_succeed(fake_running_one("one"));
        }
        if (fake_running_one(flows[i % 2]) != NULL) {
            fake_succeed(fake_running_one(flows[i % 2]));
        }
        world_pass(&world, 7);
        if (fake_queue()->committing) {
            fake_commit_ends(KAFKA_COMMITTED);
        }
    }
    assert_true(fake_queue()->rewinds > 0);
    end();
}

/* --- revocation
 * --------------------------------------------------------------- */

static void service__gives_back_what_does_nothing_at_once(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    fake_assign(1, -1, "");
    record(0, "one");
    fake_fail(fake_running_one("one"), ERROR_INTERRUPTED, 404, 0);
    world_turn(&world);
    fake_revoke(1, false);
    assert_int_equal(fake_queue()->releases, 1);
    fake_revoke(0, false);
    assert_int_equal(fake_queue()->releases, 2);
    assert_int_equal(service_records(service), 0);
    world_pass(&world, HOUR);
    assert_int_equal(fake_attempts(), 1);
    end();
}

static void service__commits_what_comes_through_before_it_gives_back(
    void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    record(1, "far");
    fake_revoke(0, false);
    assert_int_equal(fake_queue()->releases, 0);
    fake_succeed(fake_running_one("far"));
    world_turn(&world);
    assert_int_equal(fake_queue()->messages, 1);
    fake_commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_queue()->releases, 0); /* "one" still runs */
    fake_succeed(fake_running_one("one"));
    world_turn(&world);
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_true(fake_queue()->positions[0].offset == 2);
    assert_int_equal(fake_queue()->releases, 1);
    end();
}

/* The whole group waits. */
static void service__waits_two_seconds_for_what_runs(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    fake_revoke(0, false);
    world_pass(&world, 1999);
    assert_int_equal(fake_queue()->releases, 0);
    world_pass(&world, 1);
    assert_int_equal(fake_queue()->releases, 1);
    assert_true(fake_attempt(0)->cancelled);
    assert_int_equal(service_records(service), 0);
    end();
}

static void service__does_not_wait_for_what_came_to_nothing(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    fake_revoke(0, false);
    world_pass(&world, 100);
    fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    world_turn(&world);
    assert_int_equal(fake_queue()->releases, 1);
    end();
}

/* The records that fill the memory are released with their partition. */
static void service__reads_on_when_what_it_was_full_of_is_given_back(
    void **state)
{
    int64_t offset = 0;

    begin_with(5, 1); /* of which four run */
    fake_assign(0, -1, "");
    fake_assign(1, -1, "");
    while (record(offset, "one")) {
        offset++;
    }
    assert_true(fake_queue()->paused);
    fake_revoke(0, false);
    world_pass(&world, 2000);
    assert_int_equal(fake_queue()->releases, 1);
    assert_int_equal(service_records(service), 0);
    assert_false(fake_queue()->paused);
    end();
}

static void service__begins_nothing_of_what_was_lost(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    for (int i = 0; i < 30; i++) {
        record(i, "one");
    }
    assert_int_equal(fake_attempts(), 4);
    fake_revoke(0, true);
    assert_int_equal(fake_attempts(), 4);
    end();
}

static void service__forgets_what_was_lost(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    for (int i = 0; i < 8; i++) {
        record(i, "both");
    }
    fake_succeed(fake_running_one("both-one"));
    world_turn(&world); /* it is being committed */
    assert_true(fake_queue()->committing);
    fake_revoke(0, true);
    assert_int_equal(fake_queue()->releases, 0);
    assert_int_equal(service_records(service), 0);
    assert_int_equal(fake_running(NULL), 0);
    /* It is assigned again before the result is known. */
    fake_assign(0, 0, "");
    record(0, "one");
    fake_commit_ends(KAFKA_COMMITTED);
    fake_succeed(fake_running_one("one"));
    commit();
    assert_true(fake_queue()->positions[0].offset == 1);
    end();
}

static void service__ends_when_it_is_drained(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "one");
    service_stop(service);
    assert_true(fake_queue()->checks_stopped);
    assert_true(fake_queue()->paused);
    world_turn(&world);
    assert_false(fake_queue()->closing);
    fake_succeed(fake_running_one("one"));
    world_turn(&world);
    assert_false(fake_queue()->closing);
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_true(fake_queue()->closing);
    fake_revoke(0, false);
    assert_int_equal(fake_queue()->releases, 1);
    fake_close_ends();
    assert_int_equal(ended, 0); /* never from within the function */
    world_turn(&world);
    assert_int_equal(ended, 1);
    assert_false(failed);
    end();
}

/* Progress that cannot be decoded is an error. */
static void service__ends_when_metadata_makes_no_sense(void **state)
{
    begin_of(100);
    fake_assign(0, 5, "nobody's business");
    record(5, "one");
    world_turn(&world);
    assert_int_equal(fake_attempts(), 0);
    assert_true(fake_queue()->closing);
    fake_revoke(0, false);
    fake_close_ends();
    world_turn(&world);
    assert_int_equal(fake_queue()->commits, 0);
    assert_int_equal(ended, 1);
    assert_true(failed);
    end();
}

/* The log lines from the end of reading until the client is closed, of a
 * partition whose records from 5 to 7 were deleted before they were read */
static const char *log_of_end(struct capture *capture, const struct error *why)
{
    begin_of(100);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    fake_queue()->bounds = (struct kafka_bounds){8, 20};
    fake_assign(0, 5, "");
    capture_begin(capture);
    if (why != NULL) {
        fake_queue()->handler->failed(fake_queue()->payload, why);
    } else {
        service_stop(service);
    }
    world_turn(&world);
    assert_true(fake_queue()->closing);
    return capture_end(capture);
}

static void service__says_where_to_go_on_after_deleted_records(void **state)
{
    struct capture capture;
    struct error err;

    error_set(&err, ERROR_FATAL, "the offset is out of range");
    check_contains("failed", log_of_end(&capture, &err), "--to-offset 8");
    end();
    assert_null(strstr(log_of_end(&capture, NULL), "--to-offset"));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service__commits_what_is_finished_whatever_lies_below),
        cmocka_unit_test(service__passes_over_events_of_other_types),
        cmocka_unit_test(service__holds_no_event_of_another_type_in_memory),
        cmocka_unit_test(service__fails_events_of_other_types_by_default),
        cmocka_unit_test(service__skips_nothing_else),
        cmocka_unit_test(service__logs_an_outcome_once_it_is_committed),
        cmocka_unit_test(service__hands_in_again_what_was_aborted),
        cmocka_unit_test(
            service__hands_in_again_what_came_with_too_much_metadata),
        cmocka_unit_test(service__stops_reading_when_it_is_full),
        cmocka_unit_test(
            service__does_not_count_what_the_metadata_has_no_room_for),
        cmocka_unit_test(service__stops_reading_when_attempts_hold_too_much),
        cmocka_unit_test(
            service__gives_up_for_now_what_waits_for_a_host_that_is_down),
        cmocka_unit_test(service__gives_back_what_does_nothing_at_once),
        cmocka_unit_test(
            service__commits_what_comes_through_before_it_gives_back),
        cmocka_unit_test(service__waits_two_seconds_for_what_runs),
        cmocka_unit_test(service__forgets_what_was_lost),
        cmocka_unit_test(service__makes_room_beside_two_that_are_slow),
        cmocka_unit_test(
            service__comes_back_to_what_it_dropped_while_others_flow),
        cmocka_unit_test(service__does_not_wait_for_what_came_to_nothing),
        cmocka_unit_test(
            service__reads_on_when_what_it_was_full_of_is_given_back),
        cmocka_unit_test(service__begins_nothing_of_what_was_lost),
        cmocka_unit_test(service__ends_when_it_is_drained),
        cmocka_unit_test(service__ends_when_metadata_makes_no_sense),
        cmocka_unit_test(service__says_where_to_go_on_after_deleted_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
