/* The counters, and the status that is shown. */

#include "service_world.h"
#include "waybill/status.h"

static struct arena *arena;
static struct status status;

static const struct status *look(void)
{
    arena_free(arena);
    arena = arena_new();
    service_get_status(service, arena, &status);
    return &status;
}

static void begin_ready(void)
{
    begin_of(100);
    arena = NULL;
    fake_queue()->state = (struct kafka_state){true, true};
    fake_queue()->bounds = (struct kafka_bounds){0, 10};
}

static void done(void)
{
    arena_free(arena);
    end();
}

static uint64_t retries(const struct status_registration *registration)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        sum += registration->counts->retries[i];
    }
    return sum;
}

/* --- readiness -------------------------------------------------------------
 */

static void status__is_not_ready_before_the_group_and_the_producer_are(
    void **state)
{
    begin_of(100);
    arena = NULL;
    assert_int_equal(look()->reason_count, 2);
    check_contains("reason", status.reasons[0], "no assignment");
    check_contains("reason", status.reasons[1], "no producer");
    /* A member without a partition: there are more members than partitions. */
    fake_queue()->state = (struct kafka_state){true, true};
    assert_int_equal(look()->reason_count, 0);
    assert_int_equal(status.partition_count, 0);
    done();
}

static void status__says_since_when_it_is_not_ready(void **state)
{
    int64_t began;

    begin_ready();
    world_pass(&world, 2000);
    assert_true(look()->not_ready_since_ms == 0);
    fake_queue()->state.producer = false;
    world_pass(&world, 2000);
    began = look()->not_ready_since_ms;
    assert_true(began > status.started_ms);
    world_pass(&world, 60000);
    assert_true(look()->not_ready_since_ms == began);
    fake_queue()->state.producer = true;
    world_pass(&world, 2000);
    assert_true(look()->not_ready_since_ms == 0);
    done();
}

static void status__says_since_when_a_warning_holds(void **state)
{
    static const struct kafka_condition conditions[] = {
        {"a doubt", false, 1234}, {"a fault", true, 5678}};

    begin_ready();
    fake_queue()->conditions = conditions;
    fake_queue()->condition_count = 2;
    assert_int_equal(look()->warning_count, 1);
    assert_true(status.warnings_since_ms[0] == 1234);
    done();
}

static void status__is_not_ready_while_it_stops(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    record(0, "one");
    service_stop(service);
    assert_int_equal(look()->reason_count, 1);
    check_contains("reason", status.reasons[0], "stopping");
    assert_int_equal(status.phase, PHASE_DRAINING);
    done();
}

static void status__says_why_it_cannot_go_on(void **state)
{
    begin_ready();
    fake_assign(0, 5, "nobody's business");
    assert_true(look()->reason_count == 2);
    check_contains("reason", status.reasons[0], "cannot go on: partition 0");
    done();
}

static void status__names_what_a_topic_rejects(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    record(7, "one");
    fake_succeed(fake_running_one("one"));
    world_pass(&world, 50);
    fake_message_is_rejected(0);
    /* Also while it is tried again */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(look()->reason_count, 0);
        assert_int_equal(status.withheld_count, 1);
        assert_int_equal(status.outputs[STATUS_OUTCOMES].withheld, 1);
        assert_string_equal(status.withheld[0].to, "outcomes");
        assert_true(status.withheld[0].offset == 7);
        assert_string_equal(status.withheld[0].code, "INVALID_TIMESTAMP");
        check_contains("remedy", status.withheld[0].remedy, "clocks");
        assert_string_equal(status.oldest[0].state, "rejected by Kafka");
        world_pass(&world, 500);
    }
    assert_true(fake_queue()->committing);
    done();
}

static void status__is_not_ready_while_a_topic_accepts_nothing(void **state)
{
    struct kafka_rejection rejection = {.code = "_UNKNOWN_TOPIC",
                                        .reason = "Unknown topic",
                                        .is_certain = true,
                                        .is_topic_wide = true};

    begin_ready();
    fake_assign(0, -1, "");
    record(7, "one");
    fake_succeed(fake_running_one("one"));
    world_pass(&world, 50);
    fake_commit_is_rejected(&rejection, 1);
    assert_int_equal(look()->reason_count, 1);
    assert_string_equal(status.reasons[0],
                        "topic 'outcomes' accepts no messages "
                        "(_UNKNOWN_TOPIC: Unknown topic): create the topic");
    assert_true(status.outputs[STATUS_OUTCOMES].is_blocked);
    assert_false(status.outputs[STATUS_DEAD_LETTERS].is_blocked);
    assert_int_equal(status.withheld_count, 1);
    done();
}

/* --- partitions and records ------------------------------------------------
 */

