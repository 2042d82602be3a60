/* Changes of the configuration while the service runs. */

#include "service_world.h"

#define MAX_NEXT 16

/* Each is a copy, so that the owner of a registration or attachment is known.
 */
struct next {
    struct settings settings;
    struct registration registrations[ARRAY_SIZE(world_registrations)];
    struct attachment attachments[ARRAY_SIZE(world_attachments) + 1];
    struct pipeline *pipeline;
};

static struct next nexts[MAX_NEXT];
static size_t next_count;
static size_t freed; /* the first is world.pipeline */

static void begin(void)
{
    next_count = 0;
    freed = 0;
    begin_of(100);
    fake_assign(0, -1, "");
}

static struct next *another(void)
{
    struct next *next = &nexts[next_count++];

    assert_true(next_count <= MAX_NEXT);
    next->settings = world.settings;
    memcpy(next->registrations, world_registrations,
           sizeof(world_registrations));
    memcpy(next->attachments, world_attachments, sizeof(world_attachments));
    for (size_t i = 0; i < ARRAY_SIZE(world_attachments); i++) {
        next->attachments[i].registration =
            &next->registrations[world_attachments[i].registration -
                                 world_registrations];
    }
    next->settings.registrations = next->registrations;
    next->settings.attachments = next->attachments;
    return next;
}

static void apply(struct next *next)
{
    struct pipeline_options options = world.options;

    options.settings = &next->settings;
    next->pipeline = pipeline_new(&options);
    service_reload(service, next->pipeline);
    world_turn(&world);
}

static struct next *reload(void)
{
    struct next *next = another();

    apply(next);
    return next;
}

static struct pipeline *oldest(void)
{
    return freed == 0 ? world.pipeline : nexts[freed - 1].pipeline;
}

/* The number of those that have been freed */
static size_t take_retired(void)
{
    struct pipeline *pipeline;
    size_t count = 0;

    while ((pipeline = service_take_retired(service)) != NULL) {
        assert_ptr_equal(pipeline, oldest());
        pipeline_free(pipeline);
        freed++;
        count++;
    }
    return count;
}

static void finish(void)
{
    service_free(service);
    while (freed <= next_count) {
        pipeline_free(oldest());
        freed++;
    }
    loop_free(world.loop);
    arena_free(world.settings.arena);
    fake_reset(NULL);
}

static bool is_of(const struct next *next, const struct fake_attempt *attempt)
{
    return attempt->attachment >= next->attachments &&
           attempt->attachment <
               next->attachments + ARRAY_SIZE(next->attachments);
}

static const struct status_outcome *last_outcome(void)
{
    const struct counts *counts = &service->counts;

    assert_true(counts->recent_total > 0);
    return &counts->recent[(counts->recent_total - 1) % STATUS_RECENT];
}

static uint64_t succeeded(size_t index)
{
    return service->pipeline->scheduler.queues[index].counts.succeeded;
}

/* --- the state of each delivery
 * ------------------------------------------------ */

static void reload__lets_what_runs_end_as_it_began(void **state)
{
    struct next *next;
    int64_t offset = 0;

    begin();
    for (; offset < 6; offset++) {
        record(offset, "one"); /* four at a time */
    }
    next = reload();
    assert_int_equal(fake_attempts(), 4);
    assert_int_equal(take_retired(), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_false(fake_attempt(i)->cancelled);
        fake_succeed(fake_attempt(i));
    }
    world_turn(&world);
    assert_int_equal(fake_attempts(), 6);
    assert_true(is_of(next, fake_attempt(4)) && is_of(next, fake_attempt(5)));
    commit_all();
    assert_int_equal(take_retired(), 1);
    fake_succeed(fake_attempt(4));
    fake_succeed(fake_attempt(5));
    commit_all();
    assert_true(fake_queue()->positions[0].offset == 6);
    assert_int_equal(succeeded(0), 6);
    assert_int_equal(service->counts.all.consumed, 6);
    finish();
}

