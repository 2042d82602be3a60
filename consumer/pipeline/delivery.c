#include "pipeline_internal.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"
#include "waybill/log.h"
#include "waybill/trace.h"

/*
 * One attachment's share of a record:
 *
 *     waiting -> running -> done
 *        ^          |
 *        +- pausing <   while its error may pass
 *
 * This is the only place that tries again; below it nothing does.
 */

/* Somebody is waiting: no pause is longer than this (PIPELINE_ONCE). */
#define IMPATIENT_MOST_MS 2000

static const char *const state_names[] = {"waiting", "running", "pausing",
                                          "done", "dropped"};

_Static_assert(ARRAY_SIZE(state_names) == DELIVERY_DROPPED + 1, "one each");

const char *delivery_state_name(enum delivery_state state)
{
    return state_names[state];
}

static void set_state(struct delivery *delivery, enum delivery_state state)
{
    const struct input *input = &delivery->record->input;

    delivery->state = state;
    log_write(LOG_DEBUG, "pipeline", "delivery state",
              LOG_TEXT("event_id", delivery->record->event.id),
              LOG_TEXT("attachment", delivery->attachment->name),
              LOG_TEXT("file", input->file),
              LOG_NUMBER_IF(input->file, "index", input->index),
              LOG_TEXT("topic", input->message.topic),
              LOG_NUMBER_IF(!input->file, "partition", input->partition),
              LOG_NUMBER_IF(!input->file, "offset", input->offset),
              LOG_TEXT("state", state_names[state]));
}

static const struct pipeline_options *options_of(
    const struct delivery *delivery)
{
    return &delivery->record->pipeline->options;
}

static bool is_service(const struct delivery *delivery)
{
    return pipeline_is_service(delivery->record->pipeline);
}

static void wait_in_lane(struct delivery *delivery)
{
    set_state(delivery, DELIVERY_WAITING);
    lane_push(delivery->lane, delivery);
    host_pump(delivery->lane->host);
}

/* A retry that the host's budget does not allow yet: so much later */
#define BUDGET_PAUSE_MS 1000

static void on_pause_over(void *payload)
{
    struct delivery *delivery = payload;
    const struct pipeline_options *options = options_of(delivery);

    if (host_takes_retry(delivery->lane->host)) {
        wait_in_lane(delivery);
    } else {
        loop_arm(options->loop, &delivery->pause,
                 1 + random_below(options->random, BUDGET_PAUSE_MS));
    }
}

/* What somebody else has tried counts, in attempts and in time. */
static void recall(struct delivery *delivery, const struct ledger_part *past)
{
    const struct loop *loop = options_of(delivery)->loop;
    int64_t age;

    if (past == NULL || past->attempts == 0) {
        return;
    }
    age = clock_wall_ms(loop_clock(loop)) - past->first_failed_ms;
    delivery->in_doubt = true;
    delivery->outcome->attempts = past->attempts;
    delivery->outcome->first_failed_ms = past->first_failed_ms;
    delivery->outcome->started_ms = past->first_failed_ms;
    delivery->started_ms = loop_now(loop);
    delivery->aged_ms = age > 0 ? (uint64_t)age : 0;
}

/* Of the event's trace, with a parent of its own: one for all attempts. The
 * random source is not touched where there is no trace. */
static void join_trace(struct delivery *delivery)
{
    const char *parent = delivery->record->event.trace.parent;
    char *own;

    if (parent == NULL) {
        return;
    }
    own = arena_strdup(delivery->record->arena, parent);
    trace_parent_renew(own, random_next(options_of(delivery)->random) | 1);
    delivery->outcome->traceparent = own;
}

void delivery_start(struct delivery *delivery, const struct ledger_part *past)
{
    timer_init(&delivery->pause, on_pause_over, delivery);
    delivery->outcome->attachment = delivery->attachment;
    join_trace(delivery);
    recall(delivery, past);
    lane_enter(delivery->lane);
    wait_in_lane(delivery);
}

