/* What is held if an endpoint denies permission, for how long, and which
 * deliveries are not delayed. */

#include "pipeline/delivery.h"
#include "pipeline_world.h"

#define MAX_RECORDS 512

static struct world world;

/* A record of the attachment "one" or, by the workflow "both", of "both-one",
 * which belongs to the same registration */
static struct fed {
    struct record *record;
    const char *attachment;
    uint64_t at_ms;
    uint64_t done_ms; /* 0: it has no outcome */
    enum outcome_status status;
    enum error_kind kind;
} fed[MAX_RECORDS];
static size_t fed_count;

/* What the endpoint permits: the name of an attachment, or the id of an event
 */
static const char *denied;
static const char *permitted_event;
static enum error_kind refusal;

static void begin(void)
{
    world_prepare(&world, 1);
    memset(fed, 0, sizeof(fed));
    fed_count = 0;
    denied = "";
    permitted_event = "";
    refusal = ERROR_AUTH;
}

static void open_pipeline(void)
{
    world.pipeline = pipeline_new(&world.options);
}

static void end(void)
{
    for (size_t i = 0; i < fed_count; i++) {
        record_free(fed[i].record);
    }
    pipeline_free(world.pipeline);
    loop_free(world.loop);
    fake_reset(NULL);
}

static void on_outcome(void *payload, struct delivery *delivery)
{
    struct fed *to = payload;
    const struct outcome *outcome = delivery_outcome(delivery);

    if (outcome != NULL &&
        strcmp(delivery->attachment->name, to->attachment) == 0) {
        to->done_ms = world.time.monotonic;
        to->status = outcome->status;
        to->kind = outcome->error.kind;
    }
}

static struct fed *feed(const char *workflow)
{
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);
    struct fed *to = &fed[fed_count];
    struct input input = {
        .message = {.topic = "t", .timestamp_ms = world.time.wall},
        .offset = (int64_t)fed_count++};

    str_printf(&value, "{\"workflow\":{\"id\":\"%s\"}," ATTESTATION "}",
               workflow);
    input.message.value = str_bytes(&value);
    to->attachment = strcmp(workflow, "both") == 0 ? "both-one" : workflow;
    to->at_ms = world.time.monotonic;
    to->record = pipeline_feed(world.pipeline, &input, NULL, on_outcome, to);
    return to;
}

static bool is_denied(const struct fake_attempt *attempt)
{
    return (strcmp(denied, "*") == 0 ||
            strcmp(attempt->attachment->name, denied) == 0) &&
           strcmp(attempt->event_id, permitted_event) != 0;
}

/* The endpoint answers at once according to its permissions. */
static void answer_all(void)
{
    struct fake_attempt *attempt;

    world_turn(&world);
    while ((attempt = fake_running_one(NULL)) != NULL) {
        if (is_denied(attempt)) {
            fake_fail(attempt, refusal, 403, 0);
        } else {
            fake_succeed(attempt);
        }
        world_turn(&world);
    }
}

/* A response takes 50 ms. */
static void pass(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 50) {
        world_pass(&world, 50);
        answer_all();
    }
}

static size_t count_done(const char *attachment, enum outcome_status status)
{
    size_t count = 0;

    for (size_t i = 0; i < fed_count; i++) {
        count += fed[i].done_ms > 0 && fed[i].status == status &&
                 strcmp(fed[i].attachment, attachment) == 0;
    }
    return count;
}

/* --- which deliveries are delayed
 * ---------------------------------------------- */

static void begin_denying(void)
{
    begin();
    world.settings.delivery.hold_retry_ms = 5000;
    open_pipeline();
    denied = "one";
}

static void feed_denied(void)
{
    for (int i = 0; i < 20; i++) {
        feed("one");
    }
}

static void hold__does_not_delay_other_attachments(void **state)
{
    const struct fed *allowed;

    begin_denying();
    feed_denied();
    allowed = feed("both");
    pass(1000);
    assert_true(allowed->done_ms > 0);
    assert_int_equal(allowed->status, OUTCOME_SUCCEEDED);
    assert_int_equal(count_done("one", OUTCOME_FAILED), 0);
    end();
}

/* Denied events keep arriving: for each allowed one there are twenty. */
static void hold__delays_nobody_while_refused_ones_arrive(void **state)
{
    begin_denying();
    for (int round = 0; round < 12; round++) {
        const struct fed *allowed;

        for (int i = 0; i < 20; i++) {
            feed("one");
        }
        allowed = feed("both");
        pass(1000);
        assert_true(allowed->done_ms > 0);
        pass(8000);
    }
    assert_int_equal(count_done("both-one", OUTCOME_SUCCEEDED), 12);
    end();
}

/* Each record has a path of its own, and a pattern may deny single ones of the
 * only attachment. */
static void hold__finds_the_record_that_is_permitted(void **state)
{
    const struct fed *allowed;

    begin_denying();
    permitted_event = "t/0/20";
    feed_denied();
    allowed = feed("one");
    pass(25000);
    assert_true(allowed->done_ms > 0);
    assert_int_equal(allowed->status, OUTCOME_SUCCEEDED);
    end();
}

/* --- which deliveries are given up
 * --------------------------------------------- */

static void hold__gives_up_what_is_refused_alone(void **state)
{
    const struct fed *refused;

    begin();
    open_pipeline();
    denied = "one";
    refused = feed("one");
    /* Three attempts and ten minutes */
    for (int minute = 0; minute < 10; minute++) {
        feed("both");
        pass(MINUTE - 100);
        assert_int_equal(refused->done_ms, 0);
    }
    feed("both");
    pass(2 * MINUTE);
    assert_true(refused->done_ms > 0);
    assert_int_equal(refused->kind, ERROR_AUTH);
    end();
}

static void hold__gives_up_nothing_while_everything_is_refused(void **state)
{
    begin();
    open_pipeline();
    denied = "*";
    feed("one");
    feed("both");
    for (int hour = 0; hour < 4; hour++) {
        pass(HOUR);
    }
    assert_int_equal(count_done("one", OUTCOME_FAILED), 0);
    assert_int_equal(count_done("both-one", OUTCOME_FAILED), 0);
    denied = "";
    pass(2 * MINUTE);
    assert_int_equal(count_done("one", OUTCOME_SUCCEEDED), 1);
    end();
}

/* Whatever the others do, because a quota may concern one path. */
static void hold__gives_up_nothing_that_is_blocked(void **state)
{
    begin();
    open_pipeline();
    denied = "one";
    refusal = ERROR_BLOCKED;
    for (int i = 0; i < 10; i++) {
        feed("one");
    }
    for (int i = 0; i < 60; i++) {
        feed("both");
        pass(MINUTE);
    }
    assert_int_equal(count_done("one", OUTCOME_FAILED), 0);
    assert_int_equal(count_done("both-one", OUTCOME_SUCCEEDED), 60);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold__does_not_delay_other_attachments),
        cmocka_unit_test(hold__delays_nobody_while_refused_ones_arrive),
        cmocka_unit_test(hold__finds_the_record_that_is_permitted),
        cmocka_unit_test(hold__gives_up_what_is_refused_alone),
        cmocka_unit_test(hold__gives_up_nothing_while_everything_is_refused),
        cmocka_unit_test(hold__gives_up_nothing_that_is_blocked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
