/* The state of a delivery and of its host when time passes and attempts end as
 * the test determines. */

#include "capture.h"
#include "pipeline/pipeline_internal.h"
#include "pipeline_world.h"

#define MAX_TOLD 4096

/* The deliveries whose outcome was reported, in order */
static struct reported {
    struct record *record;
    size_t index;
} reported[MAX_TOLD];
static size_t told_count;

static struct world world;
static int64_t next_offset;

static void begin_with(uint64_t seed, enum pipeline_mode mode)
{
    world_prepare(&world, seed);
    world.options.mode = mode;
    told_count = 0;
    next_offset = 0;
}

static void open_pipeline(void)
{
    world.pipeline = pipeline_new(&world.options);
}

/* For an ordinary one */
static void begin(void)
{
    begin_with(1, PIPELINE_SERVICE);
    open_pipeline();
}

static void check_at_rest(void)
{
    const struct endpoint *endpoint;

    for (size_t i = 0; i < world.settings.registration_count; i++) {
        const struct registration_queue *queue =
            &world.pipeline->scheduler.queues[i];

        check_number(queue->registration->name, queue->load, 0);
        check_number(queue->registration->name, queue->in_flight, 0);
        check_number(queue->registration->name, queue->backlog_count, 0);
        check(queue->registration->name, TAILQ_EMPTY(&queue->waiting));
    }
    STAILQ_FOREACH(endpoint, &world.pipeline->scheduler.endpoints, link)
    {
        check_number(endpoint->name, endpoint->in_flight, 0);
    }
    assert_int_equal(world.pipeline->scheduler.in_flight, 0);
    assert_int_equal(world.pipeline->bytes, 0);
}

static void end(void)
{
    check_at_rest();
    pipeline_free(world.pipeline);
    loop_free(world.loop);
    fake_reset(NULL);
}

static void on_outcome(void *payload, struct delivery *delivery)
{
    struct record *record = delivery->record;

    assert_ptr_equal(payload, &world);
    assert_true(told_count < MAX_TOLD);
    if (delivery_outcome(delivery) == NULL) {
        return; /* it was given up */
    }
    reported[told_count++] =
        (struct reported){record, (size_t)(delivery - record->deliveries)};
}

static struct record *feed_input(const char *workflow, struct input *input,
                                 const struct ledger *past)
{
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);

    str_printf(&value, "{\"workflow\":{\"id\":\"%s\"}," ATTESTATION "}",
               workflow);
    input->offset = next_offset++;
    input->message.topic = "t";
    input->message.value = str_bytes(&value);
    return pipeline_feed(world.pipeline, input, past, on_outcome, &world);
}

static struct record *feed_with(const char *workflow, const struct ledger *past,
                                const struct header *headers, size_t count)
{
    struct input input = {
        .message = {.headers = headers, .header_count = count}};

    return feed_input(workflow, &input, past);
}

static struct record *feed(const char *workflow)
{
    return feed_with(workflow, NULL, NULL, 0);
}

static const struct outcome *outcome_of(const struct record *record,
                                        size_t index)
{
    assert_true(index < record_delivery_count(record));
    return &record->deliveries[index].outcome;
}

static void succeed_all(const char *attachment)
{
    struct fake_attempt *attempt;

    while ((attempt = fake_running_one(attachment)) != NULL) {
        fake_succeed(attempt);
        world_turn(&world);
    }
}

/* Those that run now, without those that follow them */
static void fail_all(const char *attachment, enum error_kind kind, int status,
                     uint32_t retry_after_ms)
{
    size_t running = fake_running(attachment);

    for (size_t i = 0; i < running; i++) {
        struct fake_attempt *attempt = fake_running_one(attachment);

        if (attempt != NULL) {
            fake_fail(attempt, kind, status, retry_after_ms);
        }
    }
    world_turn(&world);
}

/* A failure of the record itself, which says nothing about its host */
static void interrupt(struct fake_attempt *attempt)
{
    fake_fail(attempt, ERROR_INTERRUPTED, 404, 0);
    world_turn(&world);
}

/* --- outcomes --------------------------------------------------------------
 */

/* --- traces ------------------------------------------------------------------
 */

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-"

/* All attempts of a delivery have the same parent id, and two deliveries never
 * do. */
static void pipeline__joins_the_trace_with_a_parent_for_each_delivery(
    void **state)
{
    const struct header header = {"traceparent",
                                  bytes_of(TRACE "b7ad6b7169203331-01")};
    const struct fake_attempt *far;
    struct record *record;

    begin();
    record = feed_with("both", NULL, &header, 1);
    interrupt(fake_running_one("both-one"));
    far = fake_running_one("both-far");
    assert_memory_equal(far->traceparent, TRACE, strlen(TRACE));
    assert_string_equal(far->traceparent + 52, "-01");
    assert_memory_not_equal(far->traceparent + 36, "b7ad6b7169203331", 16);
    assert_string_not_equal(far->traceparent, fake_attempt(0)->traceparent);
    assert_string_equal(outcome_of(record, 1)->traceparent, far->traceparent);
    world_pass(&world, MINUTE);
    assert_string_equal(fake_running_one("both-one")->traceparent,
                        fake_attempt(0)->traceparent);
    succeed_all(NULL);
    record_free(record);
    end();
}

/* The random source is not used for events without a trace. */
static void pipeline__makes_no_trace_of_its_own(void **state)
{
    struct random before;
    struct record *record;

    begin();
    before = world.random;
    record = feed("one");
    assert_string_equal(fake_running_one("one")->traceparent, "");
    assert_null(outcome_of(record, 0)->traceparent);
    assert_true(before.state == world.random.state);
    succeed_all(NULL);
    record_free(record);
    end();
}

static void pipeline__tells_each_outcome_as_soon_as_it_is_there(void **state)
{
    struct record *record;

    begin();
    record = feed("both");
    assert_int_equal(fake_running(NULL), 2);
    world_pass(&world, 100);
    fake_succeed(fake_running_one("both-far"));
    assert_int_equal(told_count, 0); /* idle() is called only by the loop */
    world_turn(&world);
    assert_int_equal(told_count, 1);
    assert_int_equal(reported[0].index, 1);
    assert_false(record_is_done(record));
    assert_non_null(record_outcome(record, 1));
    assert_null(record_outcome(record, 0));
    world_pass(&world, 900);
    succeed_all("both-one");
    assert_int_equal(told_count, 2);
    assert_int_equal(reported[1].index, 0);
    assert_true(record_is_done(record));
    assert_int_equal(outcome_of(record, 0)->duration_ms, 1000);
    assert_int_equal(outcome_of(record, 1)->duration_ms, 100);
    record_free(record);
    /* And in the opposite order */
    record = feed("both");
    succeed_all("both-one");
    assert_int_equal(told_count, 3);
    assert_int_equal(reported[2].index, 0);
    succeed_all("both-far");
    assert_int_equal(told_count, 4);
    assert_int_equal(reported[3].index, 1);
    record_free(record);
    end();
}

static void pipeline__tells_two_that_finish_together_once_each(void **state)
{
    struct record *record;

    begin();
    record = feed("both");
    fake_succeed(fake_running_one("both-far"));
    fake_fail(fake_running_one("both-one"), ERROR_REJECTED, 400, 0);
    world_pass(&world, HOUR);
    assert_int_equal(told_count, 2);
    assert_int_equal(reported[0].index + reported[1].index, 1);
    assert_int_equal(fake_attempts(), 2);
    record_free(record);
    end();
}

static void free_when_done(void *payload, struct delivery *delivery)
{
    struct record *record = delivery->record;
    int *calls = payload;

    ++*calls;
    if (record_is_done(record)) {
        record_free(record);
    }
}

static void pipeline__lets_a_record_be_freed_when_its_last_is_told(void **state)
{
    static const char value[] =
        "{\"workflow\":{\"id\":\"both\"}," ATTESTATION "}";
    struct input input = {.message = {.topic = "t", .value = bytes_of(value)}};
    struct input nonsense = {.message = {.topic = "t", .value = bytes_of("{")}};
    int calls = 0;

    begin();
    pipeline_feed(world.pipeline, &input, NULL, free_when_done, &calls);
    pipeline_feed(world.pipeline, &nonsense, NULL, free_when_done, &calls);
    fake_succeed(fake_running_one("both-one"));
    fake_succeed(fake_running_one("both-far"));
    world_turn(&world);
    assert_int_equal(calls, 3);
    end();
}

