#include <string.h>

#include "pipeline_internal.h"
#include "waybill/event_content.h"
#include "waybill/event_decode.h"
#include "waybill/resolve.h"

/* The last call may end the record: nothing of it is touched after that. */
static void run_finished(void *payload)
{
    struct record *record = payload;
    size_t count = record->delivery_count;

    if (count == 0) {
        record->done(record->payload, record, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = &record->deliveries[i];

        if (delivery->state == DELIVERY_DROPPED && !delivery->told) {
            delivery->told = true;
            record->done(record->payload, record, i);
        } else if (delivery->state == DELIVERY_DONE && !delivery->told) {
            bool last = ++record->told == count;

            delivery->told = true;
            record->done(record->payload, record, i);
            if (last) {
                return;
            }
        }
    }
}

void record_delivery_done(struct record *record)
{
    loop_defer(record->pipeline->options.loop, &record->finished);
}

bool record_is_done(const struct record *record)
{
    return record->told == record->delivery_count;
}

bool record_outcome_is_done(const struct record *record, size_t place)
{
    return record->delivery_count == 0 ||
           record->deliveries[place].state == DELIVERY_DONE;
}

bool record_has_news(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].state == DELIVERY_DONE &&
            !record->deliveries[i].told) {
            return true;
        }
    }
    return false;
}

static void make_outcomes(struct record *record, size_t count)
{
    record->outcomes =
        arena_alloc(record->arena, count * sizeof(record->outcomes[0]));
    record->outcome_count = count;
    for (size_t i = 0; i < count; i++) {
        record->outcomes[i].input = &record->input;
        record->outcomes[i].event = &record->event;
        record->outcomes[i].started_ms = record->fed_ms;
    }
}

/* A record that leads to no delivery has one outcome all the same. */
static void end_without_delivery(struct record *record,
                                 enum outcome_status status,
                                 const struct error *err)
{
    const struct pipeline_options *options = &record->pipeline->options;
    struct outcome *outcome;

    make_outcomes(record, 1);
    outcome = record->outcomes;
    outcome->status = status;
    outcome->finished_ms = clock_wall_ms(loop_clock(options->loop));
    outcome->duration_ms = loop_now(options->loop) - record->fed_mono_ms;
    if (err != NULL) {
        outcome->error = *err;
        outcome->dead_letter = options->patience == PIPELINE_SERVICE;
    } else {
        outcome->skip_reason = "nothing is attached to the workflow";
    }
    record_delivery_done(record);
}

static void make_delivery(struct record *record, size_t place,
                          const struct attachment *attachment)
{
    struct pipeline *pipeline = record->pipeline;
    struct delivery *delivery = &record->deliveries[place];
    const struct registration *registration = attachment->registration;

    delivery->record = record;
    delivery->attachment = attachment;
    delivery->outcome = &record->outcomes[place];
    delivery->lane = pipeline_lane(pipeline, registration);
    delivery->integration =
        integration_of(pipeline->integrations, registration);
    record->outcomes[place].started_ms = 0; /* set by the first attempt */
}

static void start_deliveries(struct record *record, const struct ledger *past)
{
    const struct plan *plan = &record->plan;

    make_outcomes(record, plan->count);
    record->delivery_count = plan->count;
    record->deliveries =
        arena_alloc(record->arena, plan->count * sizeof(struct delivery));
    for (size_t i = 0; i < plan->count; i++) {
        make_delivery(record, i, plan->attachments[i]);
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct ledger_part part = {.id =
                                       progress_id(plan->attachments[i]->name)};
        int64_t offset = record->input.offset;

        if (past != NULL) {
            ledger_recall(past, offset, &part);
            record->deliveries[i].dispatched =
                ledger_was_dispatched(past, offset);
        }
        delivery_start(&record->deliveries[i], &part);
    }
}

/* Deliveries whose outcomes are committed already are not done again. */
static void leave_out_done(struct record *record, const struct ledger *past)
{
    struct plan *plan = &record->plan;
    size_t kept = 0;

    for (size_t i = 0; i < plan->count; i++) {
        uint64_t id = progress_id(plan->attachments[i]->name);

        if (!ledger_is_part_done(past, record->input.offset, id)) {
            plan->attachments[kept++] = plan->attachments[i];
        }
    }
    plan->count = kept;
}

/* A replay is for the attachment that failed, and for no other. */
static int keep_replayed(struct record *record, struct error *err)
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
    if (keep_replayed(record, &err) < 0) {
        end_without_delivery(record, OUTCOME_FAILED, &err);
        return;
    }
    if (past != NULL && ledger_has_parts_done(past, record->input.offset)) {
        leave_out_done(record, past);
        start_deliveries(record, past); /* perhaps none: then it is over */
    } else if (record->plan.count == 0) {
        end_without_delivery(record, OUTCOME_SKIPPED, NULL);
    } else {
        start_deliveries(record, past);
    }
}

static void begin(struct record *record, const struct ledger *past)
{
    const struct settings *settings = record->pipeline->options.settings;
    struct error err;

    if (event_decode(&record->input, settings->delivery.max_event_size,
                     record->arena, &record->event, &err) < 0) {
        end_without_delivery(record, OUTCOME_FAILED, &err);
    } else {
        plan(record, past);
    }
}

struct record *pipeline_feed(struct pipeline *pipeline,
                             const struct input *input,
                             const struct ledger *past, record_outcome_fn *done,
                             void *payload)
{
    struct arena *arena = arena_new();
    struct record *record = arena_alloc(arena, sizeof(*record));
    const struct loop *loop = pipeline->options.loop;

    record->pipeline = pipeline;
    pipeline->records++;
    record->arena = arena;
    record->done = done;
    record->payload = payload;
    record->fed_ms = clock_wall_ms(loop_clock(loop));
    record->fed_mono_ms = loop_now(loop);
    task_init(&record->finished, run_finished, record);
    input_copy(arena, input, &record->input);
    begin(record, past);
    return record;
}

bool record_abandon(struct record *record, bool at_once)
{
    bool running = false;

    for (size_t i = 0; i < record->delivery_count; i++) {
        running |= delivery_abandon(&record->deliveries[i], at_once);
    }
    return running;
}

bool record_has_begun(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].outcome->attempts > 0) {
            return true;
        }
    }
    return false;
}

bool record_is_crowding(const struct record *record)
{
    size_t waiting = 0;

    for (size_t i = 0; i < record->delivery_count; i++) {
        const struct delivery *delivery = &record->deliveries[i];
        bool waits = delivery->state == DELIVERY_WAITING ||
                     delivery->state == DELIVERY_PAUSING;

        if (delivery->state == DELIVERY_RUNNING ||
            (waits && !lane_is_crowding(delivery->lane))) {
            return false;
        }
        waiting += waits;
    }
    return waiting > 0;
}

void record_note_parked(struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        record->deliveries[i].lane->parked |=
            record->deliveries[i].state < DELIVERY_DONE;
    }
}

const struct outcome *record_outcomes(const struct record *record,
                                      size_t *ret_count)
{
    *ret_count = record->outcome_count;
    return record->outcomes;
}

size_t record_size(const struct record *record)
{
    return arena_size(record->arena);
}

void record_free(struct record *record)
{
    if (record == NULL) {
        return;
    }
    for (size_t i = 0; i < record->delivery_count; i++) {
        delivery_release(&record->deliveries[i]);
    }
    loop_cancel(record->pipeline->options.loop, &record->finished);
    record->pipeline->records--;
    event_release(&record->event);
    arena_free(record->arena);
}
