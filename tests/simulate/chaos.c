#include "actions.h"
#include "broker.h"
#include "reloads.h"
#include "waybill/alloc.h"
#include "workload.h"

/* The phases of a run: at first there are faults. Then there are none, and the
 * remaining work has to be done in time. Then all instances receive a stop
 * request, and have to end. This file also restarts instances that have ended.
 */

#define SETTLE_MS 3600000
#define STOP_SLACK_MS 15000
#define GRACE_MS 30000 /* The time that Kubernetes waits after SIGTERM */
#define CHECK_MS 1000

enum phase { PHASE_FAULTS, PHASE_SETTLING, PHASE_STOPPING, PHASE_OVER };

struct chaos {
    struct sim *sim;
    enum phase phase;
    uint64_t calm_ms;
    uint64_t
        last_ms; /* the time by which the last instance has to have ended */
    struct actions *actions;
    struct timer check;
    struct slot {
        struct chaos *chaos;
        unsigned number;
        struct timer start;
        struct timer grace;
    } slots[MAX_SLOTS];
};

uint64_t chaos_calm_ms(const struct chaos *chaos)
{
    return chaos->calm_ms;
}

bool chaos_is_calm(const struct sim *sim)
{
    return sim->now_ms >= sim->chaos->calm_ms;
}

bool chaos_is_over(const struct sim *sim)
{
    return sim->chaos->phase == PHASE_OVER;
}

unsigned chaos_disruptions(const struct chaos *chaos)
{
    const struct sim_counts *counts = &chaos->sim->counts;

    return (unsigned)(counts->kills + counts->stops + counts->freezes +
                      counts->rebalances + counts->reloads);
}

/* --- instances --------------------------------------------------------------
 */

static struct instance *running_in(const struct slot *slot)
{
    return slot->chaos->sim->slots[slot->number];
}

static void on_start(void *payload)
{
    const struct slot *slot = payload;

    if (running_in(slot) == NULL && slot->chaos->phase < PHASE_STOPPING) {
        instance_start(slot->chaos->sim, slot->number);
    }
}

static void on_grace_over(void *payload)
{
    const struct slot *slot = payload;
    struct instance *instance = running_in(slot);

    if (instance != NULL && instance->stopping) {
        instance_kill(instance);
    }
}

void chaos_stop(struct chaos *chaos, unsigned number)
{
    struct slot *slot = &chaos->slots[number];

    instance_stop(running_in(slot));
    loop_arm(chaos->sim->loop, &slot->grace, GRACE_MS);
}

void chaos_buried(struct chaos *chaos, unsigned number)
{
    struct slot *slot = &chaos->slots[number];
    struct sim *sim = chaos->sim;

    loop_disarm(sim->loop, &slot->grace);
    if (chaos->phase < PHASE_STOPPING) {
        loop_arm(sim->loop, &slot->start,
                 chaos_is_calm(sim) || sim_chance(sim, 500)
                     ? sim_pick(sim, 1, 500)
                     : sim_pick(sim, 500, 40000));
    }
}

/* --- the end ----------------------------------------------------------------
 */

/* A record that can be read and has no outcome yet */
static bool lags(const struct broker *broker, size_t partition)
{
    const struct log *log = &broker->input[partition];

    for (size_t i = log->count; i > 0; i--) {
        if (log->records[i - 1].offset >= 0) {
            return broker_committed(broker, (int32_t)partition) <=
                   log->records[i - 1].offset;
        }
    }
    return false;
}

static bool has_lag(const struct sim *sim, size_t *ret_partition)
{
    for (size_t i = 0; i < sim->broker->partitions; i++) {
        if (lags(sim->broker, i)) {
            *ret_partition = i;
            return true;
        }
    }
    return false;
}

static void settle(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;

    sim_trace(sim, "calm");
    chaos->phase = PHASE_SETTLING;
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        if (sim->slots[i] != NULL) {
            sim->slots[i]->frozen_until_ms = 0;
            sim->slots[i]->strike.countdown = 0;
        }
    }
    workload_raise_limits(sim->workload);
    reloads_mend(sim);
    if (sim->slots[0] == NULL) {
        loop_arm(sim->loop, &chaos->slots[0].start, 1);
    }
}

