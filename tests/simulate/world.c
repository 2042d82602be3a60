#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "directory.h"
#include "recreations.h"
#include "registry.h"
#include "reloads.h"
#include "waybill/alloc.h"
#include "workload.h"

/* Time, random numbers, and the order in which the loops are turned. */

/* Turns without an advance of time: more than any work takes */
#define MAX_TURNS 50000

static uint64_t monotonic(void *state)
{
    const struct sim *sim = state;

    return sim->now_ms;
}

static int64_t wall(void *state)
{
    return WALL_START_MS + (int64_t)monotonic(state);
}

/* --- random numbers ----------------------------------------------------------
 */

uint64_t sim_pick(struct sim *sim, uint64_t min, uint64_t max)
{
    return draw(&sim->random, min, max);
}

bool sim_chance(struct sim *sim, unsigned in_a_thousand)
{
    return draw_chance(&sim->random, in_a_thousand);
}

bool sim_noise(struct sim *sim, enum noise noise, unsigned in_a_thousand)
{
    return sim->noises[noise] && !chaos_is_calm(sim) &&
           sim_chance(sim, in_a_thousand);
}

uint64_t sim_latency(struct sim *sim)
{
    if (!sim_noise(sim, NOISE_NETWORK, 30)) {
        return sim_pick(sim, 0, 8);
    }
    return sim_pick(sim, 8, sim_chance(sim, 200) ? 5000 : 300);
}

/* --- defects -----------------------------------------------------------------
 */

static const char *const break_names[] = {
    [BREAK_COMMIT_BEFORE_DONE] = "commit-before-done",
    [BREAK_DROP_OUTCOME] = "drop-outcome",
    [BREAK_IGNORE_EPOCH] = "ignore-epoch",
    [BREAK_LATE_GENERATION] = "late-generation",
    [BREAK_PRETEND_COMMIT] = "pretend-commit",
    [BREAK_UNKNOWN_IS_ABORTED] = "unknown-is-aborted",
    [BREAK_SPLIT_TRANSACTION] = "split-transaction",
    [BREAK_READ_UNSTABLE] = "read-unstable",
    [BREAK_FORGET_BLOB] = "forget-blob",
    [BREAK_BEND_DEAD_LETTER] = "bend-dead-letter",
    [BREAK_NO_PAUSE] = "no-pause",
    [BREAK_LOSE_RECORD] = "lose-record",
    [BREAK_STORM] = "storm",
    [BREAK_STALL] = "stall",
    [BREAK_HANG_CLOSE] = "hang-close",
    [BREAK_SKIP_FENCING] = "skip-fencing",
    [BREAK_SKIP_SPOILED] = "skip-spoiled",
    [BREAK_IGNORE_CREATION] = "ignore-creation",
    [BREAK_IGNORE_HOLD] = "ignore-hold",
    [BREAK_PRETEND_METADATA] = "pretend-metadata",
    [BREAK_DROP_METADATA] = "drop-metadata",
    [BREAK_IGNORE_METADATA] = "ignore-metadata",
    [BREAK_KEEP_LOST] = "keep-lost",
    [BREAK_SKIP_BLOB] = "skip-blob",
    [BREAK_SKIP_FILE] = "skip-file",
    [BREAK_COMMIT_BEFORE_PUSH] = "commit-before-push",
    [BREAK_KEEP_PRODUCER] = "keep-producer",
    [BREAK_PRETEND_ACCEPTED] = "pretend-accepted",
    [BREAK_HOLD_NONE] = "hold-none",
    [BREAK_HOLD_TOGETHER] = "hold-together",
    [BREAK_FORGET_RENEWED] = "forget-renewed",
    [BREAK_RENEW_CLAIMED] = "renew-claimed",
    [BREAK_BELIEVE_ANYBODY] = "believe-anybody",
    [BREAK_TRUST_HEADERS] = "trust-headers",
    [BREAK_KEEP_SECRETS] = "keep-secrets",
};

enum sim_break sim_break_named(const char *name)
{
    for (size_t i = 1; i < ARRAY_SIZE(break_names); i++) {
        if (strcmp(break_names[i], name) == 0) {
            return (enum sim_break)i;
        }
    }
    return BREAK_NONE;
}

void sim_print_breaks(void)
{
    for (size_t i = 1; i < ARRAY_SIZE(break_names); i++) {
        printf("%s\n", break_names[i]);
    }
}

bool sim_is_broken(const struct sim *sim, enum sim_break how)
{
    return sim->options.broken == how;
}

/* --- the trace ---------------------------------------------------------------
 */

void sim_trace(const struct sim *sim, const char *format, ...)
{
    va_list args;

    FILE *trace = sim->options.trace;

    if (trace == NULL) {
        return;
    }
    fprintf(trace, "%8llu.%03llu  ", (unsigned long long)sim->now_ms / 1000,
            (unsigned long long)sim->now_ms % 1000);
    va_start(args, format);
    vfprintf(trace, format, args);
    va_end(args);
    putc('\n', trace);
}

void sim_violate(struct sim *sim, enum invariant invariant, const char *format,
                 ...)
{
    va_list args;

    if (sim->violation.invariant != INVARIANT_NONE) {
        return;
    }
    sim->violation.invariant = invariant;
    sim->violation.at_ms = sim->now_ms;
    va_start(args, format);
    vsnprintf(sim->violation.text, sizeof(sim->violation.text), format, args);
    va_end(args);
    sim_trace(sim, "VIOLATED: %s: %s", invariant_name(invariant),
              sim->violation.text);
}

/* --- turns -------------------------------------------------------------------
 */