static void pipeline__says_what_was_delivered_when_and_how_often(void **state)
{
    const struct outcome *outcome;
    struct record *record;

    begin();
    record = feed("one");
    outcome = outcome_of(record, 0);
    assert_int_equal(outcome->attempts, 1);
    assert_false(fake_attempt(0)->may_have_arrived);
    world_pass(&world, 250);
    interrupt(fake_attempt(0));
    world_pass(&world, 30000);
    assert_int_equal(fake_attempts(), 2);
    assert_true(
        fake_attempt(1)->may_have_arrived); /* its response may be lost */
    succeed_all(NULL);
    assert_int_equal(outcome->status, OUTCOME_SUCCEEDED);
    assert_int_equal(outcome->attempts, 2);
    assert_true(outcome->started_ms == WORLD_BEGAN);
    assert_true(outcome->first_failed_ms == WORLD_BEGAN + 250);
    assert_true(outcome->finished_ms == WORLD_BEGAN + 30250);
    assert_int_equal(outcome->duration_ms, 30250);
    assert_string_equal(outcome->result.reference, "fake/one");
    assert_true(outcome->result.already_present);
    assert_string_equal(outcome->attachment->name, "one");
    record_free(record);
    end();
}

/* Doubt remains: whatever happens to later attempts, the first may have
 * arrived. */
static void pipeline__says_when_a_delivery_may_have_been_repeated(void **state)
{
    const struct outcome *outcome;
    struct record *record;

    world_registrations[3].integration = FAKE_MUTE_KIND;
    begin();
    record = feed("sea");
    outcome = outcome_of(record, 0);
    fake_refuse(fake_attempt(0), ERROR_UNAVAILABLE, 503);
    world_pass(&world, 30000);
    assert_false(fake_attempt(1)->may_have_arrived);
    assert_true(outcome->repetition_is_visible);
    assert_false(outcome->possibly_repeated);
    interrupt(fake_attempt(1));
    world_pass(&world, 60000);
    assert_true(fake_attempt(2)->may_have_arrived);
    fake_refuse(fake_attempt(2), ERROR_UNAVAILABLE, 503);
    world_pass(&world, 120000);
    assert_true(fake_attempt(3)->may_have_arrived);
    fake_succeed(fake_attempt(3));
    world_turn(&world);
    assert_int_equal(outcome->status, OUTCOME_SUCCEEDED);
    assert_true(outcome->possibly_repeated);
    record_free(record);
    end();
    world_registrations[3].integration = FAKE_KIND;
}

static void pipeline__has_one_outcome_of_what_leads_nowhere(void **state)
{
    static const struct {
        const char *workflow;
        enum outcome_status status;
        bool dead_letter;
    } table[] = {
        {"nobody's", OUTCOME_SKIPPED, false},
        {"\"", OUTCOME_FAILED, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct record *record;

        begin();
        record = feed(table[i].workflow);
        assert_int_equal(told_count, 0);
        world_turn(&world);
        check_number(table[i].workflow, told_count, 1);
        check_number(table[i].workflow, outcome_of(record, 0)->status,
                     table[i].status);
        check(table[i].workflow,
              outcome_of(record, 0)->dead_letter == table[i].dead_letter);
        check(table[i].workflow, record_is_done(record));
        check_number(table[i].workflow, fake_attempts(), 0);
        record_free(record);
        end();
    }
}

struct verdict {
    enum error_kind kind;
    int status;
    enum error_kind ends_with; /* NONE: it continues */
    enum error_kind ends_once_with;
};

/* max_attempts is 1 and max_age is 0: the first failure is the last, if it is
 * final at all. */
static const struct verdict verdicts[] = {
    {ERROR_REJECTED, 400, ERROR_REJECTED, ERROR_REJECTED},
    {ERROR_NOT_FOUND, 404, ERROR_NOT_FOUND, ERROR_NOT_FOUND},
    {ERROR_TOO_LARGE, 413, ERROR_TOO_LARGE, ERROR_TOO_LARGE},
    {ERROR_DIGEST_MISMATCH, 201, ERROR_DIGEST_MISMATCH, ERROR_DIGEST_MISMATCH},
    {ERROR_CONFIG, 0, ERROR_CONFIG, ERROR_CONFIG},
    {ERROR_AUTH, 401, ERROR_NONE, ERROR_AUTH},
    {ERROR_AUTH, 0, ERROR_NONE, ERROR_AUTH},
    {ERROR_BLOCKED, 405, ERROR_NONE, ERROR_BLOCKED},
    {ERROR_INTERMEDIARY, 404, ERROR_ATTEMPTS_EXHAUSTED,
     ERROR_ATTEMPTS_EXHAUSTED},
    {ERROR_UNREACHABLE, 0, ERROR_ATTEMPTS_EXHAUSTED, ERROR_ATTEMPTS_EXHAUSTED},
    {ERROR_UNAVAILABLE, 503, ERROR_ATTEMPTS_EXHAUSTED,
     ERROR_ATTEMPTS_EXHAUSTED},
    {ERROR_RATE_LIMITED, 429, ERROR_ATTEMPTS_EXHAUSTED,
     ERROR_ATTEMPTS_EXHAUSTED},
    {ERROR_INTERRUPTED, 404, ERROR_ATTEMPTS_EXHAUSTED,
     ERROR_ATTEMPTS_EXHAUSTED},
};

static void check_verdict(const struct verdict *row, enum pipeline_mode mode,
                          enum error_kind ends_with)
{
    struct record *record;
    const struct outcome *outcome;
    char label[64];

    snprintf(label, sizeof(label), "%s %d, %d", error_class(row->kind),
             row->status, (int)mode);
    begin_with(1, mode);
    world.settings.delivery.max_attempts = 1;
    world.settings.delivery.max_age_ms = 0;
    open_pipeline();
    record = feed("one");
    fail_all("one", row->kind, row->status, 0);
    outcome = outcome_of(record, 0);
    check_number(label, told_count, ends_with != ERROR_NONE);
    if (ends_with != ERROR_NONE) {
        check_number(label, outcome->status, OUTCOME_FAILED);
        check_kind(label, &outcome->error, ends_with);
        check_number(label, outcome->error.http_status, row->status);
        check(label, outcome->dead_letter == (mode == PIPELINE_SERVICE));
        check_text(label, outcome->error.message, "as the test said");
    }
    record_free(record);
    end();
}

static void pipeline__ends_with_what_cannot_pass(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
        const struct verdict *row = &verdicts[i];

        check_verdict(row, PIPELINE_SERVICE, row->ends_with);
        check_verdict(row, PIPELINE_ONCE, row->ends_once_with);
    }
}

/* --- retries ----------------------------------------------------------------
 */

/* The time from the n-th failure to the next attempt */
static uint64_t pause_after(unsigned n, uint64_t seed, enum pipeline_mode mode)
{
    struct record *record;
    uint64_t failed;
    uint64_t pause;

    begin_with(seed, mode);
    world.settings.delivery.max_attempts = 100;
    open_pipeline();
    record = feed("one");
    for (unsigned i = 1; i < n; i++) {
        interrupt(fake_running_one("one"));
        world_pass(&world, 31000);
    }
    failed = world.time.monotonic;
    interrupt(fake_running_one("one"));
    assert_int_equal(fake_running(NULL), 0); /* never at once */
    world_pass(&world, 31000);
    pause = fake_running_one("one")->began_ms - failed;
    record_free(record);
    end();
    return pause;
}

static void check_pauses(unsigned n, uint64_t bound, enum pipeline_mode mode)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    char label[64];

    snprintf(label, sizeof(label), "pause %u, %d", n, (int)mode);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t pause = pause_after(n, seed, mode);

        min = pause < min ? pause : min;
        max = pause > max ? pause : max;
    }
    check(label, min >= 1);
    check(label, max <= bound);
    /* Full jitter: any time up to the bound */
    check(label, min < bound / 4);
    check(label, max > bound / 4 * 3);
}

static void pipeline__pauses_for_longer_each_time(void **state)
{
    static const uint64_t bounds[] = {500,  1000,  2000,  4000,
                                      8000, 16000, 30000, 30000};

    for (unsigned i = 0; i < ARRAY_SIZE(bounds); i++) {
        check_pauses(i + 1, bounds[i], PIPELINE_SERVICE);
    }
}

static void pipeline__pauses_briefly_when_somebody_waits(void **state)
{
    static const uint64_t bounds[] = {500, 1000, 2000, 2000, 2000};

    for (unsigned i = 0; i < ARRAY_SIZE(bounds); i++) {
        check_pauses(i + 1, bounds[i], PIPELINE_ONCE);
    }
}