static void finish(struct delivery *delivery)
{
    struct outcome *outcome = delivery->outcome;
    const struct loop *loop = options_of(delivery)->loop;

    outcome->finished_ms = clock_wall_ms(loop_clock(loop));
    outcome->duration_ms =
        loop_now(loop) - delivery->started_ms + delivery->aged_ms;
    set_state(delivery, DELIVERY_DONE);
    lane_leave(delivery->lane);
    record_delivery_done(delivery->record);
}

/* Full jitter (random up to the bound): retries of many records spread out. */
static uint64_t backoff_ms(const struct delivery *delivery)
{
    const struct pipeline_options *options = options_of(delivery);
    const struct delivery_settings *settings = &options->settings->delivery;
    uint64_t most =
        is_service(delivery) ? settings->backoff_max_ms : IMPATIENT_MOST_MS;
    uint64_t bound = settings->backoff_initial_ms;

    for (unsigned i = 1; i < delivery->outcome->attempts && bound < most; i++) {
        bound *= 2;
    }
    bound = bound < most ? bound : most;
    return 1 + random_below(options->random, bound);
}

static uint64_t pause_ms(const struct delivery *delivery,
                         enum disposition disposition, const struct error *err)
{
    uint64_t pause = backoff_ms(delivery);

    if (disposition == DISPOSITION_HOLD) {
        return options_of(delivery)->settings->delivery.hold_retry_ms;
    }
    /* Not all of those who were told the same time come at that time. */
    pause += err->retry_after_ms;
    return is_service(delivery) || pause < IMPATIENT_MOST_MS
               ? pause
               : IMPATIENT_MOST_MS;
}

/* When a service gives a retriable failure up; 0: it does not look at time. */
static uint64_t deadline_ms(const struct delivery *delivery)
{
    uint64_t max_age_ms = options_of(delivery)->settings->delivery.max_age_ms;

    if (!is_service(delivery) || delivery->aged_ms >= max_age_ms) {
        return 0;
    }
    return delivery->started_ms + max_age_ms - delivery->aged_ms;
}

bool delivery_is_aged(const struct delivery *delivery)
{
    const struct pipeline_options *options = options_of(delivery);

    return delivery->outcome->attempts > 0 &&
           loop_now(options->loop) - delivery->started_ms + delivery->aged_ms >=
               options->settings->delivery.max_age_ms;
}

static bool is_used_up(const struct delivery *delivery)
{
    const struct delivery_settings *settings =
        &options_of(delivery)->settings->delivery;

    return delivery->outcome->attempts >= settings->max_attempts &&
           (!is_service(delivery) || delivery_is_aged(delivery));
}

/* A retriable error gives up its own class for the one that says so. */
static void give_up(struct delivery *delivery, enum disposition disposition,
                    const struct error *err)
{
    struct outcome *outcome = delivery->outcome;

    outcome->status = OUTCOME_FAILED;
    outcome->error = *err;
    if (disposition == DISPOSITION_RETRY ||
        disposition == DISPOSITION_BACK_OFF) {
        outcome->error.kind = ERROR_ATTEMPTS_EXHAUSTED;
    }
    outcome->dead_letter = is_service(delivery);
    finish(delivery);
}

static void log_trouble(const struct delivery *delivery,
                        enum disposition disposition, const struct error *err,
                        uint64_t pause)
{
    bool held = disposition == DISPOSITION_HOLD;
    const struct input *input = &delivery->record->input;

    log_write(
        held ? LOG_ERROR : LOG_WARN, "pipeline",
        held ? "credentials refused, holding delivery"
             : "delivery failed, trying again",
        LOG_TEXT("event_id", delivery->record->event.id),
        LOG_TEXT("registration", delivery->attachment->registration->name),
        LOG_TEXT("attachment", delivery->attachment->name),
        LOG_TEXT("topic", input->message.topic),
        LOG_NUMBER("partition", input->partition),
        LOG_NUMBER("offset", input->offset),
        LOG_NUMBER("attempt", delivery->outcome->attempts),
        LOG_NUMBER("retry_in_ms", pause), LOG_TEXT("err", err->message),
        LOG_TEXT("err_kind", held ? "auth" : "retriable"),
        LOG_NUMBER_IF(err->http_status, "http_status", err->http_status));
}