static void bury_the_dead(struct sim *sim)
{
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        struct instance *instance = sim->slots[i];

        if (instance != NULL && (instance->dead || instance->ended)) {
            instance_bury(instance);
            chaos_buried(sim->chaos, i);
        }
    }
}

static bool turn_one(struct sim *sim, unsigned who)
{
    bool ran;

    if (who == sim->slot_count) {
        ran = loop_turn(sim->loop, false);
    } else if (sim->slots[who] != NULL) {
        ran = instance_turn(sim->slots[who]);
    } else {
        return false;
    }
    bury_the_dead(sim);
    return ran;
}

/* Turns the loops of the world and of the instances once each. */
static bool turn_all(struct sim *sim)
{
    unsigned order[MAX_SLOTS + 1];
    bool ran = false;

    for (unsigned i = 0; i <= sim->slot_count; i++) {
        unsigned at = (unsigned)sim_pick(sim, 0, i);

        order[i] = order[at];
        order[at] = i;
    }
    for (unsigned i = 0; i <= sim->slot_count; i++) {
        ran |= turn_one(sim, order[i]);
    }
    return ran;
}

static void advance_time(struct sim *sim)
{
    uint64_t next = UINT64_MAX;
    uint64_t due;

    if (loop_next_deadline(sim->loop, &due)) {
        next = due;
    }
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        const struct instance *instance = sim->slots[i];

        if (instance == NULL || !loop_next_deadline(instance->loop, &due)) {
            continue;
        }
        due = instance_is_frozen(instance) ? instance->frozen_until_ms : due;
        next = due < next ? due : next;
    }
    sim->now_ms = next > sim->now_ms ? next : sim->now_ms;
    sim->turns_in_place = 0;
    sim->random = random_of(sim->options.seed, MAX_ITEMS + sim->now_ms);
}

static void run(struct sim *sim)
{
    while (sim->violation.invariant == INVARIANT_NONE && !chaos_is_over(sim)) {
        if (!turn_all(sim)) {
            advance_time(sim);
        } else if (++sim->turns_in_place > MAX_TURNS) {
            sim_violate(sim, INVARIANT_LIVENESS, "time stands still");
        }
    }
    if (sim->violation.invariant == INVARIANT_NONE) {
        invariants_at_end(sim);
    }
}

static void plan_noises(struct sim *sim)
{
    static const char *const texts[NOISE_COUNT] = {
        [NOISE_NETWORK] = "what is on its way takes long",
        [NOISE_BROKER] = "a transaction's call fails",
        [NOISE_LOST] = "what is said to the broker, or by it, is lost",
        [NOISE_REGISTRY] = "a registry's answer is none",
    };

    for (int i = 0; i < NOISE_COUNT; i++) {
        struct item *item = schedule_add(sim);

        item_says(item, sim->now_ms, "now and then %s", texts[i]);
        sim->noises[i] = !item->skipped && !sim->registries_only;
    }
}

static void open_world(struct sim *sim)
{
    sim->now_ms = 60000;
    sim->random = random_of(sim->options.seed, MAX_ITEMS);
    sim->schedule = schedule_new();
    sim->arena = arena_new();
    sim->clock = (struct clock){monotonic, wall, sim};
    sim->loop = loop_new(&sim->clock);
    sim->registries_only = sim_chance(sim, 120);
    plan_noises(sim);
    sim->chaos = chaos_new(sim);
    sim->broker = broker_new(sim, 1 + sim_pick(sim, 1, MAX_PARTITIONS - 3));
    sim->registries = registries_new(sim, MAX_REGISTRIES);
    sim->directory = directory_new(sim);
    sim->workload = workload_new(sim);
    sim->replays = replays_new(sim);
    sim->reloads = reloads_new(sim);
    if (sim->directory != NULL) {
        directory_plan(sim->directory);
    }
    sim->recreations = recreations_new(sim);
}

static void close_world(struct sim *sim)
{
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        if (sim->slots[i] != NULL) {
            instance_bury(sim->slots[i]);
        }
    }
    recreations_free(sim->recreations);
    reloads_free(sim->reloads);
    replays_free(sim->replays);
    workload_free(sim->workload);
    directory_free(sim->directory);
    registries_free(sim->registries);
    broker_free(sim->broker);
    chaos_free(sim->chaos);
    loop_free(sim->loop);
    arena_free(sim->arena);
}

void sim_add_counts(struct sim_counts *to, const struct sim_counts *from)
{
    to->seeds += from->seeds;
    to->steps += from->steps;
    to->records += from->records;
    to->kills += from->kills;
    to->stops += from->stops;
    to->freezes += from->freezes;
    to->reloads += from->reloads;
    to->rebalances += from->rebalances;
    to->transactions += from->transactions;
    to->aborted += from->aborted;
    to->requests += from->requests;
    to->failed += from->failed;
    to->replays += from->replays;
    to->virtual_ms += from->virtual_ms;
}

struct schedule *sim_plan(const struct sim_options *options)
{
    struct sim sim = {.options = *options};

    sim.options.trace = NULL;
    open_world(&sim);
    close_world(&sim);
    return sim.schedule;
}

bool sim_run(const struct sim_options *options, struct sim_counts *counts,
             struct violation *ret_violation)
{
    struct sim sim = {.options = *options};

    open_world(&sim);
    run(&sim);
    sim.counts.seeds = 1;
    sim.counts.virtual_ms = sim.now_ms;
    close_world(&sim);
    schedule_free(sim.schedule);
    sim_add_counts(counts, &sim.counts);
    *ret_violation = sim.violation;
    return sim.violation.invariant == INVARIANT_NONE;
}