struct caps {
    const char *label;
    enum pipeline_mode mode;
    uint64_t attempts;
    uint64_t age_ms;
};

static const struct caps caps[] = {
    {"attempts alone", PIPELINE_SERVICE, 5, 0},
    {"both, age is the longer", PIPELINE_SERVICE, 2, HOUR},
    {"both, attempts are the longer", PIPELINE_SERVICE, 30, 1000},
    {"a single attempt, and an age", PIPELINE_SERVICE, 1, 10 * MINUTE},
    {"somebody waits: age does not count", PIPELINE_ONCE, 4, HOUR},
    {"somebody waits: one attempt", PIPELINE_ONCE, 1, HOUR},
};

static void pipeline__gives_up_when_attempts_and_age_are_used_up(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
        const struct caps *row = &caps[i];
        bool once = row->mode == PIPELINE_ONCE;
        uint64_t before = 0; /* age at the failure that was not the last */
        const struct outcome *outcome;
        struct record *record;

        begin_with(7, row->mode);
        world.settings.delivery.max_attempts = row->attempts;
        world.settings.delivery.max_age_ms = row->age_ms;
        open_pipeline();
        record = feed("one");
        while (told_count == 0) {
            check(row->label, fake_attempts() < 1000);
            before = world.time.monotonic - fake_attempt(0)->began_ms;
            interrupt(fake_running_one("one"));
            if (told_count == 0) {
                check(row->label, fake_attempts() < row->attempts ||
                                      (!once && before < row->age_ms));
                world_pass(&world, 31000);
            }
        }
        outcome = outcome_of(record, 0);
        check(row->label, outcome->attempts >= row->attempts);
        check(row->label, once || before >= row->age_ms);
        check_number(row->label, outcome->attempts, fake_attempts());
        check_kind(row->label, &outcome->error, ERROR_ATTEMPTS_EXHAUSTED);
        check(row->label, outcome->dead_letter == !once);
        record_free(record);
        end();
    }
}

static struct ledger ledger_of(int64_t dispatched)
{
    struct ledger ledger;

    ledger_init(&ledger);
    ledger.committed.watermark = 0;
    ledger.committed.dispatched = dispatched;
    return ledger;
}

static void remember(struct ledger *ledger, const char *attachment,
                     unsigned attempts, int64_t first_failed_ms)
{
    progress_add_attempts(&ledger->committed, &(struct progress_attempts){
                                                  0, progress_id(attachment),
                                                  attempts, first_failed_ms});
}

struct recalled {
    const char *label;
    unsigned attempts;
    int64_t ago_ms;
    unsigned
        ends_after; /* attempts of this process; 0: it continues after three */
};

/* max_attempts is 3, max_age ten minutes */
static const struct recalled recalled[] = {
    {"once, just now", 1, 0, 0},
    {"used up, but just now", 3, 1000, 0},
    {"long ago, but once", 1, (int64_t)HOUR, 2},
    {"long ago, and used up", 3, (int64_t)HOUR, 1},
    {"often", 1000, (int64_t)HOUR, 1},
    {"in the future, by another's clock", 3, -(int64_t)HOUR, 0},
};

static void pipeline__counts_what_others_have_tried(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(recalled); i++) {
        const struct recalled *row = &recalled[i];
        struct ledger past = ledger_of(1);
        const struct outcome *outcome;
        struct record *record;
        int64_t first;

        begin();
        first = world.time.wall - row->ago_ms;
        remember(&past, "one", row->attempts, first);
        remember(&past, "another", 99, 1);
        record = feed_with("one", &past, NULL, 0);
        ledger_release(&past);
        outcome = outcome_of(record, 0);
        check_number(row->label, outcome->attempts, row->attempts + 1);
        check(row->label, fake_attempt(0)->may_have_arrived);
        for (unsigned n = 0; n < 3 && told_count == 0; n++) {
            interrupt(fake_running_one("one"));
            check(row->label, (told_count > 0) == (row->ends_after == n + 1));
            world_pass(&world, 5000);
        }
        check(row->label, outcome->first_failed_ms == first);
        check(row->label, outcome->started_ms == first);
        if (told_count > 0 && row->ago_ms > 0) {
            check(row->label, outcome->duration_ms >= (uint64_t)row->ago_ms);
        }
        check(row->label, outcome->duration_ms < 2 * HOUR);
        record_free(record);
        end();
    }
}

static void pipeline__asks_first_where_somebody_may_have_begun(void **state)
{
    struct ledger past = ledger_of(2);
    struct record *records[3];

    begin();
    for (size_t i = 0; i < 3; i++) {
        records[i] = feed_with("one", &past, NULL, 0);
    }
    ledger_release(&past);
    assert_true(fake_attempt(0)->may_have_arrived);
    assert_true(fake_attempt(1)->may_have_arrived);
    assert_false(fake_attempt(2)->may_have_arrived);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(outcome_of(records[i], 0)->attempts, 1);
        record_free(records[i]);
    }
    end();
}

static void pipeline__leaves_out_what_was_done_before(void **state)
{
    struct ledger past = ledger_of(9);
    struct record *record;

    begin();
    progress_add_delivery(&past.committed, progress_id("both-one"), 0);
    record = feed_with("both", &past, NULL, 0);
    assert_int_equal(record_delivery_count(record), 1);
    assert_string_equal(outcome_of(record, 0)->attachment->name, "both-far");
    assert_int_equal(fake_running("both-one"), 0);
    succeed_all(NULL);
    assert_int_equal(told_count, 1);
    assert_true(record_is_done(record));
    record_free(record);
    ledger_release(&past);
    end();
}

static void pipeline__has_nothing_to_say_when_all_was_done_before(void **state)
{
    struct ledger past = ledger_of(9);
    struct record *record;

    begin();
    progress_add_delivery(&past.committed, progress_id("both-one"), 0);
    progress_add_delivery(&past.committed, progress_id("both-far"), 0);
    record = feed_with("both", &past, NULL, 0);
    assert_int_equal(record_delivery_count(record), 0);
    assert_true(record_is_done(record));
    world_pass(&world, HOUR);
    assert_int_equal(told_count, 0);
    assert_int_equal(fake_attempts(), 0);
    record_free(record);
    ledger_release(&past);
    end();
}

/* --- replays ---------------------------------------------------------------
 */

static struct record *feed_replay(const char *workflow, const char *attachment)
{
    const struct header headers[] = {
        {"waybill-replays", bytes_of("1")},
        {"waybill-attachment", bytes_of(attachment)},
    };

    struct input input = {
        .message = {.headers = headers, .header_count = ARRAY_SIZE(headers)},
        .is_replay = true};

    return feed_input(workflow, &input, NULL);
}

static void pipeline__lets_no_producer_choose_who_receives_an_event(
    void **state)
{
    const struct header headers[] = {
        {"waybill-replays", bytes_of("1")},
        {"waybill-attachment", bytes_of("both-far")},
    };
    struct record *record;

    begin();
    record = feed_with("both", NULL, headers, ARRAY_SIZE(headers));
    assert_int_equal(record_delivery_count(record), 2);
    succeed_all(NULL);
    record_free(record);
    end();
}

static void pipeline__replays_for_the_attachment_that_failed(void **state)
{
    struct record *record;

    begin();
    record = feed_replay("both", "both-far");
    assert_int_equal(record_delivery_count(record), 1);
    assert_int_equal(fake_attempts(), 1);
    assert_string_equal(fake_attempt(0)->attachment->name, "both-far");
    succeed_all(NULL);
    assert_int_equal(told_count, 1);
    record_free(record);
    end();
}

