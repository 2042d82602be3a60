#include "actions.h"

#include "broker.h"
#include "waybill/alloc.h"

#define MAX_ACTIONS 600

enum action_kind {
    ACTION_KILL,
    ACTION_STRIKE,
    ACTION_STOP,
    ACTION_FREEZE,
    ACTION_CLOCK,
    ACTION_START,
    ACTION_AWAY,
    ACTION_MOVE,
    ACTION_GROW,
    ACTION_EXPIRE,
    ACTION_COMPACT,
    ACTION_SPOIL,
};

struct action {
    struct item *item;
    enum action_kind kind;
    unsigned slot;
    uint64_t ms;
    int64_t skew_ms;
    unsigned roles; /* one bit for each */
    unsigned partition;
    unsigned thousandths;
    struct strike strike;
};

struct actions {
    struct sim *sim;
    size_t count;
    size_t capacity;
    size_t next;
    struct timer timer;
    struct action *all;
};

/* --- planning ---------------------------------------------------------------
 */

static uint64_t draw_freeze(struct random *random)
{
    return draw(random, 1, 1000) * (draw_chance(random, 500) ? 100 : 1);
}

/* Actions strike between two steps of a transaction, between the response of a
 * registry and its consequence, and in the middle of a rebalance. */
static void plan_strike(struct action *action)
{
    static const char *const points[] = {
        "init",     "produce",  "offsets", "end",   "end sent",
        "end sent", "response", "request", "join",  "record",
        "assigned", "revoked",  "revoked", "closed"};
    struct random *random = &action->item->random;
    struct strike *strike = &action->strike;

    *strike = (struct strike){
        .before = points[draw(random, 0, ARRAY_SIZE(points) - 1)],
        .countdown = (unsigned)draw(random, 1, 4),
        .freeze_ms = draw_chance(random, 500) ? draw_freeze(random) : 0,
        .late_ms = draw_chance(random, 300) ? draw(random, 1, 60) * 1000 : 0,
    };
    if (draw_chance(random, 300)) {
        strike->before = NULL;
        strike->countdown = (unsigned)draw(random, 1, 80);
    }
}

/* One or both coordinators become unavailable or move; the topic gets another
 * partition, or loses records that nobody may have read yet. */
static void plan_broker(struct action *action)
{
    struct random *random = &action->item->random;
    uint64_t max = draw_chance(random, 300) ? 60000 : 5000;
    uint64_t dice = draw(random, 0, 99);

    action->ms = draw(random, 10, max);
    action->roles = (unsigned)draw(random, 1, (1U << ROLE_COUNT) - 1);
    action->partition = (unsigned)draw(random, 0, MAX_PARTITIONS - 1);
    action->thousandths = (unsigned)draw(random, 1, 1000);
    action->kind = dice < 60   ? ACTION_AWAY
                   : dice < 76 ? ACTION_MOVE
                   : dice < 84 ? ACTION_GROW
                   : dice < 88 ? ACTION_EXPIRE
                   : dice < 91 ? ACTION_COMPACT
                               : ACTION_SPOIL;
}

static void plan_hit(struct action *action, unsigned slots)
{
    struct random *random = &action->item->random;
    uint64_t dice = draw(random, 0, 99);

    action->slot = (unsigned)draw(random, 0, slots - 1);
    if (dice < 10) {
        action->kind = ACTION_KILL;
    } else if (dice < 65) {
        action->kind = ACTION_STRIKE;
        plan_strike(action);
    } else if (dice < 77) {
        action->kind = ACTION_STOP;
    } else if (dice < 90) {
        action->kind = ACTION_FREEZE;
        action->ms = draw_freeze(random);
    } else if (dice < 95) {
        action->kind = ACTION_START;
    } else {
        action->kind = ACTION_CLOCK;
        action->skew_ms = (int64_t)draw(random, 0, 7200000) - 3600000;
    }
}

static void describe_strike(const struct action *action, uint64_t at_ms)
{
    const struct strike *strike = &action->strike;
    char how[40] = "killed";

    if (strike->freeze_ms > 0) {
        snprintf(how, sizeof(how), "frozen for %llu ms",
                 (unsigned long long)strike->freeze_ms);
    }
    item_says(action->item, at_ms,
              "slot %u: at the %uth '%s' from here it is %s%s", action->slot,
              strike->countdown, strike->before ? strike->before : "step", how,
              strike->late_ms > 0 ? ", what it sent arrives late" : "");
}

static const char *roles_name(unsigned roles)
{
    return roles == 1U << ROLE_GROUP ? "the group's coordinator"
           : roles == 1U << ROLE_TRANSACTIONS
               ? "the coordinator of transactions"
               : "both coordinators";
}

static void describe_broker(const struct action *action, uint64_t at_ms)
{
    struct item *item = action->item;
    unsigned long long ms = action->ms;

    if (action->kind == ACTION_AWAY) {
        item_says(item, at_ms, "broker: %s away for %llu ms",
                  roles_name(action->roles), ms);
    } else if (action->kind == ACTION_MOVE) {
        item_says(item, at_ms,
                  "broker: the coordinator of transactions moves for %llu ms",
                  ms);
    } else if (action->kind == ACTION_GROW) {
        item_says(item, at_ms,
                  "broker: one partition more, to be found after %llu ms", ms);
    } else if (action->kind == ACTION_EXPIRE) {
        item_says(item, at_ms,
                  "broker: retention takes the first %u/1000 of partition %u",
                  action->thousandths, action->partition);
    } else if (action->kind == ACTION_SPOIL) {
        item_says(item, at_ms,
                  "broker: a batch of partition %u is unreadable for %llu ms",
                  action->partition, ms);
    } else {
        item_says(item, at_ms, "broker: partition %u is compacted",
                  action->partition);
    }
}

