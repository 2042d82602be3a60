#include "pipeline_internal.h"
#include "waybill/alloc.h"
#include "waybill/log.h"

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
                                          "done"};

_Static_assert(ARRAY_SIZE(state_names) == DELIVERY_DONE + 1, "one each");

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
    return options_of(delivery)->patience == PIPELINE_SERVICE;
}

static void wait_in_lane(struct delivery *delivery)
{
    set_state(delivery, DELIVERY_WAITING);
    TAILQ_INSERT_TAIL(&delivery->lane->waiting, delivery, link);
    pipeline_pump(delivery->record->pipeline, delivery->lane);
}

static void on_pause_over(void *payload)
{
    wait_in_lane(payload);
}

void delivery_start(struct delivery *delivery)
{
    timer_init(&delivery->pause, on_pause_over, delivery);
    delivery->outcome->attachment = delivery->attachment;
    wait_in_lane(delivery);
}

static void finish(struct delivery *delivery)
{
    struct outcome *outcome = delivery->outcome;
    const struct loop *loop = options_of(delivery)->loop;

    outcome->finished_ms = clock_wall_ms(loop_clock(loop));
    outcome->duration_ms = loop_now(loop) - delivery->started_ms;
    set_state(delivery, DELIVERY_DONE);
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
        pause = options_of(delivery)->settings->delivery.hold_retry_ms;
    }
    return err->retry_after_ms > pause ? err->retry_after_ms : pause;
}

static bool is_used_up(const struct delivery *delivery)
{
    const struct pipeline_options *options = options_of(delivery);
    const struct delivery_settings *settings = &options->settings->delivery;
    uint64_t age = loop_now(options->loop) - delivery->started_ms;

    return delivery->outcome->attempts >= settings->max_attempts &&
           (!is_service(delivery) || age >= settings->max_age_ms);
}

/* A retriable error gives up its own class for the one that says so. */
static void give_up(struct delivery *delivery, enum disposition disposition,
                    const struct error *err)
{
    struct outcome *outcome = delivery->outcome;

    outcome->status = OUTCOME_FAILED;
    outcome->error = *err;
    if (disposition == DISPOSITION_RETRY) {
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

    log_trouble(delivery, disposition, err, pause);
    set_state(delivery, DELIVERY_PAUSING);
    loop_arm(options_of(delivery)->loop, &delivery->pause, pause);
}

static void fail(struct delivery *delivery, const struct error *err)
{
    struct outcome *outcome = delivery->outcome;
    enum disposition disposition = disposition_of(err);
    bool again = disposition == DISPOSITION_RETRY && !is_used_up(delivery);

    if (outcome->first_failed_ms == 0) {
        outcome->first_failed_ms =
            clock_wall_ms(loop_clock(options_of(delivery)->loop));
    }
    again = again || (disposition == DISPOSITION_HOLD && is_service(delivery));
    if (again) {
        try_again(delivery, disposition, err);
    } else {
        give_up(delivery, disposition, err);
    }
}

static void on_done(void *payload, const struct artifact *artifact,
                    const struct error *err)
{
    struct delivery *delivery = payload;
    struct pipeline *pipeline = delivery->record->pipeline;
    struct lane *lane = delivery->lane;

    delivery->attempt = NULL;
    if (err == NULL) {
        delivery->outcome->status = OUTCOME_SUCCEEDED;
        delivery->outcome->artifact = *artifact;
        finish(delivery);
    } else {
        arena_free(delivery->attempt_arena);
        delivery->attempt_arena = NULL;
        fail(delivery, err);
    }
    pipeline_attempt_ended(pipeline, lane);
}

/* Out of its lane, with a place among the running */
static void run_attempt(struct delivery *delivery)
{
    const struct loop *loop = options_of(delivery)->loop;
    struct outcome *outcome = delivery->outcome;

    set_state(delivery, DELIVERY_RUNNING);
    if (outcome->attempts++ == 0) {
        delivery->started_ms = loop_now(loop);
        outcome->started_ms = clock_wall_ms(loop_clock(loop));
    }
    delivery->attempt_arena = arena_new();
    delivery->attempt = delivery->class->deliver(
        delivery->integration, &delivery->record->event, delivery->attachment,
        delivery->attempt_arena, on_done, delivery);
}

void pipeline_pump(struct pipeline *pipeline, struct lane *lane)
{
    struct delivery *delivery;

    while (!pipeline->draining && (delivery = lane_next(lane)) != NULL) {
        pipeline_attempt_began(pipeline);
        run_attempt(delivery);
    }
}

void delivery_cancel(struct delivery *delivery)
{
    struct pipeline *pipeline = delivery->record->pipeline;

    loop_disarm(options_of(delivery)->loop, &delivery->pause);
    if (delivery->state == DELIVERY_WAITING) {
        TAILQ_REMOVE(&delivery->lane->waiting, delivery, link);
    }
    if (delivery->attempt != NULL) {
        delivery->class->cancel(delivery->attempt);
        delivery->attempt = NULL;
        pipeline_attempt_ended(pipeline, delivery->lane);
    }
    delivery->state = DELIVERY_DONE;
    arena_free(delivery->attempt_arena);
    delivery->attempt_arena = NULL;
}
