/* Deliveries whose repetition is visible: the start of an attempt is committed
 * before it happens, so that it is known whatever happens then. */

#include "service_world.h"

static void begin(void)
{
    begin_of(100);
    fake_assign(0, -1, "");
}

/* What the last commit records of the delivery to "hook" at an offset, for the
 * next owner of the partition */
static enum ledger_mark mark_of(int64_t offset)
{
    struct ledger_slot slot = {.id = progress_id("hook")};
    struct ledger next;
    struct error err;

    ledger_init(&next);
    assert_int_equal(ledger_restore(&next, fake_queue()->positions[0].offset,
                                    fake_queue()->positions[0].metadata, &err),
                     0);
    ledger_restore_attempts(&next, &slot, offset);
    assert_int_equal(slot.attempts, 0);
    ledger_release(&next);
    return slot.mark;
}

/* The process is killed; another one continues from what is committed. */
static void restart(void)
{
    char metadata[4096];
    int64_t offset = fake_queue()->positions[0].offset;

    snprintf(metadata, sizeof(metadata), "%s",
             fake_queue()->positions[0].metadata);
    end();
    begin_of(100);
    fake_assign(0, offset, metadata);
}

static void commit_ends(enum kafka_verdict verdict)
{
    assert_true(fake_queue()->committing);
    fake_commit_ends(verdict);
    world_turn(&world);
}

/* --- before an attempt ------------------------------------------------------
 */

static void mark__is_committed_before_the_attempt_begins(void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    assert_true(fake_queue()->committing); /* at once */
    assert_int_equal(fake_queue()->messages, 0);
    assert_true(fake_queue()->positions[0].offset == 7);
    assert_int_equal(mark_of(7), MARK_COMMITTED);
    assert_int_equal(fake_attempts(), 0);
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_attempts(), 1);
    assert_false(fake_attempt(0)->may_have_arrived);
    assert_int_equal(fake_attempt(0)->number, 1);
    world_pass(&world, 500);
    assert_int_equal(fake_queue()->commits, 1);
    fake_succeed(fake_running_one("hook"));
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_true(fake_queue()->positions[0].offset == 8);
    assert_int_equal(service_records(service), 0);
    world_pass(&world, HOUR);
    assert_int_equal(fake_queue()->commits, 2);
    end();
}

static void mark__is_said_again_when_the_commit_fails(void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    for (int i = 0; i < 3; i++) {
        commit_ends(KAFKA_ABORTED);
        world_pass(&world, 200);
        assert_int_equal(fake_attempts(), 0);
        assert_int_equal(mark_of(7), MARK_COMMITTED);
    }
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_attempts(), 1);
    end();
}

/* An attempt that is announced during a commit is not part of it. */
static void mark__waits_for_a_commit_that_contains_it(void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    record(8, "hook");
    assert_int_equal(mark_of(8), MARK_NONE);
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_attempts(), 1);
    world_pass(&world, 50);
    assert_int_equal(mark_of(7), MARK_COMMITTED);
    assert_int_equal(mark_of(8), MARK_COMMITTED);
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_attempts(), 2);
    end();
}

static void mark__is_none_of_what_may_be_repeated(void **state)
{
    begin();
    record(7, "one");
    assert_int_equal(fake_attempts(), 1);
    fake_fail(fake_running_one("one"), ERROR_INTERRUPTED, 0, 0);
    world_pass(&world, 5000);
    assert_int_equal(fake_attempts(), 2);
    assert_int_equal(fake_queue()->commits, 0);
    end();
}

/* If the metadata has no space for the mark, the attempt begins nevertheless.
 */
static void mark__without_room_holds_up_nothing(void **state)
{
    begin();
    TAILQ_FIRST(&service->assignments)->ledger.max_text = 20;
    record(7, "hook");
    world_turn(&world);
    assert_int_equal(mark_of(7), MARK_NONE);
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_attempts(), 1);
    fake_succeed(fake_running_one("hook"));
    commit_all();
    assert_int_equal(service_records(service), 0);
    end();
}

/* --- after a crash
 * -------------------------------------------------------------- */