static void describe(const struct action *action, uint64_t at_ms)
{
    struct item *item = action->item;
    unsigned long long ms = action->ms;

    switch (action->kind) {
    case ACTION_KILL:
        item_says(item, at_ms, "slot %u: killed", action->slot);
        break;
    case ACTION_STRIKE:
        describe_strike(action, at_ms);
        break;
    case ACTION_STOP:
        item_says(item, at_ms, "slot %u: told to stop", action->slot);
        break;
    case ACTION_FREEZE:
        item_says(item, at_ms, "slot %u: frozen for %llu ms", action->slot, ms);
        break;
    case ACTION_CLOCK:
        item_says(item, at_ms, "slot %u: its wall clock jumps by %lld ms",
                  action->slot, (long long)action->skew_ms);
        break;
    case ACTION_START:
        item_says(item, at_ms, "slot %u: started, if it is empty",
                  action->slot);
        break;
    case ACTION_AWAY:
    case ACTION_MOVE:
    case ACTION_GROW:
    case ACTION_EXPIRE:
    case ACTION_COMPACT:
    case ACTION_SPOIL:
        describe_broker(action, at_ms);
        break;
    }
}

static void plan_one(struct actions *actions, uint64_t at_ms)
{
    struct action *action;

    actions->all = mem_grow(actions->all, &actions->capacity,
                            actions->count + 1, sizeof(actions->all[0]));
    action = &actions->all[actions->count++];
    *action = (struct action){.item = schedule_add(actions->sim)};
    if (draw_chance(&action->item->random, 120)) {
        plan_broker(action);
    } else {
        plan_hit(action, actions->sim->slot_count);
    }
    describe(action, at_ms);
}

/* --- unplanned faults --------------------------------------------------------
 */

static void hit(struct sim *sim, const struct action *action)
{
    struct instance *instance = sim->slots[action->slot];

    if (action->kind == ACTION_START && instance == NULL) {
        instance_start(sim, action->slot);
    }
    if (instance == NULL || instance->dead) {
        return;
    }
    if (action->kind == ACTION_KILL) {
        instance_kill(instance);
    } else if (action->kind == ACTION_STRIKE) {
        instance->strike = action->strike;
    } else if (action->kind == ACTION_STOP) {
        chaos_stop(sim->chaos, action->slot);
    } else if (action->kind == ACTION_FREEZE) {
        instance_freeze(instance, action->ms);
    } else if (action->kind == ACTION_CLOCK) {
        instance->wall_skew_ms += action->skew_ms;
    }
}

static void go_away(struct broker *broker, const struct action *action)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        if ((action->roles >> role & 1U) != 0) {
            broker_go_away(broker, (enum role)role, action->ms);
        }
    }
}

static void perform(struct sim *sim, const struct action *action)
{
    switch (action->kind) {
    case ACTION_AWAY:
        go_away(sim->broker, action);
        break;
    case ACTION_MOVE:
        broker_move(sim->broker, action->ms);
        break;
    case ACTION_GROW:
        broker_grow(sim->broker, action->ms);
        break;
    case ACTION_EXPIRE:
        broker_expire(sim->broker, action->partition, action->thousandths);
        break;
    case ACTION_COMPACT:
        broker_compact(sim->broker, action->partition, &action->item->random);
        break;
    case ACTION_SPOIL:
        broker_spoil(sim->broker, action->partition, action->ms);
        break;
    case ACTION_KILL:
    case ACTION_STRIKE:
    case ACTION_STOP:
    case ACTION_FREEZE:
    case ACTION_CLOCK:
    case ACTION_START:
        hit(sim, action);
        break;
    }
}

static void wait_for_next(struct actions *actions)
{
    if (actions->next < actions->count) {
        uint64_t at_ms = actions->all[actions->next].item->at_ms;

        loop_arm(actions->sim->loop, &actions->timer,
                 at_ms - actions->sim->now_ms);
    }
}

static void on_time(void *payload)
{
    struct actions *actions = payload;
    const struct action *action = &actions->all[actions->next++];

    wait_for_next(actions);
    if (!action->item->skipped) {
        sim_trace(actions->sim, "[%zu] %s", action->item->number,
                  action->item->text);
        perform(actions->sim, action);
    }
}

/* --- life cycle -------------------------------------------------------------
 */

/* The maximum between two of them: a long run has fewer per hour. */
static uint64_t pick_pace(struct sim *sim, uint64_t calm_ms)
{
    uint64_t pace_ms = sim_pick(sim, 200, 30000);
    uint64_t min = (calm_ms - sim->now_ms) / (MAX_ACTIONS / 4);

    return pace_ms > min ? pace_ms : min;
}

struct actions *actions_new(struct sim *sim, uint64_t calm_ms)
{
    struct actions *actions = mem_zalloc(sizeof(*actions));
    uint64_t pace_ms = pick_pace(sim, calm_ms);
    uint64_t at_ms = sim->now_ms + sim_pick(sim, 1, 5000);

    actions->sim = sim;
    timer_init(&actions->timer, on_time, actions);
    while (at_ms < calm_ms && actions->count < MAX_ACTIONS &&
           !sim->registries_only) {
        struct random *random;

        plan_one(actions, at_ms);
        random = &actions->all[actions->count - 1].item->random;
        at_ms += draw(random, 1, draw_chance(random, 500) ? 300 : pace_ms);
    }
    wait_for_next(actions);
    return actions;
}

void actions_free(struct actions *actions)
{
    loop_disarm(actions->sim->loop, &actions->timer);
    mem_free(actions->all);
    mem_free(actions);
}