static void pipeline__does_not_replay_for_whom_there_is_not(void **state)
{
    static const struct {
        const char *label;
        const char *workflow;
        const char *attachment;
    } table[] = {
        {"not configured", "both", "gone"},
        {"for another workflow", "both", "one"},
        {"for a workflow of nobody's", "nobody's", "one"},
        {"with another case", "both", "BOTH-FAR"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct outcome *outcome;
        struct record *record;

        begin();
        record = feed_replay(table[i].workflow, table[i].attachment);
        world_turn(&world);
        outcome = outcome_of(record, 0);
        check_number(table[i].label, told_count, 1);
        check_number(table[i].label, fake_attempts(), 0);
        check_number(table[i].label, outcome->status, OUTCOME_FAILED);
        check_kind(table[i].label, &outcome->error, ERROR_CONFIG);
        check_contains(table[i].label, outcome->error.message,
                       table[i].attachment);
        check(table[i].label, outcome->dead_letter);
        check(table[i].label, outcome->attachment == NULL);
        record_free(record);
        end();
    }
}

/* --- a host that is down ---------------------------------------------------
 */

#define MANY 16

static struct record *records[MANY];

static void feed_many(const char *workflow)
{
    for (size_t i = 0; i < MANY; i++) {
        records[i] = feed(workflow);
    }
}

static void free_many(void)
{
    for (size_t i = 0; i < MANY; i++) {
        record_free(records[i]);
        records[i] = NULL;
    }
}

static struct endpoint *endpoint_of(const char *name)
{
    struct endpoint *endpoint;

    STAILQ_FOREACH(endpoint, &world.pipeline->scheduler.endpoints, link)
    {
        if (strcmp(endpoint->name, name) == 0) {
            return endpoint;
        }
    }
    fail();
    return NULL;
}

/* Many deliveries of "one" are in flight or wait, and its host is down. */
static void begin_down(void)
{
    begin();
    feed_many("one");
    while (!endpoint_of("h1")->breaker.open) {
        assert_true(fake_attempts() < 20);
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    while (fake_running_one("one") != NULL) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    world_turn(&world);
    assert_int_equal(fake_running(NULL), 0);
}

static void pipeline__sends_nothing_to_a_host_that_is_down(void **state)
{
    size_t attempts;
    struct record *same_host;
    struct record *other_host;

    begin_down();
    attempts = fake_attempts();
    same_host = feed("two");
    other_host = feed("far");
    assert_int_equal(fake_running("far"), 1);
    succeed_all("far");
    world_pass(&world, HOUR); /* the probe has no response yet */
    assert_int_equal(fake_attempts(), attempts + 1);
    assert_int_equal(fake_probes(), 1);
    assert_string_equal(fake_probe(0)->host, "h1");
    assert_int_equal(told_count, 1);
    record_free(same_host);
    record_free(other_host);
    free_many();
    end();
}

/* At least half of the pause: 500 ms at first, and then twice as long each time
 */
static void pipeline__probes_less_and_less_often(void **state)
{
    static const uint64_t bounds[] = {500,  1000,  2000,  4000,
                                      8000, 16000, 30000, 30000};
    uint64_t since;
    size_t attempts;

    begin_down();
    attempts = fake_attempts();
    since = world.time.monotonic;
    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
        uint64_t pause;

        world_pass(&world, 40000);
        assert_int_equal(fake_probes(), i + 1);
        pause = fake_probe(i)->began_ms - since;
        assert_in_range(pause, bounds[i] / 2 + 1, bounds[i] + 1);
        since = world.time.monotonic;
        fake_answer_probe(fake_probe(i), false);
        world_turn(&world);
    }
    assert_int_equal(fake_attempts(), attempts);
    free_many();
    end();
}

static void pipeline__goes_on_when_a_probe_finds_it_alive(void **state)
{
    begin_down();
    world_pass(&world, 1000);
    assert_int_equal(fake_probes(), 1);
    fake_answer_probe(fake_probe(0), true);
    world_turn(&world);
    assert_true(fake_running("one") > 0);
    for (int i = 0; i < 100 && told_count < MANY; i++) {
        succeed_all(NULL);
        world_pass(&world, 1000);
    }
    assert_int_equal(told_count, MANY);
    assert_int_equal(fake_probes(), 1);
    free_many();
    end();
}

/* A successful probe is not a successful delivery. */
static void pipeline__stops_again_with_the_first_failure_after_a_probe(
    void **state)
{
    size_t attempts;

    begin_down();
    world_pass(&world, 1000);
    fake_answer_probe(fake_probe(0), true);
    world_turn(&world);
    fail_all("one", ERROR_UNAVAILABLE, 503, 0);
    attempts = fake_attempts();
    assert_true(endpoint_of("h1")->breaker.open);
    assert_int_equal(endpoint_of("h1")->breaker.level, 2);
    world_pass(&world, 10000);
    assert_int_equal(fake_attempts(), attempts);
    assert_int_equal(fake_probes(), 2);
    /* A success resets the level. */
    fake_answer_probe(fake_probe(1), true);
    world_turn(&world);
    fake_succeed(fake_running_one("one"));
    assert_int_equal(endpoint_of("h1")->breaker.level, 0);
    fake_fail(fake_running_one("one"), ERROR_UNAVAILABLE, 503, 0);
    assert_false(endpoint_of("h1")->breaker.open);
    free_many();
    end();
}

/* A success of an attempt that was sent before is as good as a probe. */
static void pipeline__goes_on_when_one_comes_through_after_all(void **state)
{
    begin_with(1, PIPELINE_SERVICE);
    world.settings.delivery.concurrency = 8;
    open_pipeline();
    feed_many("one");
    assert_int_equal(fake_running("one"), 8);
    for (int i = 0; i < 5; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    assert_true(endpoint_of("h1")->breaker.open);
    assert_int_equal(fake_running("one"), 3);
    fake_succeed(fake_running_one("one"));
    world_turn(&world);
    assert_false(endpoint_of("h1")->breaker.open);
    assert_true(fake_running("one") >= 3);
    free_many();
    end();
}

static void pipeline__answers_of_its_own_keep_a_host_open(void **state)
{
    static const struct {
        const char *label;
        enum error_kind kind;
        int status;
    } table[] = {
        {"rejected", ERROR_REJECTED, 400},
        {"not found", ERROR_NOT_FOUND, 404},
        {"too large", ERROR_TOO_LARGE, 413},
        {"interrupted", ERROR_INTERRUPTED, 404},
        {"rate limited", ERROR_RATE_LIMITED, 429},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        begin();
        for (int n = 0; n < 3; n++) {
            feed_many("one");
            fail_all("one", table[i].kind, table[i].status, 0);
            check(table[i].label, !endpoint_of("h1")->breaker.open);
            free_many();
        }
        end();
    }
}

/* A connection without any response counts as unreachable. */
static void pipeline__takes_a_refusal_in_words_for_a_sign_of_life(void **state)
{
    begin();
    feed_many("one");
    for (int i = 0; i < 4; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    fake_fail(fake_running_one("one"), ERROR_REJECTED, 400, 0);
    assert_int_equal(endpoint_of("h1")->breaker.failures, 0);
    for (int i = 0; i < 4; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    fake_fail(fake_running_one("one"), ERROR_CONFIG, 0, 0);
    assert_int_equal(endpoint_of("h1")->breaker.failures, 4);
    free_many();
    end();
}

/* --- a host that requests a pause
 * --------------------------------------------- */

static void pipeline__waits_as_long_as_a_host_has_asked_for(void **state)
{
    static const struct {
        const char *label;
        enum error_kind kind;
        int status;
    } table[] = {
        {"429", ERROR_RATE_LIMITED, 429},
        {"503", ERROR_UNAVAILABLE, 503},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct record *first;
        struct record *second;
        struct record *other;
        uint64_t asked;

        begin();
        first = feed("one");
        asked = world.time.monotonic;
        fake_fail(fake_running_one("one"), table[i].kind, table[i].status,
                  20000);
        second = feed("two");
        other = feed("far");
        world_pass(&world, 19999);
        check_number(table[i].label, fake_running("one"), 0);
        check_number(table[i].label, fake_running("two"), 0);
        check_number(table[i].label, fake_running("far"), 1);
        world_pass(&world, 1);
        check_number(table[i].label, fake_running("two"), 1);
        /* Deliveries with the same Retry-After do not start at the same time.
         */
        check_number(table[i].label, fake_running("one"), 0);
        world_pass(&world, 501);
        check_number(table[i].label, fake_running("one"), 1);
        check(table[i].label,
              fake_running_one("one")->began_ms - asked <= 20500);
        check_number(table[i].label, fake_probes(), 0);
        record_free(first);
        record_free(second);
        record_free(other);
        end();
    }
}

/* One time applies to attempts, to probes, and to deliveries that exceed
 * max_age. */
static void pipeline__does_not_probe_before_the_time_that_was_asked_for(
    void **state)
{
    struct error err;
    size_t attempts;

    begin();
    world.settings.delivery.max_attempts = 1;
    feed_many("one");
    for (int i = 0; i < 4; i++) {
        fake_fail(fake_running_one("one"), ERROR_UNAVAILABLE, 503, 0);
    }
    fail_all("one", ERROR_UNAVAILABLE, 503, 300000);
    assert_true(endpoint_of("h1")->breaker.open);
    attempts = fake_attempts();
    world_pass(&world, 299999);
    assert_int_equal(fake_probes(), 0);
    assert_int_equal(fake_attempts(), attempts);
    world_pass(&world, 1);
    assert_int_equal(fake_probes(), 1);
    /* The response to the probe may request a pause, too. */
    error_set(&err, ERROR_UNAVAILABLE, "come back later");
    err.retry_after_ms = 2 * HOUR;
    fake_probe(0)->over = true;
    fake_probe(0)->done(fake_probe(0)->payload, &err);
    world_pass(&world, 2 * HOUR - 1);
    assert_int_equal(fake_probes(), 1);
    assert_int_equal(fake_attempts(), attempts);
    /* By now they exceed max_age. */
    world_pass(&world, 1);
    assert_int_equal(fake_probes(), 1);
    assert_int_equal(fake_attempts(), attempts + 1);
    free_many();
    end();
}

/* The longest pause applies, in whatever order they are requested. */
static void pipeline__does_not_shorten_a_rest(void **state)
{
    struct record *record;

    begin();
    feed_many("one");
    fake_fail(fake_running_one("one"), ERROR_RATE_LIMITED, 429, 60000);
    fake_fail(fake_running_one("one"), ERROR_RATE_LIMITED, 429, 1000);
    fake_fail(fake_running_one("one"), ERROR_RATE_LIMITED, 429, 0);
    fake_succeed(fake_running_one("one"));
    record = feed("two");
    world_pass(&world, 59999);
    assert_int_equal(fake_running(NULL), 0);
    world_pass(&world, 1);
    assert_true(fake_running(NULL) > 0);
    record_free(record);
    free_many();
    end();
}

/* --- without a probe, and of another kind ------------------------------------
 */

/* Half-open: one delivery at a time finds out whether the endpoint responds. */
static void pipeline__tries_one_delivery_where_there_is_no_probe(void **state)
{
    static const uint64_t bounds[] = {500, 1000, 2000, 4000};
    uint64_t since;
    size_t attempts;

    begin();
    feed_many("hook");
    while (fake_running("hook") > 0) {
        fail_all("hook", ERROR_UNREACHABLE, 0, 0);
    }
    since = world.time.monotonic;
    attempts = fake_attempts();
    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
        world_pass(&world, MINUTE / 2);
        assert_int_equal(fake_attempts(), attempts + i + 1);
        assert_int_equal(fake_running("hook"), 1);
        assert_in_range(fake_running_one("hook")->began_ms - since,
                        bounds[i] / 2 + 1, bounds[i] + 1);
        since = world.time.monotonic;
        fail_all("hook", ERROR_UNAVAILABLE, 503, 0);
    }
    world_pass(&world, MINUTE);
    assert_int_equal(fake_running("hook"), 1);
    fake_succeed(fake_running_one("hook"));
    assert_true(fake_running("hook") > 1);
    for (int i = 0; i < 200 && told_count < MANY; i++) {
        succeed_all("hook");
        world_pass(&world, 1000);
    }
    assert_int_equal(told_count, MANY);
    assert_int_equal(fake_probes(), 0);
    free_many();
    end();
}

/* An attempt that shows nothing about its endpoint does not end the search. */
static void pipeline__tries_another_one_when_the_first_shows_nothing(
    void **state)
{
    begin();
    feed_many("hook");
    while (fake_running("hook") > 0) {
        fail_all("hook", ERROR_UNREACHABLE, 0, 0);
    }
    world_pass(&world, MINUTE);
    fake_fail(fake_running_one("hook"), ERROR_TOO_LARGE, 0, 0);
    world_turn(&world);
    assert_int_equal(told_count, 1);
    assert_int_equal(fake_running("hook"), 1);
    record_abandon(records[0], true);
    for (size_t i = 0; i < MANY; i++) {
        record_abandon(records[i], true);
    }
    assert_int_equal(fake_running("hook"), 0);
    free_many();
    end();
}

/* Another kind of integration at that host and port is another endpoint. */
static void pipeline__keeps_two_kinds_at_one_host_apart(void **state)
{
    struct capture capture;
    const char *text;
    struct record *hook;

    begin_down();
    hook = feed("hook");
    assert_int_equal(fake_running("hook"), 1);
    succeed_all("hook");
    assert_true(endpoint_of("h1")->breaker.open);
    assert_true(endpoint_of("h1")->limiter.slow_start_is_over);
    record_free(hook);
    free_many();

    log_setup(LOG_ERROR, LOG_JSON);
    capture_begin(&capture);
    feed_many("hook");
    while (fake_running("hook") > 0) {
        fail_all("hook", ERROR_UNREACHABLE, 0, 0);
    }
    text = capture_end(&capture);
    log_setup(LOG_ERROR + 1, LOG_JSON);
    check_contains("log", text, "webhook is down, deliveries to it wait");
    check_contains("log", text, "\"host\":\"h1\"");
    free_many();
    end();
}

/* --- concurrency
 * -------------------------------------------------------------- */

static void pipeline__sends_a_host_what_it_bears(void **state)
{
    size_t running;

    begin_with(1, PIPELINE_SERVICE);
    world.settings.delivery.concurrency = 12;
    open_pipeline();
    feed_many("one");
    assert_int_equal(fake_running("one"), 8);
    fake_succeed(fake_running_one("one"));
    assert_int_equal(fake_running("one"), 9);
    /* Overload: the limit is halved, whatever else waits. */
    fake_fail(fake_running_one("one"), ERROR_RATE_LIMITED, 429, 0);
    assert_int_equal(fake_running("one"), 8);
    do {
        running = fake_running("one");
        fake_succeed(fake_running_one("one"));
    } while (fake_running("one") < running);
    /* It has grown a little while it was reduced. */
    assert_in_range(running, 4, 6);
    free_many();
    end();
}

/* --- rate
 * ----------------------------------------------------------------------- */

/* An endpoint that accepts one request a second, responds at once, and does or
 * does not request a pause */
struct narrow {
    uint64_t free_ms; /* the time at which it accepts the next one */
    uint32_t pause_ms;
    size_t accepted;
    size_t refused;
};

static void answer_narrowly(struct narrow *narrow)
{
    size_t running = fake_running(NULL);
    uint64_t now = world.time.monotonic;

    for (size_t i = 0; i < running; i++) {
        struct fake_attempt *attempt = fake_running_one(NULL);

        if (now >= narrow->free_ms) {
            narrow->free_ms = now + 1000;
            narrow->accepted++;
            fake_succeed(attempt);
        } else {
            narrow->refused++;
            fake_fail(attempt, ERROR_RATE_LIMITED, 429, narrow->pause_ms);
        }
    }
}

/* It accepts any number of requests for that long. */
static void crowd(struct narrow *narrow, uint64_t seconds)
{
    narrow->accepted = 0;
    narrow->refused = 0;
    for (uint64_t step = 0; step < seconds * 50; step++) {
        for (size_t i = 0; i < MANY; i++) {
            if (records[i] == NULL || record_is_done(records[i])) {
                record_free(records[i]);
                records[i] = feed("hook");
            }
        }
        world_pass(&world, 20);
        answer_narrowly(narrow);
        told_count = 0;
    }
}

/* One attempt at a time that is answered at once makes many a second. */
static void pipeline__finds_out_how_often_an_endpoint_may_be_asked(void **state)
{
    static const uint32_t pauses[] = {0, 1000, 10000};

    for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
        struct narrow narrow = {.pause_ms = pauses[i]};

        begin_with(1, PIPELINE_SERVICE);
        world.settings.delivery.max_attempts = 1000;
        open_pipeline();
        crowd(&narrow, 120);
        crowd(&narrow, 900);
        assert_in_range(narrow.accepted, i < 2 ? 800 : 500, 900);
        assert_in_range(narrow.refused, 1, narrow.accepted * 3 / 100);
        free_many();
        fake_reset(world.loop);
        end();
    }
}

/* Each registration may use its configured concurrency, and no more. */
static void pipeline__never_sends_more_than_is_configured(void **state)
{
    struct record *others[40];

    begin();
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        others[i] = feed(i % 2 == 0 ? "one" : "two");
    }
    for (int i = 0; i < 30; i++) {
        assert_true(fake_running("one") <= 4);
        assert_true(fake_running("two") <= 4);
        fake_succeed(fake_running_one(NULL));
        world_turn(&world);
    }
    succeed_all(NULL);
    assert_int_equal(told_count, ARRAY_SIZE(others));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        record_free(others[i]);
    }
    end();
}