static void restart__finds_what_had_begun_and_what_had_not(void **state)
{
    begin();
    for (int64_t offset = 0; offset < 6; offset++) {
        record(offset, "hook"); /* four at a time */
    }
    commit_all();
    assert_int_equal(fake_running("hook"), 4);
    restart();
    for (int64_t offset = 0; offset < 6; offset++) {
        record(offset, "hook");
    }
    commit_all();
    assert_int_equal(fake_running("hook"), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fake_attempt(i)->may_have_arrived);
        assert_int_equal(fake_attempt(i)->number, 1);
    }
    for (int i = 0; i < 6; i++) {
        fake_succeed(fake_running_one("hook"));
        commit_all();
    }
    assert_int_equal(fake_attempts(), 6);
    for (size_t i = 4; i < 6; i++) {
        assert_false(fake_attempt(i)->may_have_arrived);
    }
    end();
}

/* A failure is not recorded, because none was observed. */
static void restart__tells_of_no_failure_that_was_not(void **state)
{
    const struct record *known;
    const struct outcome *outcome;

    begin();
    record(7, "hook");
    commit_all();
    restart();
    record(7, "hook");
    known = ((struct inflight *)TAILQ_FIRST(
                 &TAILQ_FIRST(&service->assignments)->ledger.entries)
                 ->owner)
                ->record;
    fake_succeed(fake_running_one("hook"));
    outcome = record_outcome(known, 0);
    assert_true(outcome->possibly_repeated);
    assert_true(outcome->first_failed_ms == 0);
    assert_int_equal(outcome->attempts, 1);
    end();
}

static void restart__leaves_no_doubt_of_what_did_not_arrive(void **state)
{
    begin();
    record(7, "hook");
    commit_all();
    fake_refuse(fake_running_one("hook"), ERROR_INTERRUPTED, 0);
    world_turn(&world); /* the mark is removed at once */
    commit_ends(KAFKA_COMMITTED);
    restart();
    record(7, "hook");
    commit_all();
    assert_int_equal(fake_attempt(0)->number, 2); /* it still counts */
    assert_false(fake_attempt(0)->may_have_arrived);
    end();
}

static void restart__doubts_what_failed_without_an_answer(void **state)
{
    begin();
    record(7, "hook");
    commit_all();
    fake_fail(fake_running_one("hook"), ERROR_INTERRUPTED, 0, 0);
    world_pass(&world, 5000);
    assert_int_equal(fake_attempts(), 2); /* without another commit */
    assert_int_equal(fake_queue()->commits, 1);
    fake_refuse(fake_running_one("hook"), ERROR_INTERRUPTED, 0);
    commit_all();
    restart();
    record(7, "hook");
    assert_true(fake_attempt(0)->may_have_arrived);
    end();
}

/* --- while it waits for the commit ------------------------------------------
 */

static void announced__is_given_back_with_its_partition(void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    fake_revoke(0, false);
    assert_int_equal(service_records(service), 0);
    assert_int_equal(fake_queue()->releases, 0);
    commit_ends(KAFKA_COMMITTED);
    /* The mark is removed before another instance relies on it. */
    assert_int_equal(fake_queue()->releases, 0);
    assert_int_equal(mark_of(7), MARK_NONE);
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_queue()->releases, 1);
    assert_int_equal(fake_attempts(), 0);
    restart();
    record(7, "hook");
    commit_all();
    assert_false(fake_attempt(0)->may_have_arrived);
    end();
}

static void announced__is_forgotten_with_what_was_lost(void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    fake_revoke(0, true);
    assert_int_equal(service_records(service), 0);
    commit_ends(KAFKA_ABORTED);
    world_pass(&world, HOUR);
    assert_int_equal(fake_attempts(), 0);
    end();
}

static void announced__does_not_begin_any_more_when_it_stops(void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    service_stop(service);
    world_turn(&world);
    assert_false(fake_queue()->closing);
    commit_ends(KAFKA_COMMITTED);
    assert_int_equal(fake_attempts(), 0);
    assert_int_equal(mark_of(7), MARK_NONE);
    commit_ends(KAFKA_COMMITTED);
    assert_true(fake_queue()->closing);
    fake_revoke(0, false);
    assert_int_equal(fake_queue()->releases, 1);
    fake_close_ends();
    world_turn(&world);
    assert_int_equal(ended, 1);
    end();
}

