#include <string.h>

#include "pipeline_internal.h"
#include "waybill/event_content.h"
#include "waybill/event_decode.h"
#include "waybill/resolve.h"
#include "waybill/trace.h"

/* The last call of done() may free the record, which must not be used after
 * it. */
static void report_outcomes(void *payload)
{
    struct record *record = payload;
    size_t count = record->delivery_count;

    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = &record->deliveries[i];
        bool is_last;

        if (delivery->state < DELIVERY_DONE || delivery->reported) {
            continue;
        }
        delivery->reported = true;
        record->reported += delivery->state == DELIVERY_DONE;
        is_last = record->reported == count;
        record->done(record->payload, delivery);
        if (is_last) {
            return;
        }
    }
}

bool record_is_done(const struct record *record)
{
    return record->reported == record->delivery_count;
}

bool record_is_skipped(const struct record *record)
{
    return record->is_skipped;
}

bool record_has_unreported_outcome(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].state == DELIVERY_DONE &&
            !record->deliveries[i].reported) {
            return true;
        }
    }
    return false;
}

static void init_deliveries(struct record *record, size_t count)
{
    record->delivery_count = count;
    record->deliveries =
        arena_alloc(record->arena, count * sizeof(struct delivery));
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = &record->deliveries[i];

        delivery->record = record;
        delivery->slot.owner = delivery;
        delivery->outcome.input = &record->input;
        delivery->outcome.event = &record->event;
    }
}

/* A record without deliveries has one outcome, too, so that every record has at
 * least one on the topic of outcomes. */
static void end_without_delivery(struct record *record,
                                 enum outcome_status status,
                                 const struct error *err)
{
    const struct pipeline_options *options = &record->pipeline->options;
    struct outcome *outcome;

    init_deliveries(record, 1);
    record->deliveries->state = DELIVERY_DONE;
    outcome = &record->deliveries->outcome;
    outcome->status = status;
    outcome->started_ms = record->received_ms;
    outcome->finished_ms = clock_wall_ms(loop_clock(options->loop));
    outcome->duration_ms = loop_now(options->loop) - record->received_mono_ms;
    if (err != NULL) {
        outcome->error = *err;
        outcome->dead_letter = options->mode == PIPELINE_SERVICE;
    } else {
        outcome->skip_reason = "nothing is attached to the workflow";
    }
    loop_defer(options->loop, &record->finished);
}

static void plan_delivery(struct delivery *delivery,
                          const struct attachment *attachment,
                          const struct ledger *past)
{
    struct record *record = delivery->record;
    struct pipeline *pipeline = record->pipeline;
    const struct registration *registration = attachment->registration;

    delivery->attachment = attachment;
    delivery->outcome.attachment = attachment;
    delivery->slot.id = progress_id(attachment->name);
    delivery->attachment_queue =
        scheduler_attachment_queue(&pipeline->scheduler, attachment);
    delivery->queue = delivery->attachment_queue->queue;
    delivery->integration =
        integration_of(pipeline->integrations, registration);
    if (past != NULL) {
        ledger_restore_attempts(past, &delivery->slot, record->input.offset);
        delivery->is_marked = scheduler_is_service(&pipeline->scheduler) &&
                              delivery->integration->class->fields.repetition ==
                                  REPETITION_VISIBLE;
        delivery->dispatched =
            !delivery->is_marked &&
            ledger_was_dispatched(past, record->input.offset);
    }
}

/* Continues the trace of the event with a span of its own, which is the same
 * for all attempts. Without a trace the random source is not used. */
static void continue_trace(struct delivery *delivery)
{
    struct record *record = delivery->record;
    const char *parent = record->event.trace.parent;
    char *own;

    if (parent == NULL) {
        return;
    }
    own = arena_strdup(record->arena, parent);
    trace_parent_renew(own, random_next(record->pipeline->options.random) | 1);
    delivery->outcome.traceparent = own;
}

static void start_deliveries(struct record *record, const struct ledger *past)
{
    const struct plan *plan = &record->plan;

    init_deliveries(record, plan->count);
    for (size_t i = 0; i < plan->count; i++) {
        plan_delivery(&record->deliveries[i], plan->attachments[i], past);
    }
    for (size_t i = 0; i < plan->count; i++) {
        continue_trace(&record->deliveries[i]);
        delivery_restore_attempts(&record->deliveries[i]);
        scheduler_enqueue(&record->deliveries[i]);
    }
}

/* Deliveries whose outcomes are already committed are not repeated. */
static void exclude_committed(struct record *record, const struct ledger *past)
{
    struct plan *plan = &record->plan;
    size_t kept = 0;

    for (size_t i = 0; i < plan->count; i++) {
        uint64_t id = progress_id(plan->attachments[i]->name);

        if (!ledger_is_delivery_done(past, record->input.offset, id)) {
            plan->attachments[kept++] = plan->attachments[i];
        }
    }
    plan->count = kept;
}

