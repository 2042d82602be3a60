#include "sim.h"
#include "waybill/alloc.h"

#include "broker.h"
#include "workload.h"

/*
 * What befalls the instances: killed at any boundary of an event, frozen, told
 * to stop, started again; one more, one fewer. Then it is calm, and what is
 * left has to be done in time; then all are told to stop, and have to.
 */

#define SETTLE_MS 3600000
#define STOP_SLACK_MS 15000
#define GRACE_MS 30000 /* Kubernetes waits so long after SIGTERM */
#define CHECK_MS 1000

enum phase { PHASE_FAULTS, PHASE_SETTLING, PHASE_STOPPING, PHASE_OVER };

struct chaos {
    struct sim *sim;
    enum phase phase;
    uint64_t calm_ms;
    uint64_t pace_ms; /* the most between two actions */
    uint64_t last_ms; /* when the last instance has to be gone */
    struct timer action;
    struct timer check;
    struct slot {
        struct chaos *chaos;
        unsigned number;
        struct timer start;
        struct timer grace;
    } slots[MOST_SLOTS];
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
                      counts->rebalances);
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

static void stop(struct slot *slot)
{
    instance_stop(running_in(slot));
    loop_arm(slot->chaos->sim->loop, &slot->grace, GRACE_MS);
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

static uint64_t pick_freeze(struct sim *sim)
{
    return sim_pick(sim, 1, 1000) * (sim_chance(sim, 500) ? 100 : 1);
}

/* At the points where it hurts: between two steps of a transaction, between the
 * registry's answer and what follows from it, in the middle of a rebalance. */
static void plan_strike(struct sim *sim, struct strike *strike)
{
    static const char *const points[] = {
        "init",     "produce",  "offsets", "end",   "end sent",
        "end sent", "response", "request", "join",  "record",
        "assigned", "revoked",  "revoked", "closed"};

    *strike = (struct strike){
        .before = points[sim_pick(sim, 0, ARRAY_SIZE(points) - 1)],
        .countdown = (unsigned)sim_pick(sim, 1, 4),
        .freeze_ms = sim_chance(sim, 500) ? pick_freeze(sim) : 0,
        .late_ms = sim_chance(sim, 300) ? sim_pick(sim, 1, 60) * 1000 : 0,
    };
    if (sim_chance(sim, 300)) {
        strike->before = NULL;
        strike->countdown = (unsigned)sim_pick(sim, 1, 80);
    }
}

static void hit(struct slot *slot)
{
    struct sim *sim = slot->chaos->sim;
    struct instance *instance = running_in(slot);
    uint64_t dice = sim_pick(sim, 0, 99);

    if (instance == NULL || instance->dead) {
        return;
    }
    if (dice < 10) {
        instance_kill(instance);
    } else if (dice < 70) {
        plan_strike(sim, &instance->strike);
    } else if (dice < 82) {
        stop(slot);
    } else if (dice < 95) {
        instance_freeze(instance, pick_freeze(sim));
    } else {
        instance->wall_skew_ms += (int64_t)sim_pick(sim, 0, 7200000) - 3600000;
    }
}

/* One coordinator, or both */
static void take_broker_away(struct sim *sim)
{
    uint64_t ms = sim_pick(sim, 10, sim_chance(sim, 300) ? 60000 : 5000);
    uint64_t which = sim_pick(sim, 0, 2);

    if (which != 0) {
        broker_go_away(sim->broker, ROLE_TRANSACTIONS, ms);
    }
    if (which != 1) {
        broker_go_away(sim->broker, ROLE_GROUP, ms);
    }
}

static void on_action(void *payload)
{
    struct chaos *chaos = payload;
    struct sim *sim = chaos->sim;

    if (chaos_is_calm(sim)) {
        return;
    }
    loop_arm(sim->loop, &chaos->action,
             sim_pick(sim, 1, sim_chance(sim, 500) ? 300 : chaos->pace_ms));
    if (sim_chance(sim, 80)) {
        take_broker_away(sim);
    } else {
        hit(&chaos->slots[sim_pick(sim, 0, MOST_SLOTS - 1)]);
    }
}

/* --- the end ----------------------------------------------------------------
 */

static bool has_lag(const struct sim *sim, size_t *ret_partition)
{
    const struct broker *broker = sim->broker;

    for (size_t i = 0; i < broker->partitions; i++) {
        const struct log *log = &broker->input[i];

        if (log->count > 0 &&
            broker->committed[i] <= log->records[log->count - 1].offset) {
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
    for (unsigned i = 0; i < MOST_SLOTS; i++) {
        if (sim->slots[i] != NULL) {
            sim->slots[i]->frozen_until_ms = 0;
            sim->slots[i]->strike.countdown = 0;
        }
    }
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
    for (unsigned i = 0; i < MOST_SLOTS; i++) {
        if (sim->slots[i] != NULL) {
            instance_stop(sim->slots[i]);
        }
    }
}

static void check_settling(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;
    size_t partition;

    if (!workload_is_written(sim->workload)) {
        return;
    }
    if (!has_lag(sim, &partition)) {
        stop_all(chaos);
    } else if (sim->now_ms > chaos->calm_ms + SETTLE_MS) {
        sim_violate(sim, INVARIANT_LIVENESS,
                    "an hour after the last fault partition %zu stands at "
                    "%lld of %lld",
                    partition, (long long)sim->broker->committed[partition],
                    (long long)sim->broker->input[partition].end);
    }
}

static void check_stopping(struct chaos *chaos)
{
    struct sim *sim = chaos->sim;

    for (unsigned i = 0; i < MOST_SLOTS; i++) {
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

struct chaos *chaos_new(struct sim *sim)
{
    struct chaos *chaos = mem_zalloc(sizeof(*chaos));

    chaos->sim = sim;
    chaos->calm_ms = sim->now_ms + sim_pick(sim, 5, 120) * 1000;
    if (sim_chance(sim, 100)) {
        chaos->calm_ms += sim_pick(sim, 1, 60) * 60000;
    }
    chaos->pace_ms = sim_pick(sim, 200, 30000);
    timer_init(&chaos->action, on_action, chaos);
    timer_init(&chaos->check, on_check, chaos);
    loop_arm(sim->loop, &chaos->action, sim_pick(sim, 1, 5000));
    loop_arm(sim->loop, &chaos->check, chaos->calm_ms - sim->now_ms);
    for (unsigned i = 0; i < MOST_SLOTS; i++) {
        struct slot *slot = &chaos->slots[i];

        slot->chaos = chaos;
        slot->number = i;
        timer_init(&slot->start, on_start, slot);
        timer_init(&slot->grace, on_grace_over, slot);
        if (i == 0 || sim_chance(sim, 600)) {
            loop_arm(sim->loop, &slot->start, sim_pick(sim, 0, 10000));
        }
    }
    return chaos;
}

void chaos_free(struct chaos *chaos)
{
    struct loop *loop = chaos->sim->loop;

    loop_disarm(loop, &chaos->action);
    loop_disarm(loop, &chaos->check);
    for (unsigned i = 0; i < MOST_SLOTS; i++) {
        loop_disarm(loop, &chaos->slots[i].start);
        loop_disarm(loop, &chaos->slots[i].grace);
    }
    mem_free(chaos);
}