static void status__shows_how_far_a_partition_has_come(void **state)
{
    begin_ready();
    fake_assign(2, -1, "");
    assert_true(look()->partitions[0].lag == 10);
    fake_record(2, 4, value_of("one"));
    fake_record(2, 5, value_of("far"));
    fake_succeed(fake_running_one("far"));
    commit();
    look();
    assert_int_equal(status.partition_count, 1);
    assert_int_equal(status.partitions[0].partition, 2);
    assert_true(status.partitions[0].watermark == 4);
    assert_true(status.partitions[0].read == 6);
    assert_true(status.partitions[0].window == 2);
    assert_true(status.partitions[0].lag == 6);
    assert_int_equal(status.partitions[0].records, 1);
    assert_int_equal(status.records, 1);
    fake_queue()->bounds = (struct kafka_bounds){-1, -1};
    assert_true(look()->partitions[0].lag == -1);
    done();
}

/* The lag is counted from the committed offset, even if the records there were
 * deleted. */
static void status__shows_what_is_behind_a_deleted_beginning(void **state)
{
    begin_ready();
    fake_queue()->bounds = (struct kafka_bounds){3, 10};
    fake_assign(2, -1, "");
    assert_true(look()->partitions[0].lag == 7);
    fake_revoke(2, true);
    fake_assign(2, 0, "");
    assert_true(look()->partitions[0].lag == 10);
    done();
}

static void status__shows_what_the_oldest_records_wait_for(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    record(7, "both");
    fake_succeed(fake_running_one("both-one"));
    world_pass(&world, 5000);
    look();
    assert_int_equal(status.oldest_count, 1);
    assert_true(status.oldest[0].offset == 7);
    assert_true(status.oldest[0].age_ms == 5000);
    assert_string_equal(status.oldest[0].registration, "far");
    assert_string_equal(status.oldest[0].state, "running");
    assert_int_equal(status.oldest[0].attempts, 1);
    fake_succeed(fake_running_one("both-far"));
    world_turn(&world);
    look();
    assert_null(status.oldest[0].registration);
    assert_string_equal(status.oldest[0].state, "committing");
    done();
}

/* --- registrations ---------------------------------------------------------
 */

static void status__shows_which_registration_is_down_and_why(void **state)
{
    const struct status_registration *one;

    begin_ready();
    fake_assign(0, -1, "");
    assert_int_equal(look()->registration_count, 5);
    one = &status.registrations[0];
    assert_int_equal(one->state, REGISTRATION_FLOWING);
    assert_false(one->shed);
    for (int64_t i = 0; i < 4; i++) {
        record(i, "one");
    }
    record(4, "two");
    while (fake_running("one") + fake_running("two") > 0) {
        fake_fail(fake_running_one(NULL), ERROR_UNREACHABLE, 0, 0);
    }
    look();
    one = &status.registrations[0];
    assert_string_equal(one->registration->name, "one");
    assert_string_equal(one->host, "h1");
    assert_int_equal(one->state, REGISTRATION_DOWN);
    assert_true(one->since_ms == WORLD_BEGAN);
    assert_true(one->retry_ms > WORLD_BEGAN);
    assert_int_equal(one->waiting, 4);
    assert_int_equal(one->last_error->kind, ERROR_UNREACHABLE);
    assert_true(one->last_error_ms == WORLD_BEGAN);
    assert_int_equal(retries(one), 4);
    assert_int_equal(one->counts->retries[ERROR_UNREACHABLE], 4);
    /* The same host, another registration; and another host */
    assert_int_equal(status.registrations[1].state, REGISTRATION_DOWN);
    assert_int_equal(status.registrations[2].state, REGISTRATION_FLOWING);
    assert_null(status.registrations[2].last_error);
    done();
}

static void status__shows_which_registration_is_held(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    for (int64_t i = 0; i < 3; i++) {
        record(i, "far");
    }
    while (fake_running("far") > 0) {
        fake_fail(fake_running_one("far"), ERROR_AUTH, 401, 0);
    }
    look();
    assert_int_equal(status.registrations[2].state, REGISTRATION_HELD);
    assert_true(status.registrations[2].since_ms == WORLD_BEGAN);
    assert_true(status.registrations[2].retry_ms ==
                WORLD_BEGAN + (int64_t)MINUTE);
    assert_int_equal(status.registrations[2].reason->kind, ERROR_AUTH);
    assert_int_equal(status.registrations[2].held_count, 0);
    assert_null(status.registrations[0].reason);
    done();
}

/* "one" and "both-one" belong to the same registration. */
static void answer_registration_one(void)
{
    for (int i = 0; i < 20; i++) {
        struct fake_attempt *attempt;

        while ((attempt = fake_running_one("one")) != NULL) {
            fake_fail(attempt, ERROR_AUTH, 403, 0);
        }
        while ((attempt = fake_running_one("both-one")) != NULL) {
            fake_succeed(attempt);
        }
        world_pass(&world, 1000);
    }
}