static void pipeline__has_the_registrations_of_a_host_take_turns(void **state)
{
    struct record *others[4];

    begin();
    endpoint_of("h1")->limiter.limit = 1;
    endpoint_of("h1")->limiter.max = 1;
    feed_many("one"); /* before the others, and many more */
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        others[i] = feed("two");
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        fake_succeed(fake_running_one("one"));
        fake_succeed(fake_running_one("two"));
    }
    world_turn(&world);
    assert_int_equal(told_count, 2 * ARRAY_SIZE(others));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        record_free(others[i]);
    }
    free_many();
    end();
}

/* Retries never multiply the load of a host. */
static void pipeline__retries_no_more_than_its_budget_allows(void **state)
{
    size_t first;

    begin_with(1, PIPELINE_SERVICE);
    world.settings.delivery.backoff_initial_ms = 1;
    world.settings.delivery.backoff_max_ms = 1;
    world.settings.delivery.concurrency = 16;
    open_pipeline();
    feed_many("one");
    first = fake_attempts();
    /* In a minute in which each attempt is interrupted at once */
    for (int i = 0; i < 6000; i++) {
        fail_all("one", ERROR_INTERRUPTED, 404, 0);
        world_pass(&world, 10);
    }
    assert_in_range(fake_attempts() - first, 75, 90);
    free_many();
    end();
}

