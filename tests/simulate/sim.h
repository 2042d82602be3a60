#ifndef SIMULATE_SIM_H
#define SIMULATE_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "waybill/arena.h"
#include "waybill/compiler.h"
#include "waybill/config.h"
#include "waybill/loop.h"
#include "waybill/random.h"

#include "invariants.h"
#include "schedule.h"

/*
 * The world of one seed: one virtual time, a broker, registries, and instances
 * of the service, each with a loop of its own, turned in an order that the seed
 * says. What the world does by itself hangs on the world's own loop.
 */
struct sim;
struct instance;
struct broker;
struct registries;
struct workload;
struct chaos;
struct directory;
struct reloads;
struct replays;
struct recreations;
struct generation;

/* Ways to break it, each of which an invariant has to notice */
enum sim_break {
    BREAK_NONE,
    BREAK_COMMIT_BEFORE_DONE,
    BREAK_DROP_OUTCOME,
    BREAK_IGNORE_EPOCH,
    BREAK_LATE_GENERATION,
    BREAK_PRETEND_COMMIT,
    BREAK_UNKNOWN_IS_ABORTED,
    BREAK_SPLIT_TRANSACTION,
    BREAK_READ_UNSTABLE,
    BREAK_FORGET_BLOB,
    BREAK_BEND_DEAD_LETTER,
    BREAK_NO_PAUSE,
    BREAK_LOSE_RECORD,
    BREAK_STORM,
    BREAK_STALL,
    BREAK_HANG_CLOSE,
    BREAK_SKIP_FENCING,
    BREAK_PRETEND_METADATA,
    BREAK_SKIP_SPOILED,
    BREAK_IGNORE_CREATION,
    BREAK_IGNORE_HOLD,
    /* Rules of the program itself (fault.h) */
    BREAK_DROP_METADATA,
    BREAK_IGNORE_METADATA,
    BREAK_KEEP_LOST,
    BREAK_SKIP_BLOB,
    BREAK_SKIP_FILE,
    BREAK_COMMIT_BEFORE_PUSH,
    BREAK_KEEP_PRODUCER,
    BREAK_PRETEND_ACCEPTED,
    BREAK_HOLD_NONE,
    BREAK_HOLD_TOGETHER, /* of a registration, for one attachment */
    BREAK_FORGET_RENEWED,
    BREAK_RENEW_CLAIMED,
    BREAK_BELIEVE_ANYBODY,
    BREAK_TRUST_HEADERS,
    BREAK_KEEP_SECRETS,
};

enum sim_break sim_break_named(const char *name); /* BREAK_NONE: no such */
void sim_print_breaks(void);

struct sim_counts {
    uint64_t seeds;
    uint64_t steps; /* boundaries of events, of all instances */
    uint64_t records;
    uint64_t kills;
    uint64_t stops;
    uint64_t freezes;
    uint64_t reloads;
    uint64_t rebalances;
    uint64_t transactions;
    uint64_t aborted;
    uint64_t requests;
    uint64_t failed; /* outcomes */
    uint64_t replays;
    uint64_t virtual_ms;
};

/* What happens now and then, at no time that was planned */
enum noise {
    NOISE_NETWORK,  /* something takes long */
    NOISE_BROKER,   /* a call fails */
    NOISE_LOST,     /* a request or an answer of it is lost */
    NOISE_REGISTRY, /* a request fails */
    NOISE_COUNT
};

struct sim_options {
    uint64_t seed;
    enum sim_break broken;
    FILE *trace; /* NULL: none */
    struct skips skips;
    bool quiet; /* nothing befalls the world but its records, and this: */
    uint64_t strike_at;  /* the step that is the last; 0: none is */
    bool strike_freezes; /* until the group has given it up */
};

#define MAX_SLOTS 5

