#include <string.h>

#include "broker.h"
#include "waybill/alloc.h"
#include "waybill/http.h"
#include "waybill/pipeline.h"

#include "workload.h"

/* One process of the service, composed as in consumer/cli/run.c. */

static uint64_t monotonic(void *state)
{
    const struct instance *instance = state;

    return instance->sim->now_ms;
}

static int64_t wall(void *state)
{
    const struct instance *instance = state;

    return WALL_START_MS + (int64_t)instance->sim->now_ms +
           instance->wall_skew_ms;
}

struct instance *instance_of(const struct loop *loop)
{
    return loop_clock(loop)->state;
}

static void on_ended(void *payload, const struct error *err)
{
    struct instance *instance = payload;

    instance->ended = true;
    instance->failed = err != NULL;
}

/* --- one configuration after the other --------------------------------------
 */

struct generation {
    struct generation *next;
    struct pipeline *pipeline;
    struct settings *settings; /* NULL: that of the workload */
};

static struct pipeline *add_generation(struct instance *instance,
                                       const struct settings *settings,
                                       struct settings *own)
{
    struct generation **last = &instance->generations;
    struct pipeline_options options = *instance->options;

    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = mem_zalloc(sizeof(**last));
    options.settings = settings;
    (*last)->settings = own;
    (*last)->pipeline = pipeline_new(&options);
    return (*last)->pipeline;
}

static void free_oldest(struct instance *instance)
{
    struct generation *oldest = instance->generations;

    instance->generations = oldest->next;
    pipeline_free(oldest->pipeline);
    settings_free(oldest->settings);
    mem_free(oldest);
}

bool instance_reload(struct instance *instance, struct settings *settings)
{
    if (!service_may_reload(instance->service)) {
        settings_free(settings);
        return false;
    }
    sim_trace(instance->sim, "life %u goes on with another configuration",
              instance->life);
    instance->sim->counts.reloads++;
    /* Deliveries that are held by then remain held. */
    instance->max_records = settings->delivery.max_records;
    if (service_records(instance->service) > instance->max_records) {
        instance->max_records = service_records(instance->service);
    }
    service_reload(instance->service,
                   add_generation(instance, settings, settings));
    return true;
}

static void free_retired(struct instance *instance)
{
    while (service_take_retired(instance->service) != NULL) {
        free_oldest(instance);
    }
}

/* --- life cycle -------------------------------------------------------------
 */

static void assemble(struct instance *instance)
{
    struct pipeline_options *options = mem_zalloc(sizeof(*options));
    struct error err;

    instance->loop = loop_new(&instance->clock);
    *options = (struct pipeline_options){
        .loop = instance->loop,
        .http = http_new(instance->loop),
        .random = &instance->random,
        .settings = instance->settings,
        .mode = PIPELINE_SERVICE,
        .skip_other_types =
            instance->settings->kafka.other_types == OTHER_TYPES_SKIP,
    };
    instance->options = options;
    if (service_start(add_generation(instance, instance->settings, NULL),
                      options, on_ended, instance, &instance->service,
                      &err) < 0) {
        sim_violate(instance->sim, INVARIANT_LIVENESS, "does not start: %s",
                    err.message);
    }
}

void instance_start(struct sim *sim, unsigned slot)
{
    struct instance *instance = mem_zalloc(sizeof(*instance));

    instance->sim = sim;
    instance->slot = slot;
    instance->life = ++sim->lives;
    instance->settings = workload_settings(sim->workload, slot);
    instance->max_records = instance->settings->delivery.max_records;
    instance->clock = (struct clock){monotonic, wall, instance};
    instance->random =
        random_of(sim->options.seed, sim_pick(sim, 0, UINT32_MAX));
    sim->slots[slot] = instance;
    sim_trace(sim, "life %u starts in slot %u", instance->life, slot);
    assemble(instance);
}

void instance_bury(struct instance *instance)
{
    sim_trace(instance->sim, "life %u is over", instance->life);
    instance->dead = true;
    service_free(instance->service);
    while (instance->generations != NULL) {
        free_oldest(instance);
    }
    http_free(instance->options->http);
    loop_free(instance->loop);
    mem_free(instance->options);
    instance->sim->slots[instance->slot] = NULL;
    mem_free(instance);
}

bool instance_is_frozen(const struct instance *instance)
{
    return instance->frozen_until_ms > instance->sim->now_ms;
}

void instance_freeze(struct instance *instance, uint64_t ms)
{
    sim_trace(instance->sim, "life %u is frozen for %llu ms", instance->life,
              (unsigned long long)ms);
    instance->frozen_until_ms = instance->sim->now_ms + ms;
    instance->sim->counts.freezes++;
}

void instance_stop(struct instance *instance)
{
    if (instance->stopping || instance->ended) {
        return;
    }
    sim_trace(instance->sim, "life %u is told to stop", instance->life);
    instance->stopping = true;
    instance->stopped_ms = instance->sim->now_ms;
    instance->sim->counts.stops++;
    service_stop(instance->service);
}

void instance_kill(struct instance *instance)
{
    if (!instance->dead) {
        sim_trace(instance->sim, "life %u is killed", instance->life);
        instance->dead = true;
        instance->sim->counts.kills++;
    }
}

/* The only boundary at which a sweep acts */
static void sweep(struct instance *instance, const char *what)
{
    struct sim *sim = instance->sim;

    if (instance->dead || ++sim->counts.steps != sim->options.strike_at) {
        return;
    }
    sim_trace(sim, "life %u, before %s:", instance->life, what);
    if (!sim->options.strike_freezes) {
        instance_kill(instance);
    } else if (!instance->stopping) {
        instance_freeze(instance, sim->broker->session_ms + 5000);
    }
}

bool instance_step(struct instance *instance, const char *what)
{
    struct strike *strike = &instance->strike;

    sweep(instance, what);
    if (instance->dead || strike->countdown == 0 ||
        (strike->before != NULL && strcmp(strike->before, what) != 0) ||
        --strike->countdown > 0) {
        return !instance->dead;
    }
    sim_trace(instance->sim, "life %u, before %s:", instance->life, what);
    if (strike->late_ms > 0) {
        broker_go_away(instance->sim->broker, ROLE_TRANSACTIONS,
                       strike->late_ms);
    }
    if (strike->freeze_ms > 0) {
        instance_freeze(instance, strike->freeze_ms);
    } else {
        instance_kill(instance);
    }
    return !instance->dead;
}

bool instance_turn(struct instance *instance)
{
    bool ran;

    if (instance_is_frozen(instance) || instance->dead || instance->ended) {
        return false;
    }
    sim_fault_turn(instance);
    ran = loop_turn(instance->loop, false);
    sim_fault_turn(NULL);
    free_retired(instance);
    return ran;
}