static void status__shows_which_attachment_is_held(void **state)
{
    const struct status_registration *one;

    begin_ready();
    fake_assign(0, -1, "");
    for (int64_t i = 0; i < 5; i++) {
        record(i, "one");
    }
    answer_registration_one();
    for (int64_t i = 5; i < 10; i++) {
        record(i, "both");
        answer_registration_one();
    }
    one = &look()->registrations[0];
    assert_int_equal(one->state, REGISTRATION_FLOWING);
    assert_null(one->reason);
    assert_int_equal(one->held_count, 1);
    assert_string_equal(one->held[0].name, "one");
    assert_true(one->held[0].since_ms >= WORLD_BEGAN);
    assert_int_equal(one->held[0].waiting, 5);
    assert_int_equal(one->held[0].reason->kind, ERROR_AUTH);
    done();
}

static void status__shows_how_often_an_endpoint_may_be_asked(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    for (int64_t i = 0; i < 10; i++) {
        record(i, "far");
    }
    assert_true(look()->registrations[2].rate_limit <= 0);
    fake_fail(fake_running_one("far"), ERROR_RATE_LIMITED, 429, 0);
    world_pass(&world, 1000);
    fake_fail(fake_running_one("far"), ERROR_RATE_LIMITED, 429, 0);
    assert_true(look()->registrations[2].rate_limit > 0.8);
    assert_true(status.registrations[2].rate_limit < 1);
    assert_true(status.registrations[0].rate_limit <= 0);
    done();
}

static void status__says_since_when_an_endpoint_is_paused(void **state)
{
    int64_t began;

    begin_ready();
    fake_assign(0, -1, "");
    record(0, "far");
    fake_fail(fake_running_one("far"), ERROR_RATE_LIMITED, 429, 60000);
    began = look()->registrations[2].since_ms;
    assert_int_equal(status.registrations[2].state, REGISTRATION_PAUSED);
    assert_true(began == status.now_ms);
    world_pass(&world, 5000);
    assert_true(look()->registrations[2].since_ms == began);
    done();
}

static void status__says_since_when_reading_is_paused(void **state)
{
    begin_of(2);
    arena = NULL;
    fake_assign(0, -1, "");
    record(0, "one");
    world_pass(&world, 5000);
    assert_false(look()->full);
    record(1, "one");
    world_pass(&world, 2000);
    assert_true(look()->full);
    assert_true(status.full_since_ms >= WORLD_BEGAN + 5000);
    assert_true(status.full_since_ms <= status.now_ms);
    done();
}

/* --- counts ----------------------------------------------------------------
 */

static uint64_t observations(const struct histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= histogram->bounds->count; i++) {
        count += histogram->counts[i];
    }
    return count;
}

static void counts__are_of_what_is_committed(void **state)
{
    const struct service_counts *counts;

    begin_ready();
    fake_assign(0, -1, "");
    record(0, "one");
    record(1, "nobody");
    record(2, "far");
    fake_record(0, 3, "{");
    fake_succeed(fake_running_one("one"));
    fake_fail(fake_running_one("far"), ERROR_REJECTED, 400, 0);
    world_pass(&world, 50);
    counts = look()->counts;
    assert_true(counts->consumed == 4);
    assert_true(counts->completed[OUTCOME_SUCCEEDED] == 0);
    assert_true(status.registrations[0].counts->succeeded == 0);
    fake_commit_ends(KAFKA_ABORTED);
    commit_all();
    counts = look()->counts;
    assert_true(counts->transactions[KAFKA_ABORTED] == 1);
    assert_true(counts->transactions[KAFKA_COMMITTED] >= 1);
    assert_true(counts->completed[OUTCOME_SUCCEEDED] == 1);
    assert_true(counts->completed[OUTCOME_SKIPPED] == 1);
    assert_true(counts->completed[OUTCOME_FAILED] == 2);
    assert_true(counts->dead_letters[ERROR_REJECTED] == 1);
    assert_true(counts->dead_letters[ERROR_SCHEMA] == 1);
    assert_true(status.registrations[0].counts->succeeded == 1);
    assert_true(status.registrations[2].counts->failed == 1);
    assert_true(observations(&status.registrations[2].counts->duration) == 1);
    assert_true(counts->last_completed_ms > WORLD_BEGAN);
    assert_true(observations(&counts->age) == 0); /* without a timestamp */
    assert_true(counts->rebalances == 1);
    assert_int_equal(status.recent_count, 4);
    assert_true(status.recent[0]->at_ms >= WORLD_BEGAN);
    done();
}