static void try_again(struct delivery *delivery, enum disposition disposition,
                      const struct error *err)
{
    uint64_t pause = pause_ms(delivery, disposition, err);

    lane_newest(delivery->lane)->counts.retries[err->kind]++;
    log_trouble(delivery, disposition, err, pause);
    set_state(delivery, DELIVERY_PAUSING);
    loop_arm(options_of(delivery)->loop, &delivery->pause, pause);
}

/* Without an outcome */
static void delivery_drop(struct delivery *delivery)
{
    delivery->state = DELIVERY_DROPPED;
    lane_leave(delivery->lane);
    arena_free(delivery->attempt_arena);
    delivery->attempt_arena = NULL;
}

static void log_lane(const struct lane *lane, const char *message,
                     const struct error *err)
{
    log_write(err != NULL ? LOG_ERROR : LOG_INFO, "pipeline", message,
              LOG_TEXT("registration", lane->registration->name),
              LOG_TEXT("err", err != NULL ? err->message : NULL),
              LOG_TEXT("err_kind", err != NULL ? "auth" : NULL));
}

static int64_t wall_now(const struct delivery *delivery)
{
    return clock_wall_ms(loop_clock(options_of(delivery)->loop));
}

/* What it shows of the registration and of the host, besides itself. Of
 * credentials that are not configured any more nobody wants to know. */
static void teach(struct delivery *delivery, enum disposition disposition,
                  const struct error *err)
{
    const struct pipeline_options *options = options_of(delivery);
    uint64_t until =
        loop_now(options->loop) + options->settings->delivery.hold_retry_ms;
    /* The same one, once more, says nothing new of the credentials: others have
     * come through since, or it is held. */
    bool news = (!delivery->refused || delivery->lane->held) &&
                !lane_is_retired(delivery->lane);
    struct host *host = host_newest(delivery->lane->host);

    if (disposition == DISPOSITION_BACK_OFF) {
        host_failed(host, err);
    } else if (disposition == DISPOSITION_HOLD && is_service(delivery)) {
        host_succeeded(host);
        delivery->refused = true;
        if (news && lane_refused(delivery->lane, until)) {
            delivery->lane->held_since_ms = wall_now(delivery);
            log_lane(delivery->lane,
                     "credentials refused, holding registration", err);
        }
    } else if (err->http_status > 0) {
        host_succeeded(host); /* it is there, and says no */
    }
}

static void fail(struct delivery *delivery, const struct error *err)
{
    struct outcome *outcome = delivery->outcome;
    enum disposition disposition = disposition_of(err);
    struct lane *lane = lane_newest(delivery->lane);
    bool again = (disposition == DISPOSITION_RETRY ||
                  disposition == DISPOSITION_BACK_OFF) &&
                 !is_used_up(delivery);

    if (outcome->first_failed_ms == 0) {
        outcome->first_failed_ms = wall_now(delivery);
    }
    lane->last_error = *err;
    lane->last_error_ms = wall_now(delivery);
    teach(delivery, disposition, err);
    again = again || (disposition == DISPOSITION_HOLD && is_service(delivery));
    if (again && delivery->abandoned) {
        delivery_drop(delivery);
        record_delivery_done(delivery->record);
    } else if (again) {
        try_again(delivery, disposition, err);
    } else {
        give_up(delivery, disposition, err);
    }
}

