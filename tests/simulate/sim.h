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

/* The world of one seed: a virtual clock, a broker, registries, and instances
 * of the service, each with a loop of its own. The seed determines the order in
 * which the loops are turned. What the world itself does runs on the world's
 * own loop. */
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

/* Deliberate defects, each of which an invariant has to detect */
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

enum sim_break sim_break_named(const char *name); /* BREAK_NONE: unknown name */
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

/* Random faults at times that are not planned */
enum noise {
    NOISE_NETWORK,  /* an operation takes long */
    NOISE_BROKER,   /* a call fails */
    NOISE_LOST,     /* a request or a response is lost */
    NOISE_REGISTRY, /* a request fails */
    NOISE_COUNT
};

struct sim_options {
    uint64_t seed;
    enum sim_break broken;
    FILE *trace; /* NULL: none */
    struct skips skips;
    bool quiet;         /* the world has no events but its records, and this: */
    uint64_t strike_at; /* the last step; 0: there is none */
    bool strike_freezes; /* until the group has removed it */
};

#define MAX_SLOTS 5

struct sim {
    struct sim_options options;
    struct random random; /* of this moment */
    struct arena *arena;
    struct schedule *schedule;
    bool registries_only; /* nothing else fails */
    bool noises[NOISE_COUNT];
    uint64_t now_ms;
    uint64_t turns_in_place; /* turns since the time advanced */
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
    char last_token[128]; /* the last secret that was sent to any registry; "":
                             none yet */
};

/* Runs one world. If it returns false, *ret_violation is the invariant that
 * does not hold. */
bool sim_run(const struct sim_options *options, struct sim_counts *counts,
             struct violation *ret_violation);

/* Returns the schedule of the world, which the caller frees. */
struct schedule *sim_plan(const struct sim_options *options);
void sim_add_counts(struct sim_counts *to, const struct sim_counts *from);

/* Reports a violation; only the first one counts. */
void sim_violate(struct sim *sim, enum invariant invariant, const char *format,
                 ...) PRINTF(3, 4);
bool sim_is_broken(const struct sim *sim, enum sim_break how);

/* Writes a line of the trace, if it is enabled. */
void sim_trace(const struct sim *sim, const char *format, ...) PRINTF(2, 3);

/* Random numbers. Those drawn at one moment do not depend on how many were
 * drawn before. */
uint64_t sim_pick(struct sim *sim, uint64_t min, uint64_t max);
bool sim_chance(struct sim *sim, unsigned in_a_thousand);
bool sim_noise(struct sim *sim, enum noise noise, unsigned in_a_thousand);
/* Usually a low value, rarely a high one: the duration of an operation on a
 * network */
uint64_t sim_latency(struct sim *sim);

/* --- instance.c: one process of the service ------------------------------- */

/* An action on it at a boundary of an event */
struct strike {
    const char *before; /* the kind of boundary; NULL: any */
    unsigned countdown; /* after that many of them; 0: nothing is planned */
    uint64_t freeze_ms; /* 0: it is killed */
    uint64_t late_ms;   /* the additional delay of calls that it has sent */
};

struct instance {
    struct sim *sim;
    unsigned slot;
    unsigned life; /* unique to the process */
    const struct settings *settings;
    struct clock clock;
    int64_t wall_skew_ms;
    struct random random;
    struct loop *loop;
    struct pipeline_options *options;
    struct generation *generations; /* of the configuration, oldest first */
    struct service *service;
    size_t max_records; /* that it may hold in memory */
    bool dead;  /* killed: nothing that it does has an effect any more */
    bool ended; /* has left the group by itself */
    bool failed;
    bool stopping;
    uint64_t stopped_ms;
    uint64_t frozen_until_ms;
    struct strike strike;
};

struct instance *instance_of(const struct loop *loop);
void instance_start(struct sim *sim, unsigned slot);
void instance_stop(struct instance *instance); /* SIGTERM */
/* Takes ownership of the settings. Returns false, and does nothing, if the
 * reload would have to wait. */
bool instance_reload(struct instance *instance, struct settings *settings);
void instance_kill(struct instance *instance);
void instance_freeze(struct instance *instance, uint64_t ms); /* SIGSTOP */
bool instance_is_frozen(const struct instance *instance);
/* Turns its loop once; returns true if anything ran. */
bool instance_turn(struct instance *instance);
/* sim_fault.c: the instance whose turn it is, or NULL */
void sim_fault_turn(struct instance *instance);
/* Frees everything that belongs to a process that has ended. */
void instance_bury(struct instance *instance);
/* A boundary of an event, at which it may be killed. Returns false if it is
 * dead. */
bool instance_step(struct instance *instance, const char *what);
void instance_name(const struct instance *instance, char text[16]);

/* --- chaos.c: the phases of a run --------------------------------------------
 */

struct chaos *chaos_new(struct sim *sim);
void chaos_free(struct chaos *chaos);
/* All faults have ended at this time. */
uint64_t chaos_calm_ms(const struct chaos *chaos);
bool chaos_is_calm(const struct sim *sim);
bool chaos_is_over(const struct sim *sim);
void chaos_stop(struct chaos *chaos,
                unsigned number); /* as an orchestrator does */
/* A slot is empty, in which an instance may be started later. */
void chaos_buried(struct chaos *chaos, unsigned number);
unsigned chaos_disruptions(const struct chaos *chaos);

#endif