/* A replay concerns only the attachment whose delivery failed. */
static int restrict_to_replayed(struct record *record, struct error *err)
{
    struct plan *plan = &record->plan;
    const char *name = record->event.replay_attachment;
    size_t kept = 0;

    if (name == NULL) {
        return 0;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->attachments[i]->name, name) == 0) {
            plan->attachments[kept++] = plan->attachments[i];
        }
    }
    plan->count = kept;
    if (kept == 0) {
        return error_set(err, ERROR_CONFIG,
                         "replayed for attachment '%s', which is not "
                         "configured, or not for this workflow, any more",
                         name);
    }
    return 0;
}

static void plan(struct record *record, const struct ledger *past)
{
    const struct settings *settings = record->pipeline->options.settings;
    struct error err;

    resolve(&record->event, settings->attachments, settings->attachment_count,
            record->arena, &record->plan);
    if (restrict_to_replayed(record, &err) < 0) {
        end_without_delivery(record, OUTCOME_FAILED, &err);
        return;
    }
    if (past != NULL &&
        ledger_has_deliveries_done(past, record->input.offset)) {
        exclude_committed(record, past);
        start_deliveries(record, past); /* none if all were committed */
    } else if (record->plan.count == 0) {
        end_without_delivery(record, OUTCOME_SKIPPED, NULL);
    } else {
        start_deliveries(record, past);
    }
}

static void begin(struct record *record, const struct ledger *past)
{
    const struct pipeline_options *options = &record->pipeline->options;
    size_t max_size = options->settings->delivery.max_event_size;
    struct error err;

    if (event_decode(&record->input, max_size, record->arena, &record->event,
                     &err) == 0) {
        plan(record, past);
    } else if (record->event.other_type != NULL && options->skip_other_types) {
        record->is_skipped = true;
    } else {
        end_without_delivery(record, OUTCOME_FAILED, &err);
    }
}

struct record *pipeline_feed(struct pipeline *pipeline,
                             const struct input *input,
                             const struct ledger *past,
                             record_delivery_fn *done, void *payload)
{
    struct arena *arena = arena_new_counted(&pipeline->bytes);
    struct record *record = arena_alloc(arena, sizeof(*record));
    const struct loop *loop = pipeline->options.loop;

    record->pipeline = pipeline;
    pipeline->records++;
    record->arena = arena;
    record->done = done;
    record->payload = payload;
    record->received_ms = clock_wall_ms(loop_clock(loop));
    record->received_mono_ms = loop_now(loop);
    task_init(&record->finished, report_outcomes, record);
    input_copy(arena, input, &record->input);
    begin(record, past);
    return record;
}

bool record_abandon(struct record *record, bool at_once)
{
    bool running = false;

    for (size_t i = 0; i < record->delivery_count; i++) {
        running |= scheduler_abandon(&record->deliveries[i], at_once);
    }
    return running;
}

bool record_has_begun(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].outcome.attempts > 0) {
            return true;
        }
    }
    return false;
}

bool record_may_be_shed(const struct record *record)
{
    size_t waiting = 0;

    for (size_t i = 0; i < record->delivery_count; i++) {
        const struct delivery *delivery = &record->deliveries[i];
        bool waits = delivery->state == DELIVERY_WAITING ||
                     delivery->state == DELIVERY_PAUSING;

        if (delivery->state == DELIVERY_ANNOUNCED ||
            delivery->state == DELIVERY_RUNNING ||
            (waits && !shed_may_shed(delivery->attachment_queue))) {
            return false;
        }
        waiting += waits;
    }
    return waiting > 0;
}

void record_note_shed(struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].state < DELIVERY_DONE) {
            record->deliveries[i].attachment_queue->has_shed = true;
        }
    }
}

bool record_expire(struct record *record)
{
    bool has_ended = false;

    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].attachment != NULL) {
            has_ended |= scheduler_expire(&record->deliveries[i]);
        }
    }
    return has_ended;
}

const struct outcome *delivery_outcome(const struct delivery *delivery)
{
    return delivery->state == DELIVERY_DONE ? &delivery->outcome : NULL;
}

size_t record_delivery_count(const struct record *record)
{
    return record->delivery_count;
}

const struct outcome *record_outcome(const struct record *record, size_t index)
{
    return delivery_outcome(&record->deliveries[index]);
}

void record_free(struct record *record)
{
    if (record == NULL) {
        return;
    }
    for (size_t i = 0; i < record->delivery_count; i++) {
        scheduler_release(&record->deliveries[i]);
    }
    loop_cancel(record->pipeline->options.loop, &record->finished);
    record->pipeline->records--;
    record->pipeline->bytes -= record->content_size;
    event_release(&record->event);
    arena_free(record->arena);
}
