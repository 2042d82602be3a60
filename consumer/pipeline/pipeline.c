#include "pipeline_internal.h"
#include "waybill/alloc.h"

static size_t place_of(const struct integration_class *class)
{
    size_t place = 0;

    while (integration_classes[place] != class) {
        place++;
    }
    return place;
}

static size_t class_count(void)
{
    size_t count = 0;

    while (integration_classes[count] != NULL) {
        count++;
    }
    return count;
}

struct pipeline *pipeline_new(const struct pipeline_options *options)
{
    struct pipeline *pipeline = mem_zalloc(sizeof(*pipeline));
    const struct settings *settings = options->settings;

    pipeline->options = *options;
    pipeline->env = (struct integration_env){
        .loop = options->loop,
        .http = options->http,
        .connect_ms = (uint32_t)settings->delivery.connect_timeout_ms,
        .answer_ms = (uint32_t)settings->delivery.answer_timeout_ms,
    };
    pipeline->integrations =
        mem_zalloc(class_count() * sizeof(pipeline->integrations[0]));
    pipeline->lanes =
        mem_zalloc(settings->registration_count * sizeof(struct lane));
    for (size_t i = 0; i < settings->registration_count; i++) {
        lane_init(&pipeline->lanes[i], &settings->registrations[i],
                  settings->delivery.concurrency);
    }
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    for (size_t i = 0; i < class_count(); i++) {
        integration_classes[i]->close(pipeline->integrations[i]);
    }
    loop_cancel(pipeline->options.loop, &pipeline->idle);
    mem_free(pipeline->integrations);
    mem_free(pipeline->lanes);
    mem_free(pipeline);
}

struct lane *pipeline_lane(struct pipeline *pipeline,
                           const struct registration *registration)
{
    return &pipeline->lanes[registration -
                            pipeline->options.settings->registrations];
}

struct integration *pipeline_integration(struct pipeline *pipeline,
                                         const struct integration_class *class)
{
    size_t place = place_of(class);

    if (pipeline->integrations[place] == NULL) {
        pipeline->integrations[place] = class->open(&pipeline->env);
    }
    return pipeline->integrations[place];
}

static void announce_idle(struct pipeline *pipeline)
{
    if (pipeline->draining && pipeline->running == 0) {
        loop_defer(pipeline->options.loop, &pipeline->idle);
    }
}

void pipeline_attempt_began(struct pipeline *pipeline)
{
    pipeline->running++;
}

void pipeline_attempt_ended(struct pipeline *pipeline, struct lane *lane)
{
    pipeline->running--;
    lane->running--;
    pipeline_pump(pipeline, lane);
    announce_idle(pipeline);
}

void pipeline_drain(struct pipeline *pipeline, loop_fn *idle, void *payload)
{
    pipeline->draining = true;
    task_init(&pipeline->idle, idle, payload);
    announce_idle(pipeline);
}