/* A new configuration does not change what a registry sustains. */
static void reload__counts_what_still_runs(void **state)
{
    begin();
    for (int64_t offset = 0; offset < 10; offset++) {
        record(offset, "one");
    }
    for (int i = 0; i < 3; i++) {
        reload();
        assert_int_equal(fake_running("one"), 4);
    }
    fake_succeed(fake_running_one("one"));
    world_turn(&world);
    assert_int_equal(fake_running("one"), 4);
    assert_int_equal(service->pipeline->scheduler.queues[0].in_flight, 4);
    assert_int_equal(service->pipeline->scheduler.queues[0].load, 9);
    finish();
}

static void reload__tries_again_what_fails_by_the_new_one(void **state)
{
    struct next *next;

    begin();
    record(0, "one");
    next = reload();
    fake_fail(fake_attempt(0), ERROR_INTERRUPTED, 404, 0);
    world_turn(&world);
    assert_int_equal(fake_attempts(), 2); /* at once */
    assert_true(is_of(next, fake_attempt(1)));
    assert_true(fake_attempt(1)->may_have_arrived);
    fake_succeed(fake_attempt(1));
    commit_all();
    assert_int_equal(last_outcome()->attempts, 2);
    assert_string_equal(last_outcome()->registration, "one");
    assert_int_equal(take_retired(), 1);
    finish();
}

static void reload__keeps_the_attempts_of_what_pauses(void **state)
{
    begin();
    record(0, "one");
    for (size_t i = 0; i < 2; i++) {
        fake_fail(fake_attempt(i), ERROR_INTERRUPTED, 404, 0);
        world_turn(&world);
        reload();
        assert_int_equal(fake_attempts(), i + 2);
    }
    assert_int_equal(take_retired(), 2);
    /* It is then the third attempt, and older than max_age. */
    world_pass(&world, HOUR);
    fake_fail(fake_attempt(2), ERROR_INTERRUPTED, 404, 0);
    commit_all();
    assert_int_equal(last_outcome()->status, OUTCOME_FAILED);
    assert_int_equal(last_outcome()->attempts, 3);
    finish();
}

static void reload__tries_a_held_registration_at_once(void **state)
{
    struct next *next;

    begin();
    for (int64_t offset = 0; offset < 4; offset++) {
        record(offset, "one");
    }
    for (size_t i = 0; i < 4; i++) {
        fake_fail(fake_attempt(i), ERROR_AUTH, 401, 0);
    }
    world_turn(&world);
    assert_true(service->pipeline->scheduler.queues[0].held);
    next = reload();
    assert_true(service->pipeline->scheduler.queues[0].held);
    assert_int_equal(fake_attempts(), 5); /* but with one delivery */
    assert_true(service->pipeline->scheduler.queues[0].hold_until_ms ==
                loop_now(world.loop));
    assert_true(is_of(next, fake_attempt(4)));
    fake_succeed(fake_attempt(4));
    world_turn(&world);
    assert_false(service->pipeline->scheduler.queues[0].held);
    assert_int_equal(fake_attempts(), 8);
    finish();
}

/* With credentials that are not configured any more */
static void reload__learns_nothing_from_an_old_refusal(void **state)
{
    begin();
    for (int64_t offset = 0; offset < 4; offset++) {
        record(offset, "one");
    }
    reload();
    for (size_t i = 0; i < 4; i++) {
        fake_fail(fake_attempt(i), ERROR_AUTH, 401, 0);
    }
    world_turn(&world);
    assert_false(service->pipeline->scheduler.queues[0].held);
    assert_int_equal(
        service->pipeline->scheduler.queues[0].attachments[0].refusals, 0);
    assert_int_equal(fake_running("one"), 4);
    finish();
}

static void reload__probes_a_host_that_is_down_at_once(void **state)
{
    begin();
    for (int64_t offset = 0; offset < 5; offset++) {
        record(offset, "one");
    }
    for (size_t i = 0; i < 5; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
        world_turn(&world);
    }
    assert_true(service->pipeline->scheduler.queues[0].endpoint->breaker.open);
    reload();
    assert_int_equal(fake_running("one"), 0);
    assert_non_null(fake_running_probe("h1"));
    fake_answer_probe(fake_running_probe("h1"), true);
    world_turn(&world);
    /* With the same concurrency as before, which it has shown to sustain. */
    assert_int_equal(fake_running("one"), 2);
    finish();
}

