#ifndef WAYBILL_PIPELINE_INTERNAL_H
#define WAYBILL_PIPELINE_INTERNAL_H

#include <sys/queue.h>

#include "waybill/integration.h"
#include "waybill/pipeline.h"

/* --- lane.c: a registration's deliveries, in order of arrival, so many at a
 * time. One registry that is slow fills its own lane and no other.
 * -------------- */

struct delivery;

struct lane {
    const struct registration *registration;
    size_t most;
    size_t running;
    TAILQ_HEAD(, delivery) waiting;
};

void lane_init(struct lane *lane, const struct registration *registration,
               size_t most);
/* NULL when the lane is full or nothing waits; else it counts as running. */
struct delivery *lane_next(struct lane *lane);

/* --- delivery.c: one attachment's share of a record, with its attempts
 * ----------- */

enum delivery_state {
    DELIVERY_WAITING, /* in its lane */
    DELIVERY_RUNNING, /* an attempt is under way */
    DELIVERY_PAUSING, /* until the next attempt */
    DELIVERY_DONE,
};

struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct record *record;
    const struct attachment *attachment;
    struct lane *lane;
    struct outcome *outcome;
    enum delivery_state state;
    struct timer pause;
    struct arena *attempt_arena;
    struct integration *integration;
    const struct integration_class *class;
    struct integration_delivery *attempt;
    uint64_t started_ms; /* monotonic, of the first attempt */
};

void delivery_start(struct delivery *delivery);
void delivery_cancel(struct delivery *delivery);

/* --- record.c
 * ---------------------------------------------------------------------- */

struct record {
    struct pipeline *pipeline;
    struct arena *arena;
    struct input input;
    struct event event;
    struct plan plan;
    struct delivery *deliveries;
    size_t unfinished;
    struct outcome *outcomes;
    size_t outcome_count;
    int64_t fed_ms; /* wall */
    uint64_t fed_mono_ms;
    struct task finished;
    record_done_fn *done;
    void *payload;
};

void record_delivery_done(struct record *record);

/* --- pipeline.c
 * --------------------------------------------------------------------- */

struct pipeline {
    struct pipeline_options options;
    struct integration_env env;
    struct integration **integrations; /* by their place in the table */
    struct lane *lanes;                /* by the registration's place */
    size_t running;
    bool draining;
    struct task idle;
};

struct lane *pipeline_lane(struct pipeline *pipeline,
                           const struct registration *registration);
struct integration *pipeline_integration(struct pipeline *pipeline,
                                         const struct integration_class *class);
/* Starts whatever the lane has room for. */
void pipeline_pump(struct pipeline *pipeline, struct lane *lane);
void pipeline_attempt_began(struct pipeline *pipeline);
void pipeline_attempt_ended(struct pipeline *pipeline, struct lane *lane);

/* --- ledger.c: which offset of a partition may be committed
 * ---------------------------- */

/*
 * Records in the order of their offsets, each done or not. What may be
 * committed is the run of done ones at the front: the watermark behind it is
 * the next offset to be read by whoever comes after us. Pure: no I/O, no clock.
 *
 * Offsets grow but need not follow each other: compaction and the markers of
 * transactions leave gaps.
 */
struct ledger_entry {
    TAILQ_ENTRY(ledger_entry) link;
    int64_t offset;
    bool done;
    void *owner;
};

struct ledger {
    TAILQ_HEAD(ledger_entries, ledger_entry) entries;
    /* Those before it are claimed by the commit that is under way; NULL: all */
    struct ledger_entry *unclaimed;
    int64_t next; /* no smaller offset is taken any more */
};

void ledger_init(struct ledger *ledger);
/* False: that offset, or a later one, has been here. */
bool ledger_add(struct ledger *ledger, struct ledger_entry *entry);
bool ledger_is_empty(const struct ledger *ledger);
/* The next done entry at the front that is not claimed, which it then is; NULL:
 * none */
struct ledger_entry *ledger_claim(struct ledger *ledger);
bool ledger_has_ready(const struct ledger *ledger);
/* The offset to commit for what is claimed; false: nothing is. */
bool ledger_watermark(const struct ledger *ledger, int64_t *ret_offset);
/* The commit is through: hands out a claimed entry, which is forgotten. */
struct ledger_entry *ledger_take_claimed(struct ledger *ledger);
void ledger_unclaim(struct ledger *ledger);
/* Hands out any entry, for the end of the ledger. */
struct ledger_entry *ledger_take(struct ledger *ledger);
/* Keeps the run of done entries at the front; hands out one of the others, or
 * NULL when there is none left. */
struct ledger_entry *ledger_take_unready(struct ledger *ledger);

#endif