static void counts__remember_the_last_fifty_outcomes(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    for (int64_t i = 0; i < STATUS_RECENT + 3; i++) {
        record(i, "nobody");
    }
    commit_all();
    look();
    assert_int_equal(status.recent_count, STATUS_RECENT);
    assert_true(status.recent[0]->offset == STATUS_RECENT + 2);
    assert_true(status.recent[STATUS_RECENT - 1]->offset == 3);
    assert_int_equal(status.recent[0]->status, OUTCOME_SKIPPED);
    assert_string_equal(status.recent[0]->registration, "");
    done();
}

/* One of two attachments fails for hours: the record is not completed, although
 * its other deliveries are. */
static void counts__are_of_deliveries_before_their_record_is_completed(
    void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    record(0, "both");
    fake_succeed(fake_running_one("both-one"));
    commit_all();
    assert_true(look()->counts->deliveries[OUTCOME_SUCCEEDED] == 1);
    assert_true(status.counts->last_delivery_ms > WORLD_BEGAN);
    assert_true(status.counts->last_completed_ms == 0);
    assert_true(status.counts->completed[OUTCOME_SUCCEEDED] == 0);
    fake_fail(fake_running_one("both-far"), ERROR_REJECTED, 400, 0);
    commit_all();
    assert_true(look()->counts->deliveries[OUTCOME_FAILED] == 1);
    assert_true(status.counts->last_dead_letter_ms > WORLD_BEGAN);
    assert_true(status.counts->completed[OUTCOME_FAILED] == 1);
    done();
}

static void counts__remember_what_an_outcome_was_about(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    record(0, "far");
    fake_fail(fake_running_one("far"), ERROR_REJECTED, 400, 0);
    record(1, "nobody");
    commit_all();
    assert_int_equal(look()->recent_count, 2);
    assert_string_equal(status.recent[1]->workflow, "far");
    assert_true(strlen(status.recent[1]->reason) > 0);
    assert_string_equal(status.recent[0]->workflow, "nobody");
    assert_string_equal(status.recent[0]->registration, "");
    assert_string_equal(status.recent[0]->reason,
                        "nothing is attached to the workflow");
    done();
}

static void counts__are_sampled_every_ten_seconds(void **state)
{
    begin_ready();
    fake_assign(0, -1, "");
    record(0, "one");
    fake_succeed(fake_running_one("one"));
    commit_all();
    world_pass(&world, 21000);
    look();
    assert_int_equal(status.samples.count, 2);
    assert_int_equal(status.samples.items[0].succeeded, 1);
    assert_int_equal(status.samples.items[0].consumed, 1);
    assert_int_equal(status.samples.items[1].succeeded, 0);
    assert_true(status.samples.end_ms <= status.now_ms);
    assert_true(status.samples.end_ms > status.now_ms - STATUS_SAMPLE_MS);
    done();
}

static void counts__say_how_late_the_loop_is(void **state)
{
    begin_ready();
    world_pass(&world, 1000);
    assert_true(observations(&look()->counts->loop_lag) == 1);
    assert_true(status.counts->loop_lag.sum == 0);
    world.time.monotonic += 3000; /* one that delayed all others */
    world_turn(&world);
    assert_true(look()->counts->loop_lag.sum == 2);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            status__is_not_ready_before_the_group_and_the_producer_are),
        cmocka_unit_test(status__says_since_when_it_is_not_ready),
        cmocka_unit_test(status__says_since_when_a_warning_holds),
        cmocka_unit_test(status__is_not_ready_while_it_stops),
        cmocka_unit_test(status__says_why_it_cannot_go_on),
        cmocka_unit_test(status__names_what_a_topic_rejects),
        cmocka_unit_test(status__is_not_ready_while_a_topic_accepts_nothing),
        cmocka_unit_test(status__shows_how_far_a_partition_has_come),
        cmocka_unit_test(status__shows_what_is_behind_a_deleted_beginning),
        cmocka_unit_test(status__shows_what_the_oldest_records_wait_for),
        cmocka_unit_test(status__shows_which_registration_is_down_and_why),
        cmocka_unit_test(status__shows_which_registration_is_held),
        cmocka_unit_test(status__shows_which_attachment_is_held),
        cmocka_unit_test(status__shows_how_often_an_endpoint_may_be_asked),
        cmocka_unit_test(status__says_since_when_an_endpoint_is_paused),
        cmocka_unit_test(status__says_since_when_reading_is_paused),
        cmocka_unit_test(counts__are_of_what_is_committed),
        cmocka_unit_test(counts__remember_the_last_fifty_outcomes),
        cmocka_unit_test(
            counts__are_of_deliveries_before_their_record_is_completed),
        cmocka_unit_test(counts__remember_what_an_outcome_was_about),
        cmocka_unit_test(counts__are_sampled_every_ten_seconds),
        cmocka_unit_test(counts__say_how_late_the_loop_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