/* --- credentials -----------------------------------------------------------
 */

static void pipeline__holds_a_registration_that_is_refused(void **state)
{
    struct record *same_host;
    struct record *other_host;
    size_t attempts;

    begin();
    feed_many("one");
    while (fake_running("one") > 0) {
        fail_all("one", ERROR_AUTH, 401, 0);
    }
    assert_true(world.pipeline->scheduler.queues[0].held);
    assert_int_equal(fake_attempts(), 6); /* four, and two after them */
    attempts = fake_attempts();
    assert_int_equal(fake_running(NULL), 0);
    same_host = feed("two");
    other_host = feed("far");
    assert_int_equal(fake_running("two"), 1);
    assert_int_equal(fake_running("far"), 1);
    succeed_all("two");
    succeed_all("far");
    /* One at a time, a minute apart */
    for (int minute = 1; minute <= 5; minute++) {
        world_pass(&world, MINUTE - 1);
        assert_int_equal(fake_running("one"), 0);
        world_pass(&world, 1);
        assert_int_equal(fake_running("one"), 1);
        world_turn(&world);
        fail_all("one", ERROR_AUTH, 401, 0);
    }
    assert_int_equal(fake_attempts(), attempts + 2 + 5);
    /* For days */
    for (int hour = 0; hour < 48; hour++) {
        world_pass(&world, HOUR);
        fail_all("one", ERROR_AUTH, 403, 0);
    }
    assert_int_equal(told_count, 2);
    assert_int_equal(fake_probes(), 0);
    /* An operator has corrected it. */
    world_pass(&world, MINUTE);
    assert_int_equal(fake_running("one"), 1);
    fake_succeed(fake_running_one("one"));
    assert_false(world.pipeline->scheduler.queues[0].held);
    for (int i = 0; i < 200 && told_count < 2 + MANY; i++) {
        succeed_all("one");
        world_pass(&world, 1000);
    }
    assert_int_equal(told_count, 2 + MANY);
    record_free(same_host);
    record_free(other_host);
    free_many();
    end();
}

/* A service for messages says with each success how long to wait, and bans who
 * insists: a registration that is held is not tried sooner because of 403. */
static void pipeline__does_not_hurry_an_endpoint_that_is_one_place(void **state)
{
    world_registrations[3].integration = FAKE_CHAT_KIND;
    begin();
    feed_many("sea");
    assert_int_equal(fake_running("sea"), 1);
    fake_running_one("sea")->pause_ms = 5000;
    succeed_all("sea");
    world_pass(&world, 4999);
    assert_int_equal(fake_attempts(), 1);
    world_pass(&world, 1);
    assert_int_equal(fake_running("sea"), 1);
    while (fake_running("sea") > 0) {
        fail_all("sea", ERROR_AUTH, 403, 0);
    }
    assert_true(world.pipeline->scheduler.queues[3].held);
    assert_int_equal(fake_attempts(), 1 + 3);
    for (int minute = 1; minute <= 10; minute++) {
        world_pass(&world, MINUTE);
        fail_all("sea", ERROR_AUTH, 403, 0);
        assert_int_equal(fake_attempts(), 1 + 3 + minute);
    }
    free_many();
    end();
    world_registrations[3].integration = FAKE_KIND;
}

static void pipeline__waits_for_hours_if_it_is_told_to(void **state)
{
    struct record *record;

    world_registrations[3].integration = FAKE_CHAT_KIND;
    begin();
    record = feed("sea");
    fake_fail(fake_running_one("sea"), ERROR_RATE_LIMITED, 429, 5 * HOUR);
    world_pass(&world, 5 * HOUR - 1);
    assert_int_equal(fake_attempts(), 1);
    world_pass(&world, MINUTE);
    assert_int_equal(fake_attempts(), 2);
    succeed_all("sea");
    assert_true(record_is_done(record));
    record_free(record);
    end();
    world_registrations[3].integration = FAKE_KIND;
}

/* A repository to which it may not write delays no other one. */
static void pipeline__holds_one_delivery_that_is_refused_by_itself(void **state)
{
    struct record *refused;

    begin();
    refused = feed("one");
    fake_fail(fake_running_one("one"), ERROR_AUTH, 403, 0);
    for (int i = 0; i < 3; i++) {
        feed_many("one");
        succeed_all("one");
        free_many();
        assert_false(world.pipeline->scheduler.queues[0].held);
    }
    assert_int_equal(told_count, 3 * MANY);
    assert_false(record_is_done(refused));
    world_pass(&world, MINUTE);
    assert_int_equal(fake_running("one"), 1);
    succeed_all("one");
    assert_true(record_is_done(refused));
    record_free(refused);
    end();
}

/* --- abandoning -------------------------------------------------------------
 */

enum fate { GOES_ON, IS_DROPPED, IS_TOLD };

struct abandoned {
    const char *label;
    const char *before; /* w waits in its queue, r runs, p pauses, d is done */
    bool at_once;
    bool runs;         /* the result of record_abandon() */
    const char *after; /* s succeeds, i is interrupted, 4 is rejected */
    bool reported;
};

static const struct abandoned abandoned[] = {
    {"waiting", "w", false, false, "", false},
    {"waiting, at once", "w", true, false, "", false},
    {"pausing", "p", false, false, "", false},
    {"pausing, at once", "p", true, false, "", false},
    {"running, and nothing comes of it", "r", false, true, "", false},
    {"running, and it succeeds", "r", false, true, "s", true},
    {"running, and it is rejected", "r", false, true, "4", true},
    {"running, and it would be tried again", "r", false, true, "i", false},
    {"running, at once", "r", true, false, "", false},
    {"done", "d", false, false, "", true},
    {"done, at once", "d", true, false, "", true},
};

static void bring_to(char state)
{
    switch (state) {
    case 'w':
        endpoint_of("h1")->pause_until_ms = world.time.monotonic + HOUR;
        break;
    case 'p':
        endpoint_of("h1")->pause_until_ms = 0;
        break;
    default:
        break;
    }
}

static void check_abandoned(const struct abandoned *row)
{
    struct record *record;
    size_t attempts;

    begin();
    bring_to(row->before[0]);
    record = feed("one");
    if (*row->before == 'p') {
        interrupt(fake_running_one("one"));
    } else if (*row->before == 'd') {
        succeed_all("one");
    }
    check(row->label, record_abandon(record, row->at_once) == row->runs);
    attempts = fake_attempts();
    if (*row->after == 's') {
        fake_succeed(fake_running_one("one"));
    } else if (*row->after != '\0') {
        fake_fail(fake_running_one("one"),
                  *row->after == 'i' ? ERROR_INTERRUPTED : ERROR_REJECTED, 404,
                  0);
    }
    world_pass(&world, 2 * HOUR);
    if (*row->after != '\0' || !row->runs) {
        check(row->label, !record_abandon(record, false));
    }
    check(row->label, (told_count > 0) == row->reported);
    check(row->label, (record_outcome(record, 0) != NULL) == row->reported);
    check_number(row->label, fake_attempts(), attempts);
    record_free(record);
    end();
}

static void pipeline__begins_nothing_for_an_abandoned_record(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(abandoned); i++) {
        check_abandoned(&abandoned[i]);
    }
}

