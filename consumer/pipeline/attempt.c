#include "pipeline_internal.h"
#include "waybill/event_content.h"
#include "waybill/fault.h"
#include "waybill/secret.h"

/* One attempt of a delivery: the request to its integration, and the result */

void attempt_release(struct delivery *delivery)
{
    arena_free(delivery->attempt.arena);
    delivery->attempt.arena = NULL;
}

/* Content that an integration had decoded remains for the other deliveries of
 * the record, and counts towards max_bytes. */
static void count_content(struct record *record)
{
    size_t size = event_content_size(&record->event);

    record->pipeline->bytes += size - record->content_size;
    record->content_size = size;
}

/* Each integration removes what its own request has revealed. A server may
 * repeat what other requests, or earlier credentials, have revealed to it. */
static void scrub(struct error *err)
{
    static const struct secret_set remembered; /* nothing else */

    secret_set_scrub(&remembered, err->message);
    secret_set_scrub_foreign(&remembered, err->code);
}

static void on_done(void *payload, const struct delivery_report *report)
{
    struct delivery *delivery = payload;
    struct delivery_report copy = *report;
    struct error err;

    delivery->attempt.operation = NULL;
    count_content(delivery->record);
    if (report->status == DELIVERY_FAILED) {
        err = *report->err;
        scrub(&err);
        delivery->in_doubt = delivery->in_doubt || !report->did_not_arrive;
        copy.err = &err;
        attempt_release(delivery);
        if (delivery->is_marked && !delivery->in_doubt) {
            delivery_unmark(delivery);
        }
    } else {
        fault_point("pushed");
    }
    delivery->attempt.done(delivery, &copy);
}

/* An earlier attempt, of this or another instance, may have arrived although
 * its response was lost. */
static bool may_have_arrived(const struct delivery *delivery)
{
    return delivery->dispatched || delivery->in_doubt;
}

static void note_repetition(struct delivery *delivery, bool repeats)
{
    struct outcome *outcome = &delivery->outcome;

    outcome->repetition_is_visible =
        delivery->integration->class->fields.repetition == REPETITION_VISIBLE;
    outcome->possibly_repeated = outcome->repetition_is_visible && repeats;
}

static void note_start(struct delivery *delivery)
{
    const struct loop *loop = delivery->record->pipeline->options.loop;
    struct outcome *outcome = &delivery->outcome;

    if (outcome->started_ms == 0) {
        delivery->started_ms = loop_now(loop);
        outcome->started_ms = clock_wall_ms(loop_clock(loop));
    }
    outcome->attempts++;
    delivery_note_attempts(delivery);
}

void attempt_begin(struct delivery *delivery, attempt_done_fn *done)
{
    struct attempt *attempt = &delivery->attempt;
    bool repeats = may_have_arrived(delivery);

    delivery_set_state(delivery, DELIVERY_RUNNING);
    note_start(delivery);
    note_repetition(delivery, repeats);
    attempt->done = done;
    attempt->arena = arena_new_counted(&delivery->record->pipeline->bytes);
    attempt->operation = delivery->integration->class->deliver(
        delivery->integration,
        &(struct delivery_request){
            .event = &delivery->record->event,
            .attachment = delivery->attachment,
            .attempt = delivery->outcome.attempts,
            .deadline_ms = retry_deadline_ms(delivery),
            .may_have_arrived = repeats,
            .traceparent = delivery->outcome.traceparent,
            .arena = attempt->arena,
            .progress = &delivery->progress,
            .kept_arena = delivery->record->arena,
        },
        on_done, delivery);
    count_content(delivery->record);
}

void attempt_cancel(struct delivery *delivery)
{
    integration_cancel(delivery->attempt.operation);
    delivery->attempt.operation = NULL;
    attempt_release(delivery);
}