static void reload__reads_again_what_was_dropped(void **state)
{
    int64_t offset = 0;

    next_count = 0;
    freed = 0;
    begin_of(20);
    fake_assign(0, -1, "");
    for (; offset < 14; offset++) {
        record(offset, "one");
    }
    for (int i = 0; i < 5; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    for (; offset < 40; offset++) {
        record(offset, "far");
        world_turn(&world);
    }
    world_pass(&world, 100);
    assert_true(service->counts.all.shed > 0);
    while (fake_running_one("far") != NULL) {
        fake_succeed(fake_running_one("far"));
        world_turn(&world);
    }
    commit_all();
    assert_int_equal(fake_queue()->rewinds, 0);
    reload();
    /* To which registration it belongs under the new plan is not known before
     * it is read. */
    assert_true(service->pipeline->scheduler.queues[1].attachments[0].has_shed);
    world_pass(&world, 2000);
    assert_true(fake_queue()->rewinds > 0);
    finish();
}

/* --- records with several deliveries
 * ------------------------------------------- */

/* One of two is done, and the other one has failed once. */
static void do_one_of_two(void)
{
    record(0, "both");
    fake_succeed(fake_running_one("both-one"));
    fake_fail(fake_running_one("both-far"), ERROR_INTERRUPTED, 404, MINUTE);
    world_turn(&world);
}

static void reload__does_no_part_twice(void **state)
{
    begin();
    do_one_of_two();
    commit_all();
    reload();
    assert_int_equal(fake_attempts(), 3);
    assert_string_equal(fake_attempt(2)->attachment->name, "both-far");
    fake_succeed(fake_attempt(2));
    commit_all();
    assert_true(fake_queue()->positions[0].offset == 1);
    assert_int_equal(service->counts.recent_total, 2);
    assert_int_equal(service->counts.all.completed[OUTCOME_SUCCEEDED], 1);
    assert_int_equal(take_retired(), 1);
    finish();
}

static void reload__waits_for_the_commit_of_a_finished_part(void **state)
{
    begin();
    do_one_of_two();
    assert_true(fake_queue()->committing);
    reload();
    assert_int_equal(fake_attempts(), 2);
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_int_equal(fake_attempts(), 3);
    assert_string_equal(fake_attempt(2)->attachment->name, "both-far");
    fake_succeed(fake_attempt(2));
    commit_all();
    assert_int_equal(service->counts.recent_total, 2);
    finish();
}

static void reload__does_again_a_part_that_no_commit_takes(void **state)
{
    begin();
    do_one_of_two();
    reload();
    for (int i = 0; i < 3 && fake_attempts() == 2; i++) {
        fake_commit_ends(KAFKA_ABORTED);
        world_pass(&world, 200);
    }
    assert_int_equal(fake_attempts(), 4);
    assert_true(fake_attempt(2)->may_have_arrived &&
                fake_attempt(3)->may_have_arrived);
    if (fake_queue()->committing) {
        fake_commit_ends(KAFKA_COMMITTED);
    }
    fake_succeed(fake_attempt(2));
    fake_succeed(fake_attempt(3));
    commit_all();
    assert_int_equal(service->counts.recent_total, 2);
    assert_true(fake_queue()->positions[0].offset == 1);
    finish();
}

static void reload__ends_a_record_whose_rest_is_not_configured_any_more(
    void **state)
{
    struct next *next;

    begin();
    do_one_of_two();
    commit_all();
    next = another();
    next->settings.attachment_count--; /* both-far */
    apply(next);
    commit_all();
    assert_int_equal(fake_attempts(), 2);
    assert_true(fake_queue()->positions[0].offset == 1);
    assert_int_equal(service_records(service), 0);
    assert_int_equal(service->counts.all.completed[OUTCOME_SUCCEEDED], 1);
    assert_int_equal(take_retired(), 1);
    finish();
}

static void reload__delivers_to_what_is_attached_by_now(void **state)
{
    struct next *next;

    begin();
    do_one_of_two();
    commit_all();
    next = another();
    next->attachments[next->settings.attachment_count++] =
        (struct attachment){.name = "both-sea",
                            .registration = &next->registrations[3],
                            .workflow = {.id = "both"}};
    apply(next);
    assert_int_equal(fake_attempts(), 4);
    fake_succeed(fake_running_one("both-far"));
    fake_succeed(fake_running_one("both-sea"));
    commit_all();
    assert_int_equal(service->counts.recent_total, 3);
    assert_true(fake_queue()->positions[0].offset == 1);
    finish();
}

/* --- many reloads, and the end
 * -------------------------------------------------- */

static void reload__keeps_few_of_them(void **state)
{
    begin();
    record(0, "one");
    for (int i = 0; i < 4; i++) {
        reload();
    }
    assert_int_equal(take_retired(), 0);
    assert_false(fake_attempt(0)->cancelled);
    reload();
    assert_true(fake_attempt(0)->cancelled);
    assert_int_equal(fake_attempts(), 2);
    assert_true(fake_attempt(1)->may_have_arrived); /* it may have arrived */
    assert_int_equal(take_retired(), 5);
    fake_succeed(fake_attempt(1));
    commit_all();
    assert_int_equal(service->counts.recent_total, 1);
    finish();
}

/* Only records in a commit delay that many, if Kafka does not respond. */
static void reload__takes_no_more_of_them_while_a_commit_hangs(void **state)
{
    int64_t offset = 0;

    begin();
    record(offset++, "one");
    fake_succeed(fake_attempt(0));
    world_turn(&world);
    assert_true(fake_queue()->committing);
    while (service_may_reload(service)) {
        reload();
        assert_true(next_count < 10);
    }
    assert_int_equal(next_count, 8);
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_int_equal(take_retired(), 8);
    assert_true(service_may_reload(service));
    finish();
}

static void reload__stops_when_the_last_attempt_of_any_is_over(void **state)
{
    begin();
    record(0, "one");
    reload();
    record(1, "far");
    service_stop(service);
    world_turn(&world);
    assert_false(service_may_reload(service));
    fake_succeed(fake_running_one("far"));
    commit_all();
    assert_false(fake_queue()->closing);
    fake_succeed(fake_running_one("one"));
    commit_all();
    assert_true(fake_queue()->closing);
    assert_true(fake_queue()->positions[0].offset == 2);
    finish();
}

static void reload__gives_back_what_is_revoked(void **state)
{
    begin();
    record(0, "one");
    record(1, "far");
    reload();
    fake_revoke(0, false);
    assert_int_equal(fake_queue()->releases, 0); /* both still run */
    fake_succeed(fake_running_one("one"));
    commit_all();
    fake_fail(fake_running_one("far"), ERROR_INTERRUPTED, 404, 0);
    commit_all();
    assert_int_equal(fake_attempts(), 2);
    assert_int_equal(fake_queue()->releases, 1);
    assert_int_equal(service_records(service), 0);
    world_pass(&world, 2000);
    assert_int_equal(take_retired(), 1);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reload__lets_what_runs_end_as_it_began),
        cmocka_unit_test(reload__counts_what_still_runs),
        cmocka_unit_test(reload__tries_again_what_fails_by_the_new_one),
        cmocka_unit_test(reload__keeps_the_attempts_of_what_pauses),
        cmocka_unit_test(reload__tries_a_held_registration_at_once),
        cmocka_unit_test(reload__learns_nothing_from_an_old_refusal),
        cmocka_unit_test(reload__probes_a_host_that_is_down_at_once),
        cmocka_unit_test(reload__reads_again_what_was_dropped),
        cmocka_unit_test(reload__does_no_part_twice),
        cmocka_unit_test(reload__waits_for_the_commit_of_a_finished_part),
        cmocka_unit_test(reload__does_again_a_part_that_no_commit_takes),
        cmocka_unit_test(
            reload__ends_a_record_whose_rest_is_not_configured_any_more),
        cmocka_unit_test(reload__delivers_to_what_is_attached_by_now),
        cmocka_unit_test(reload__keeps_few_of_them),
        cmocka_unit_test(reload__takes_no_more_of_them_while_a_commit_hangs),
        cmocka_unit_test(reload__stops_when_the_last_attempt_of_any_is_over),
        cmocka_unit_test(reload__gives_back_what_is_revoked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
