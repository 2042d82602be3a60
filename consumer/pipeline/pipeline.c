#include <string.h>

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

static struct host *host_named(struct pipeline *pipeline, const char *name,
                               const struct registration *registration)
{
    struct host *host;

    STAILQ_FOREACH(host, &pipeline->hosts, link)
    {
        if (strcmp(host->name, name) == 0) {
            return host;
        }
    }
    return host_new(pipeline, name, registration);
}

static void add_lane(struct pipeline *pipeline, size_t place)
{
    const struct settings *settings = pipeline->options.settings;
    const struct registration *registration = &settings->registrations[place];
    const char *name = integration_class_of(registration->integration)
                           ->host(registration, pipeline->arena);
    struct lane *lane = &pipeline->lanes[place];

    lane_init(lane, registration, settings->delivery.concurrency);
    host_add_lane(host_named(pipeline, name, registration), lane);
}

struct integration_env pipeline_environment(const struct settings *settings,
                                            struct loop *loop,
                                            struct http *http)
{
    return (struct integration_env){
        .network =
            {
                .loop = loop,
                .http = http,
                .timeouts =
                    {
                        (uint32_t)settings->delivery.connect_timeout_ms,
                        (uint32_t)settings->delivery.answer_timeout_ms,
                    },
            },
        .allowed = settings->registries.allowed,
        .allow_any = settings->registries.allow_any == 1,
        .registrations = settings->registrations,
        .registration_count = settings->registration_count,
    };
}

struct pipeline *pipeline_new(const struct pipeline_options *options)
{
    struct pipeline *pipeline = mem_zalloc(sizeof(*pipeline));
    const struct settings *settings = options->settings;

    pipeline->options = *options;
    pipeline->env =
        pipeline_environment(settings, options->loop, options->http);
    pipeline->integrations =
        mem_zalloc(class_count() * sizeof(pipeline->integrations[0]));
    pipeline->arena = arena_new();
    STAILQ_INIT(&pipeline->hosts);
    pipeline->lanes =
        mem_zalloc(settings->registration_count * sizeof(struct lane));
    for (size_t i = 0; i < settings->registration_count; i++) {
        add_lane(pipeline, i);
    }
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    struct host *host;

    if (pipeline == NULL) {
        return;
    }
    while ((host = STAILQ_FIRST(&pipeline->hosts)) != NULL) {
        STAILQ_REMOVE_HEAD(&pipeline->hosts, link);
        host_free(host);
    }
    for (size_t i = 0; i < class_count(); i++) {
        integration_classes[i]->close(pipeline->integrations[i]);
    }
    loop_cancel(pipeline->options.loop, &pipeline->idle);
    mem_free(pipeline->integrations);
    mem_free(pipeline->lanes);
    arena_free(pipeline->arena);
    mem_free(pipeline);
}

const struct settings *pipeline_settings(const struct pipeline *pipeline)
{
    return pipeline->options.settings;
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

bool pipeline_is_service(const struct pipeline *pipeline)
{
    return pipeline->options.patience == PIPELINE_SERVICE;
}

static size_t lane_count(const struct pipeline *pipeline)
{
    return pipeline->options.settings->registration_count;
}

void pipeline_tick(struct pipeline *pipeline)
{
    pipeline->slow = 0;
    for (size_t i = 0; i < lane_count(pipeline); i++) {
        lane_tick(&pipeline->lanes[i]);
        pipeline->slow += lane_is_slow(&pipeline->lanes[i]);
    }
}

bool pipeline_flows(const struct pipeline *pipeline)
{
    for (size_t i = 0; i < lane_count(pipeline); i++) {
        if (!lane_is_crowding(&pipeline->lanes[i])) {
            return true;
        }
    }
    return false;
}

bool pipeline_has_parked(const struct pipeline *pipeline)
{
    for (size_t i = 0; i < lane_count(pipeline); i++) {
        if (pipeline->lanes[i].parked) {
            return true;
        }
    }
    return false;
}

bool pipeline_wants_parked(const struct pipeline *pipeline)
{
    for (size_t i = 0; i < lane_count(pipeline); i++) {
        if (lane_wants_parked(&pipeline->lanes[i])) {
            return true;
        }
    }
    return false;
}

void pipeline_note_unparked(struct pipeline *pipeline)
{
    for (size_t i = 0; i < lane_count(pipeline); i++) {
        struct lane *lane = &pipeline->lanes[i];

        lane->parked = lane->parked && !lane_wants_parked(lane);
    }
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

/* Whoever comes after it counts it as well: a registry bears no more because
 * the configuration is another. */
void pipeline_attempt_ended(struct pipeline *pipeline, struct lane *lane)
{
    struct lane *newest = lane_newest(lane);
    struct host *of = lane->host;
    struct host *host = host_newest(of);

    pipeline->running--;
    newest->ended++;
    of->probing = false;
    for (; lane != NULL; lane = lane->heir) {
        lane->running--;
    }
    for (; of != NULL; of = of->heir) {
        of->running--;
    }
    host_pump(host);
    if (newest->host != host) {
        host_pump(newest->host);
    }
    announce_idle(pipeline);
}

void pipeline_drain(struct pipeline *pipeline, loop_fn *idle, void *payload)
{
    pipeline->draining = true;
    task_init(&pipeline->idle, idle, payload);
    announce_idle(pipeline);
}