/* Of two deliveries one may be done, and the other abandoned. */
static void pipeline__tells_what_an_abandoned_record_still_brings(void **state)
{
    struct record *record;

    begin();
    record = feed("both");
    assert_true(record_abandon(record, false));
    fake_succeed(fake_running_one("both-one"));
    fake_fail(fake_running_one("both-far"), ERROR_UNREACHABLE, 0, 0);
    world_pass(&world, HOUR);
    assert_int_equal(told_count, 1);
    assert_int_equal(reported[0].index, 0);
    assert_false(record_is_done(record));
    assert_false(record_abandon(record, true));
    record_free(record);
    end();
}

static void count_idle(void *payload)
{
    ++*(int *)payload;
}

static void pipeline__drains_by_letting_what_runs_come_to_its_end(void **state)
{
    int idle = 0;
    size_t attempts;

    begin();
    feed_many("one");
    scheduler_drain(&world.pipeline->scheduler, count_idle, &idle);
    attempts = fake_attempts();
    fake_fail(fake_running_one("one"), ERROR_INTERRUPTED, 404, 0);
    world_pass(&world, HOUR);
    assert_int_equal(idle, 0);
    while (fake_running_one("one") != NULL) {
        fake_succeed(fake_running_one("one"));
    }
    assert_int_equal(idle, 0); /* idle() is called only by the loop */
    world_pass(&world, HOUR);
    assert_int_equal(idle, 1);
    assert_int_equal(fake_attempts(), attempts);
    assert_int_equal(fake_probes(), 0);
    free_many();
    world_turn(&world);
    assert_int_equal(idle, 1);
    end();
}

static void pipeline__drains_at_once_when_nothing_runs(void **state)
{
    int idle = 0;

    begin();
    scheduler_drain(&world.pipeline->scheduler, count_idle, &idle);
    assert_int_equal(idle, 0);
    world_turn(&world);
    assert_int_equal(idle, 1);
    end();
}

/* --- interactive use
 * ---------------------------------------------------------- */

static void pipeline__tries_all_the_same_when_somebody_waits(void **state)
{
    begin_with(1, PIPELINE_ONCE);
    world.settings.delivery.max_attempts = 8;
    open_pipeline();
    feed_many("one");
    for (int i = 0; i < 8; i++) {
        while (fake_running("one") > 0) {
            fail_all("one", ERROR_UNREACHABLE, 0, 0);
        }
        world_pass(&world, 2000);
    }
    assert_int_equal(told_count, MANY);
    assert_int_equal(fake_attempts(), 8 * MANY);
    assert_int_equal(fake_probes(), 0);
    assert_false(endpoint_of("h1")->breaker.open);
    free_many();
    end();
}

/* --- load shedding
 * ------------------------------------------------------------- */

static void pipeline__knows_what_makes_no_progress(void **state)
{
    struct record *flows;
    struct record *both;

    begin_down();
    assert_true(record_may_be_shed(records[0]));
    flows = feed("far");
    assert_false(record_may_be_shed(flows)); /* it runs */
    both = feed("both");
    assert_false(record_may_be_shed(both)); /* a part of it runs */
    succeed_all(NULL);
    assert_false(record_may_be_shed(flows)); /* it is done */
    assert_true(record_may_be_shed(both));
    record_free(flows);
    endpoint_of("h2")->pause_until_ms = world.time.monotonic + 1;
    flows = feed("far");
    assert_false(record_may_be_shed(flows)); /* it waits, but not for long */
    assert_false(shed_wants_back(&world.pipeline->scheduler));
    record_note_shed(records[0]);
    assert_false(
        shed_wants_back(&world.pipeline->scheduler)); /* its host is down */
    world_pass(&world, 1000);
    fake_answer_probe(fake_running_probe("h1"), true);
    world_turn(&world);
    assert_true(shed_wants_back(&world.pipeline->scheduler));
    shed_note_read_again(&world.pipeline->scheduler);
    assert_false(shed_wants_back(&world.pipeline->scheduler));
    record_free(flows);
    record_free(both);
    free_many();
    end();
}

/* A finished delivery is not shed with the rest of its record. */
static void pipeline__parks_only_what_waits(void **state)
{
    struct record *both;

    begin_down();
    both = feed("both");
    succeed_all("both-far");
    assert_true(record_may_be_shed(both));
    record_note_shed(both);
    record_free(both);
    assert_true(world.pipeline->scheduler.queues[0].attachments[1].has_shed);
    assert_false(world.pipeline->scheduler.queues[2].attachments[1].has_shed);
    assert_false(shed_wants_back(&world.pipeline->scheduler));
    free_many();
    end();
}

/* The first three are rejected permanently. */
static void answer_by_number(void)
{
    struct fake_attempt *attempt;

    while ((attempt = fake_running_one("one")) != NULL) {
        if (strlen(attempt->event_id) == 5 && attempt->event_id[4] < '3') {
            fake_fail(attempt, ERROR_AUTH, 403, 0); /* t/0/0 to t/0/2 */
        } else {
            fake_succeed(attempt);
        }
    }
    world_turn(&world);
}

/* A few that are refused permanently (each with a repository of its own) do not
 * delay the others. */
static void pipeline__is_not_held_by_the_same_few_refusals_for_ever(
    void **state)
{
    enum { REFUSED = 3, SECONDS = 1200 };
    static struct record *all[REFUSED + SECONDS];
    size_t at_once = 0;
    size_t count = 0;

    begin();
    while (count < REFUSED) {
        all[count++] = feed("one");
    }
    for (int second = 0; second < SECONDS; second++) {
        answer_by_number();
        all[count++] = feed("one");
        answer_by_number();
        at_once += record_is_done(all[count - 1]);
        world_pass(&world, 1000);
    }
    /* All except those of the first minute */
    assert_in_range(at_once, SECONDS - 70, SECONDS);
    while (count > 0) {
        record_free(all[--count]);
    }
    end();
}

/* "No pause is longer", whatever the registry asks for */
static void pipeline__keeps_nobody_waiting_for_a_registry(void **state)
{
    struct record *record;

    begin_with(1, PIPELINE_ONCE);
    open_pipeline();
    record = feed("one");
    fail_all("one", ERROR_RATE_LIMITED, 429, 300000);
    world_pass(&world, 2000);
    assert_int_equal(fake_running("one"), 1);
    record_free(record);
    end();
}

/* --- random events
 * ------------------------------------------------------------ */

/* A world of random events, and the rules that hold at every moment; at the end
 * all faults are removed, and everything ends. */

#define HELD_MAX 60

static struct random dice;
static struct record *held[HELD_MAX];
static size_t held_count;

static uint64_t roll(uint64_t below)
{
    return random_below(&dice, below);
}

static void check_queue(const struct registration_queue *queue)
{
    size_t running = 0;
    size_t load = 0;
    size_t waiting = 0;

    for (size_t i = 0; i < held_count; i++) {
        for (size_t n = 0; n < held[i]->delivery_count; n++) {
            const struct delivery *delivery = &held[i]->deliveries[n];

            if (delivery->queue == queue) {
                running += delivery->state == DELIVERY_RUNNING;
                waiting += delivery->state == DELIVERY_WAITING;
                load += delivery->state < DELIVERY_DONE;
            }
        }
    }
    assert_int_equal(queue->in_flight, running);
    assert_int_equal(queue->backlog_count, waiting);
    assert_int_equal(queue->load, load);
    assert_true(queue->in_flight <= queue->max_in_flight);
}

static bool is_anything_held(const struct registration_queue *queue)
{
    for (size_t i = 0; i < queue->attachment_count; i++) {
        if (attachment_queue_is_held(&queue->attachments[i])) {
            return true;
        }
    }
    return false;
}

/* Everything that waits has a time, or something else that will start it. */
static void check_wakes(const struct endpoint *endpoint)
{
    uint64_t now = world.time.monotonic;
    bool wants = false;

    for (size_t i = 0; i < endpoint->queue_count; i++) {
        const struct registration_queue *queue = endpoint->queues[i];

        wants |= queue->backlog_count > 0;
        if (queue->backlog_count > 0 && !endpoint->breaker.open &&
            !is_anything_held(queue) &&
            endpoint_not_before_ms(endpoint, now) <= now &&
            queue->in_flight < queue->max_in_flight) {
            assert_false(
                limiter_admits(&endpoint->limiter, endpoint->in_flight));
        }
    }
    if (wants) {
        assert_true(
            endpoint->in_flight > 0 || endpoint->probe != NULL ||
            (timer_is_armed(&endpoint->wake) && endpoint->wake.due_ms > now));
    }
}