static void succeed(struct delivery *delivery,
                    const struct delivery_report *report)
{
    struct outcome *outcome = delivery->outcome;

    if (report->status == DELIVERY_SKIPPED) {
        outcome->status = OUTCOME_SKIPPED;
        outcome->skip_reason = report->skip_reason;
    } else {
        outcome->status = OUTCOME_SUCCEEDED;
        outcome->result = report->result;
        host_succeeded(host_newest(delivery->lane->host));
        if (!lane_is_retired(delivery->lane) && lane_accepted(delivery->lane)) {
            log_lane(delivery->lane,
                     "credentials accepted, registration goes on", NULL);
        }
    }
    finish(delivery);
}

static void on_done(void *payload, const struct delivery_report *report)
{
    struct delivery *delivery = payload;
    struct pipeline *pipeline = delivery->record->pipeline;
    struct lane *lane = delivery->lane;

    delivery->attempt = NULL;
    if (report->status != DELIVERY_FAILED) {
        fault_point("pushed");
        succeed(delivery, report);
    } else {
        struct error err = *report->err;

        delivery->in_doubt = delivery->in_doubt || !report->did_not_arrive;
        arena_free(delivery->attempt_arena);
        delivery->attempt_arena = NULL;
        fail(delivery, &err);
    }
    pipeline_attempt_ended(pipeline, lane);
}

/* Somebody's attempt may have arrived without an answer. */
static bool may_have_arrived(const struct delivery *delivery)
{
    return delivery->dispatched || delivery->in_doubt;
}

static void note_repetition(struct delivery *delivery, bool repeats)
{
    struct outcome *outcome = delivery->outcome;

    outcome->repetition_is_visible =
        delivery->integration->class->fields.repetition == REPETITION_VISIBLE;
    outcome->possibly_repeated = outcome->repetition_is_visible && repeats;
}

/* Out of its lane, with a place among the running */
void delivery_run(struct delivery *delivery)
{
    const struct loop *loop = options_of(delivery)->loop;
    struct outcome *outcome = delivery->outcome;
    bool repeats = may_have_arrived(delivery);

    set_state(delivery, DELIVERY_RUNNING);
    if (outcome->started_ms == 0) {
        delivery->started_ms = loop_now(loop);
        outcome->started_ms = clock_wall_ms(loop_clock(loop));
    }
    outcome->attempts++;
    note_repetition(delivery, repeats);
    delivery->attempt_arena = arena_new();
    delivery->attempt = delivery->integration->class->deliver(
        delivery->integration,
        &(struct delivery_request){
            .event = &delivery->record->event,
            .attachment = delivery->attachment,
            .attempt = outcome->attempts,
            .deadline_ms = deadline_ms(delivery),
            .may_have_arrived = repeats,
            .traceparent = outcome->traceparent,
            .arena = delivery->attempt_arena,
            .progress = &delivery->progress,
            .kept_arena = delivery->record->arena,
        },
        on_done, delivery);
}

bool delivery_abandon(struct delivery *delivery, bool at_once)
{
    delivery->abandoned = true;
    if (at_once || delivery->state != DELIVERY_RUNNING) {
        delivery_cancel(delivery);
    }
    return delivery->state == DELIVERY_RUNNING;
}

void delivery_cancel(struct delivery *delivery)
{
    bool runs = delivery->state == DELIVERY_RUNNING;

    if (delivery->state >= DELIVERY_DONE) {
        return;
    }
    loop_disarm(options_of(delivery)->loop, &delivery->pause);
    if (delivery->state == DELIVERY_WAITING) {
        lane_remove(delivery->lane, delivery);
    }
    if (runs) {
        integration_cancel(delivery->attempt);
        delivery->attempt = NULL;
    }
    delivery_drop(delivery);
    if (runs) {
        pipeline_attempt_ended(delivery->record->pipeline, delivery->lane);
    }
}

void delivery_release(struct delivery *delivery)
{
    delivery_cancel(delivery);
    arena_free(delivery->attempt_arena);
    delivery->attempt_arena = NULL;
}
