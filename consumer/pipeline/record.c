#include "pipeline_internal.h"
#include "waybill/event_decode.h"
#include "waybill/resolve.h"

static void run_finished(void *payload)
{
    struct record *record = payload;

    record->done(record->payload, record);
}

static void finish(struct record *record)
{
    loop_defer(record->pipeline->options.loop, &record->finished);
}

void record_delivery_done(struct record *record)
{
    if (--record->unfinished == 0) {
        finish(record);
    }
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
    }
    finish(record);
}

static void start_deliveries(struct record *record)
{
    struct pipeline *pipeline = record->pipeline;
    const struct plan *plan = &record->plan;

    make_outcomes(record, plan->count);
    record->unfinished = plan->count;
    record->deliveries =
        arena_alloc(record->arena, plan->count * sizeof(struct delivery));
    for (size_t i = 0; i < plan->count; i++) {
        struct delivery *delivery = &record->deliveries[i];
        const struct attachment *attachment = plan->attachments[i];
        const struct registration *registration = attachment->registration;

        delivery->record = record;
        delivery->attachment = attachment;
        delivery->outcome = &record->outcomes[i];
        delivery->lane = pipeline_lane(pipeline, registration);
        delivery->class = integration_class_of(registration->integration);
        delivery->integration = pipeline_integration(pipeline, delivery->class);
    }
    for (size_t i = 0; i < plan->count; i++) {
        delivery_start(&record->deliveries[i]);
    }
}

static void begin(struct record *record)
{
    const struct settings *settings = record->pipeline->options.settings;
    struct error err;

    if (event_decode(&record->input, settings->delivery.max_event_size,
                     record->arena, &record->event, &err) < 0) {
        end_without_delivery(record, OUTCOME_FAILED, &err);
        return;
    }
    resolve(&record->event, settings->attachments, settings->attachment_count,
            record->arena, &record->plan);
    if (record->plan.count == 0) {
        end_without_delivery(record, OUTCOME_SKIPPED, NULL);
    } else {
        start_deliveries(record);
    }
}

struct record *pipeline_feed(struct pipeline *pipeline,
                             const struct input *input, record_done_fn *done,
                             void *payload)
{
    struct arena *arena = arena_new();
    struct record *record = arena_alloc(arena, sizeof(*record));
    const struct loop *loop = pipeline->options.loop;

    record->pipeline = pipeline;
    record->arena = arena;
    record->done = done;
    record->payload = payload;
    record->fed_ms = clock_wall_ms(loop_clock(loop));
    record->fed_mono_ms = loop_now(loop);
    task_init(&record->finished, run_finished, record);
    input_copy(arena, input, &record->input);
    begin(record);
    return record;
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
    for (size_t i = 0; record->deliveries && i < record->plan.count; i++) {
        delivery_cancel(&record->deliveries[i]);
    }
    loop_cancel(record->pipeline->options.loop, &record->finished);
    arena_free(record->arena);
}