static void check_rules(void)
{
    const struct endpoint *endpoint;
    size_t running = 0;

    for (size_t i = 0; i < world.settings.registration_count; i++) {
        check_queue(&world.pipeline->scheduler.queues[i]);
    }
    STAILQ_FOREACH(endpoint, &world.pipeline->scheduler.endpoints, link)
    {
        size_t sum = 0;

        for (size_t i = 0; i < endpoint->queue_count; i++) {
            sum += endpoint->queues[i]->in_flight;
        }
        assert_int_equal(endpoint->in_flight, sum);
        assert_true(endpoint->limiter.limit >= 1 &&
                    endpoint->limiter.limit <= endpoint->limiter.max);
        check_wakes(endpoint);
        running += sum;
    }
    assert_int_equal(world.pipeline->scheduler.in_flight, running);
    assert_int_equal(fake_running(NULL), running);
}

static void let_go(size_t at)
{
    record_free(held[at]);
    held[at] = held[--held_count];
}

static void answer_one(void)
{
    static const enum error_kind kinds[] = {
        ERROR_UNREACHABLE,  ERROR_UNREACHABLE, ERROR_UNAVAILABLE,
        ERROR_RATE_LIMITED, ERROR_INTERRUPTED, ERROR_AUTH,
        ERROR_REJECTED,
    };
    size_t running = fake_running(NULL);
    struct fake_attempt *attempt = fake_running_one(NULL);
    size_t skip = running > 0 ? roll(running) : 0;

    for (size_t i = 0; attempt != NULL && i < fake_attempts(); i++) {
        struct fake_attempt *other = fake_attempt(i);

        if (!other->over && skip-- == 0) {
            attempt = other;
            break;
        }
    }
    if (attempt == NULL) {
        return;
    }
    if (roll(3) == 0) {
        fake_succeed(attempt);
    } else {
        enum error_kind kind = kinds[roll(ARRAY_SIZE(kinds))];

        fake_fail(attempt, kind, kind == ERROR_UNREACHABLE ? 0 : 500,
                  roll(4) == 0 ? (uint32_t)roll(30000) : 0);
    }
}

static void answer_probes(bool alive)
{
    static const char *const hosts[] = {"h1", "h2"};

    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        struct fake_probe *probe = fake_running_probe(hosts[i]);

        if (probe != NULL) {
            fake_answer_probe(probe, alive);
        }
    }
}

static void happen(void)
{
    static const char *const workflows[] = {"one", "two", "far", "both",
                                            "nobody's"};

    switch (roll(8)) {
    case 0:
    case 1:
        if (held_count < HELD_MAX) {
            held[held_count++] = feed(workflows[roll(ARRAY_SIZE(workflows))]);
        }
        break;
    case 2:
    case 3:
    case 4:
        answer_one();
        break;
    case 5:
        answer_probes(roll(2) == 0);
        break;
    case 6:
        world_pass(&world, roll(roll(10) == 0 ? 90000 : 800));
        break;
    default:
        if (held_count > 0) {
            size_t at = roll(held_count);

            if (roll(3) == 0) {
                record_abandon(held[at], roll(2) == 0);
            } else if (roll(3) == 0) {
                let_go(at);
            }
        }
        break;
    }
    if (roll(3) == 0) {
        world_turn(&world);
    }
}

static bool is_over(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].state < DELIVERY_DONE) {
            return false;
        }
    }
    return true;
}

static void drop_over(void)
{
    for (size_t i = 0; i < held_count;) {
        if (is_over(held[i])) {
            let_go(i);
        } else {
            i++;
        }
    }
}

static void live(uint64_t seed)
{
    random_seed(&dice, seed);
    begin_with(seed, PIPELINE_SERVICE);
    world.settings.delivery.concurrency = 1 + roll(6);
    open_pipeline();
    held_count = 0;
    for (int i = 0; i < 400; i++) {
        happen();
        check_rules();
        told_count = 0;
        if (held_count > HELD_MAX / 2) {
            world_turn(&world);
            drop_over();
        }
    }
    /* There are no faults from now on: two hours are more than enough. */
    for (int i = 0; i < 240 && held_count > 0; i++) {
        answer_probes(true);
        succeed_all(NULL);
        world_pass(&world, 30000);
        check_rules();
        told_count = 0;
        drop_over();
    }
    assert_int_equal(held_count, 0);
    end();
}

static void pipeline__comes_to_an_end_whatever_happens(void **state)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        live(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            pipeline__joins_the_trace_with_a_parent_for_each_delivery),
        cmocka_unit_test(pipeline__makes_no_trace_of_its_own),
        cmocka_unit_test(pipeline__tells_each_outcome_as_soon_as_it_is_there),
        cmocka_unit_test(pipeline__tells_two_that_finish_together_once_each),
        cmocka_unit_test(
            pipeline__lets_a_record_be_freed_when_its_last_is_told),
        cmocka_unit_test(pipeline__says_what_was_delivered_when_and_how_often),
        cmocka_unit_test(pipeline__says_when_a_delivery_may_have_been_repeated),
        cmocka_unit_test(pipeline__has_one_outcome_of_what_leads_nowhere),
        cmocka_unit_test(pipeline__ends_with_what_cannot_pass),
        cmocka_unit_test(pipeline__pauses_for_longer_each_time),
        cmocka_unit_test(pipeline__pauses_briefly_when_somebody_waits),
        cmocka_unit_test(pipeline__gives_up_when_attempts_and_age_are_used_up),
        cmocka_unit_test(pipeline__counts_what_others_have_tried),
        cmocka_unit_test(pipeline__asks_first_where_somebody_may_have_begun),
        cmocka_unit_test(pipeline__leaves_out_what_was_done_before),
        cmocka_unit_test(pipeline__has_nothing_to_say_when_all_was_done_before),
        cmocka_unit_test(
            pipeline__lets_no_producer_choose_who_receives_an_event),
        cmocka_unit_test(pipeline__replays_for_the_attachment_that_failed),
        cmocka_unit_test(pipeline__does_not_replay_for_whom_there_is_not),
        cmocka_unit_test(pipeline__sends_nothing_to_a_host_that_is_down),
        cmocka_unit_test(pipeline__probes_less_and_less_often),
        cmocka_unit_test(pipeline__goes_on_when_a_probe_finds_it_alive),
        cmocka_unit_test(
            pipeline__stops_again_with_the_first_failure_after_a_probe),
        cmocka_unit_test(pipeline__goes_on_when_one_comes_through_after_all),
        cmocka_unit_test(pipeline__answers_of_its_own_keep_a_host_open),
        cmocka_unit_test(pipeline__takes_a_refusal_in_words_for_a_sign_of_life),
        cmocka_unit_test(pipeline__waits_as_long_as_a_host_has_asked_for),
        cmocka_unit_test(
            pipeline__does_not_probe_before_the_time_that_was_asked_for),
        cmocka_unit_test(pipeline__does_not_shorten_a_rest),
        cmocka_unit_test(pipeline__tries_one_delivery_where_there_is_no_probe),
        cmocka_unit_test(
            pipeline__tries_another_one_when_the_first_shows_nothing),
        cmocka_unit_test(pipeline__keeps_two_kinds_at_one_host_apart),
        cmocka_unit_test(pipeline__sends_a_host_what_it_bears),
        cmocka_unit_test(
            pipeline__finds_out_how_often_an_endpoint_may_be_asked),
        cmocka_unit_test(pipeline__never_sends_more_than_is_configured),
        cmocka_unit_test(pipeline__has_the_registrations_of_a_host_take_turns),
        cmocka_unit_test(pipeline__retries_no_more_than_its_budget_allows),
        cmocka_unit_test(pipeline__holds_a_registration_that_is_refused),
        cmocka_unit_test(
            pipeline__does_not_hurry_an_endpoint_that_is_one_place),
        cmocka_unit_test(
            pipeline__holds_one_delivery_that_is_refused_by_itself),
        cmocka_unit_test(pipeline__waits_for_hours_if_it_is_told_to),
        cmocka_unit_test(pipeline__begins_nothing_for_an_abandoned_record),
        cmocka_unit_test(pipeline__tells_what_an_abandoned_record_still_brings),
        cmocka_unit_test(pipeline__drains_by_letting_what_runs_come_to_its_end),
        cmocka_unit_test(pipeline__drains_at_once_when_nothing_runs),
        cmocka_unit_test(pipeline__tries_all_the_same_when_somebody_waits),
        cmocka_unit_test(pipeline__knows_what_makes_no_progress),
        cmocka_unit_test(pipeline__parks_only_what_waits),
        cmocka_unit_test(
            pipeline__is_not_held_by_the_same_few_refusals_for_ever),
        cmocka_unit_test(pipeline__keeps_nobody_waiting_for_a_registry),
        cmocka_unit_test(pipeline__comes_to_an_end_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