static void announced__does_not_hold_up_the_end_when_no_commit_ends(
    void **state)
{
    begin();
    record(7, "hook");
    world_turn(&world);
    service_stop(service);
    world_pass(&world, 10000);
    assert_true(fake_queue()->closing);
    assert_int_equal(fake_attempts(), 0);
    end();
}

static void announced__makes_room_when_it_is_given_back(void **state)
{
    begin();
    fake_assign(1, -1, "");
    for (int64_t offset = 0; offset < 4; offset++) {
        record(offset, "hook");
    }
    fake_record(1, 0, value_of("hook"));
    world_turn(&world);
    fake_revoke(0, false);
    for (int i = 0; i < 3 && fake_queue()->committing; i++) {
        commit_ends(KAFKA_COMMITTED);
    }
    commit_all();
    assert_int_equal(fake_queue()->releases, 1);
    assert_int_equal(fake_running("hook"), 1);
    end();
}

static void announced__is_planned_anew_with_the_next_configuration(void **state)
{
    struct pipeline *next;
    struct pipeline *before;

    begin();
    record(7, "hook");
    world_turn(&world);
    next = pipeline_new(&world.options);
    before = world.pipeline;
    service_reload(service, next);
    world_turn(&world);
    assert_ptr_equal(service_take_retired(service), before);
    commit_ends(KAFKA_COMMITTED);
    commit_all();
    assert_int_equal(fake_attempts(), 1);
    assert_false(fake_attempt(0)->may_have_arrived);
    pipeline_free(before);
    world.pipeline = next;
    fake_succeed(fake_running_one("hook"));
    commit_all();
    assert_int_equal(service_records(service), 0);
    end();
}

/* An attempt that was cancelled may have arrived; one that waited cannot have.
 */
static void running__is_in_doubt_when_it_is_cut_short(void **state)
{
    begin();
    for (int64_t offset = 0; offset < 5; offset++) {
        record(offset, "hook"); /* four at a time */
    }
    commit_all();
    assert_int_equal(fake_running("hook"), 4);
    fake_revoke(0, false);
    world_pass(&world, 2000);
    assert_int_equal(fake_running("hook"), 0);
    assert_int_equal(fake_queue()->releases, 1);
    fake_assign(0, fake_queue()->positions[0].offset,
                fake_queue()->positions[0].metadata);
    for (int64_t offset = 0; offset < 5; offset++) {
        record(offset, "hook");
    }
    for (int i = 0; i < 5; i++) {
        fake_succeed(fake_running_one("hook"));
        commit_all();
    }
    for (size_t i = 4; i < 8; i++) {
        assert_true(fake_attempt(i)->may_have_arrived);
    }
    assert_false(fake_attempt(8)->may_have_arrived);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mark__is_committed_before_the_attempt_begins),
        cmocka_unit_test(mark__is_said_again_when_the_commit_fails),
        cmocka_unit_test(mark__waits_for_a_commit_that_contains_it),
        cmocka_unit_test(mark__is_none_of_what_may_be_repeated),
        cmocka_unit_test(mark__without_room_holds_up_nothing),
        cmocka_unit_test(restart__finds_what_had_begun_and_what_had_not),
        cmocka_unit_test(restart__tells_of_no_failure_that_was_not),
        cmocka_unit_test(restart__leaves_no_doubt_of_what_did_not_arrive),
        cmocka_unit_test(restart__doubts_what_failed_without_an_answer),
        cmocka_unit_test(announced__is_given_back_with_its_partition),
        cmocka_unit_test(announced__is_forgotten_with_what_was_lost),
        cmocka_unit_test(announced__does_not_begin_any_more_when_it_stops),
        cmocka_unit_test(
            announced__does_not_hold_up_the_end_when_no_commit_ends),
        cmocka_unit_test(announced__makes_room_when_it_is_given_back),
        cmocka_unit_test(
            announced__is_planned_anew_with_the_next_configuration),
        cmocka_unit_test(running__is_in_doubt_when_it_is_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