struct sim {
    struct sim_options options;
    struct random random; /* of this moment */
    struct arena *arena;
    struct schedule *schedule;
    bool registries_only; /* nothing else goes wrong */
    bool noises[NOISE_COUNT];
    uint64_t now_ms;
    uint64_t turns_in_place; /* turns since time last moved */
    struct clock clock;
    struct loop *loop;
    struct broker *broker;
    struct registries *registries;
    struct directory *directory; /* NULL: none */
    struct workload *workload;
    struct chaos *chaos;
    struct reloads *reloads;
    struct replays *replays;
    struct recreations *recreations;
    unsigned slot_count;
    struct instance *slots[MAX_SLOTS]; /* NULL: not running */
    unsigned lives;
    struct sim_counts counts;
    struct violation violation;
    char last_token[128]; /* that any registry was shown; "": none yet */
};

/* One whole run. False: *ret_violation says which invariant does not hold. */
bool sim_run(const struct sim_options *options, struct sim_counts *counts,
             struct violation *ret_violation);

/* What would befall it. To be freed. */
struct schedule *sim_plan(const struct sim_options *options);
void sim_add_counts(struct sim_counts *to, const struct sim_counts *from);

/* The first one counts. */
void sim_violate(struct sim *sim, enum invariant invariant, const char *format,
                 ...) PRINTF(3, 4);
bool sim_is_broken(const struct sim *sim, enum sim_break how);

/* A line of the trace, when there is one */
void sim_trace(const struct sim *sim, const char *format, ...) PRINTF(2, 3);

/* Chance. What is drawn at one moment does not depend on how much was drawn at
 * those before it. */
uint64_t sim_pick(struct sim *sim, uint64_t min, uint64_t max);
bool sim_chance(struct sim *sim, unsigned in_a_thousand);
bool sim_noise(struct sim *sim, enum noise noise, unsigned in_a_thousand);
/* Mostly little, seldom much: how long something takes on a network */
uint64_t sim_latency(struct sim *sim);

/* --- instance.c: one process of the service ------------------------------- */

/* What befalls it at a boundary of an event */
struct strike {
    const char *before; /* which boundary; NULL: any */
    unsigned countdown; /* so many of them; 0: nothing is planned */
    uint64_t freeze_ms; /* 0: it is killed */
    uint64_t late_ms;   /* what it has sent arrives so much later */
};

struct instance {
    struct sim *sim;
    unsigned slot;
    unsigned life; /* no two processes share it */
    const struct settings *settings;
    struct clock clock;
    int64_t wall_skew_ms;
    struct random random;
    struct loop *loop;
    struct pipeline_options *options;
    struct generation *generations; /* of the configuration, oldest first */
    struct service *service;
    size_t max_records; /* that it may hold */
    bool dead;          /* killed: nothing that it does reaches anyone */
    bool ended;         /* left by itself */
    bool failed;
    bool stopping;
    uint64_t stopped_ms;
    uint64_t frozen_until_ms;
    struct strike strike;
};

struct instance *instance_of(const struct loop *loop);
void instance_start(struct sim *sim, unsigned slot);
void instance_stop(struct instance *instance); /* SIGTERM */
/* Takes the settings. False: it would have to wait, and nothing happens. */
bool instance_reload(struct instance *instance, struct settings *settings);
void instance_kill(struct instance *instance);
void instance_freeze(struct instance *instance, uint64_t ms); /* SIGSTOP */
bool instance_is_frozen(const struct instance *instance);
/* One turn of its loop; true when anything ran. */
bool instance_turn(struct instance *instance);
/* sim_fault.c: whose turn it is, or NULL */
void sim_fault_turn(struct instance *instance);
/* Gives back what a process that is over has held. */
void instance_bury(struct instance *instance);
/* A boundary of an event: here it may die. False: it is dead. */
bool instance_step(struct instance *instance, const char *what);
void instance_name(const struct instance *instance, char text[16]);

/* --- chaos.c: when there are faults, and when it is over --------------------
 */

struct chaos *chaos_new(struct sim *sim);
void chaos_free(struct chaos *chaos);
/* Every fault is over at this time. */
uint64_t chaos_calm_ms(const struct chaos *chaos);
bool chaos_is_calm(const struct sim *sim);
bool chaos_is_over(const struct sim *sim);
void chaos_stop(struct chaos *chaos, unsigned number); /* as an orderly does */
/* A slot is empty: somebody may be started in it later. */
void chaos_buried(struct chaos *chaos, unsigned number);
unsigned chaos_disruptions(const struct chaos *chaos);

#endif