static void stop_all(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;
    uint64_t drain_ms = workload_settings(sim->workload, 0)->delivery.drain_ms;

    sim_trace(sim, "quiet");
    chaos->phase = PHASE_STOPPING;
    chaos->last_ms = sim->now_ms + drain_ms + STOP_SLACK_MS;
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        if (sim->slots[i] != NULL) {
            instance_stop(sim->slots[i]);
        }
    }
}

static bool anybody_is_frozen(const struct sim *sim)
{
    for (unsigned i = 0; i < sim->slot_count; i++) {
        if (sim->slots[i] != NULL && instance_is_frozen(sim->slots[i])) {
            return true;
        }
    }
    return false;
}

static void check_settling(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;
    size_t partition;

    if (!workload_is_written(sim->workload) || anybody_is_frozen(sim)) {
        return;
    }
    if (!has_lag(sim, &partition)) {
        stop_all(chaos);
    } else if (sim->now_ms > chaos->calm_ms + SETTLE_MS) {
        sim_violate(
            sim, INVARIANT_LIVENESS,
            "an hour after the last fault partition %zu stands at "
            "%lld of %lld",
            partition,
            (long long)broker_committed(sim->broker, (int32_t)partition),
            (long long)sim->broker->input[partition].end);
    }
}

static void check_stopping(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;

    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        const struct instance *instance = sim->slots[i];

        if (instance == NULL) {
            continue;
        }
        if (sim->now_ms > chaos->last_ms) {
            sim_violate(
                sim, INVARIANT_STOP, "life %u was told to stop %llu ms ago",
                instance->life,
                (unsigned long long)(sim->now_ms - instance->stopped_ms));
        }
        return;
    }
    chaos->phase = PHASE_OVER;
}

static void on_check(void *payload)
{
    struct chaos *chaos = payload;
    struct sim *sim = chaos->sim;

    loop_arm(sim->loop, &chaos->check, CHECK_MS);
    switch (chaos->phase) {
    case PHASE_FAULTS:
        settle(chaos);
        break;
    case PHASE_SETTLING:
        check_settling(chaos);
        break;
    case PHASE_STOPPING:
        check_stopping(chaos);
        break;
    case PHASE_OVER:
        break;
    }
}

/* --- life cycle -------------------------------------------------------------
 */

static uint64_t pick_calm(struct sim *sim)
{
    uint64_t calm_ms = sim->now_ms + sim_pick(sim, 5, 120) * 1000;

    if (sim_chance(sim, 100)) {
        calm_ms += sim_pick(sim, 1, 60) * 60000;
    }
    if (sim_chance(sim, 20)) { /* in hours, for actions that last as long */
        calm_ms += sim_pick(sim, 60, 300) * 60000;
    }
    return sim->options.quiet ? sim->now_ms : calm_ms;
}

static void init_slots(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;

    for (unsigned i = 0; i < sim->slot_count; i++) {
        struct slot *slot = &chaos->slots[i];

        slot->chaos = chaos;
        slot->number = i;
        timer_init(&slot->start, on_start, slot);
        timer_init(&slot->grace, on_grace_over, slot);
        if (i == 0 || sim_chance(sim, 600)) {
            loop_arm(sim->loop, &slot->start, sim_pick(sim, 0, 10000));
        }
    }
}

/* This precedes the broker and the registries, which ask whether there are
 * faults. */
struct chaos *chaos_new(struct sim *sim)
{
    struct chaos *chaos = mem_zalloc(sizeof(*chaos));

    chaos->sim = sim;
    sim->slot_count = (unsigned)sim_pick(sim, 1, MAX_SLOTS);
    chaos->calm_ms = pick_calm(sim);
    timer_init(&chaos->check, on_check, chaos);
    loop_arm(sim->loop, &chaos->check, chaos->calm_ms - sim->now_ms);
    init_slots(chaos);
    chaos->actions = actions_new(sim, chaos->calm_ms);
    return chaos;
}

void chaos_free(struct chaos *chaos)
{
    struct loop *loop = chaos->sim->loop;

    actions_free(chaos->actions);
    loop_disarm(loop, &chaos->check);
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        loop_disarm(loop, &chaos->slots[i].start);
        loop_disarm(loop, &chaos->slots[i].grace);
    }
    mem_free(chaos);
}
