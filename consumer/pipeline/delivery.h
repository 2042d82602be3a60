#ifndef WAYBILL_PIPELINE_DELIVERY_H
#define WAYBILL_PIPELINE_DELIVERY_H

#include <sys/queue.h>

#include "waybill/integration.h"
#include "waybill/ledger.h"
#include "waybill/outcome.h"
#include "withheld.h"

struct delivery;
struct record;
struct registration_queue;
struct attachment_queue;

/* --- delivery.c, attempt.c, retry.c ------------------------------------------
 *
 * A delivery is the part of a record that one attachment asks for, with its
 * attempts:
 *
 *     waiting -> (announced ->) running -> done
 *        ^                         |
 *        +------- pausing <--------+   if the error is retriable
 *
 * Where a repetition is visible, the service announces an attempt before it
 * begins: the mark of its slot is committed first, so that whoever delivers it
 * after a crash knows that it may have arrived.
 */

enum delivery_state {
    DELIVERY_WAITING,   /* in the queue of its attachment */
    DELIVERY_ANNOUNCED, /* the attempt begins once its mark is committed */
    DELIVERY_RUNNING,   /* an attempt is in flight */
    DELIVERY_PAUSING,   /* waits for the backoff to end */
    DELIVERY_DONE,
    DELIVERY_DROPPED, /* abandoned without an outcome */
};

typedef void attempt_done_fn(struct delivery *delivery,
                             const struct delivery_report *report);

struct attempt {
    struct arena *arena; /* holds the attempt's data and its result */
    struct integration_operation *operation; /* NULL when it is not in flight */
    attempt_done_fn *done;
};

struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct record *record;
    /* NULL for the outcome of a record without deliveries; then no queue and no
     * integration are set. */
    const struct attachment *attachment;
    struct registration_queue *queue;
    struct attachment_queue *attachment_queue;
    struct integration *integration;
    struct outcome outcome;
    struct ledger_slot slot;
    struct withheld withheld; /* not part of the next commit */
    enum delivery_state state;
    bool reported;     /* to the caller of pipeline_feed() */
    bool dispatched;   /* another instance may have begun it before */
    bool is_marked;    /* attempts are announced: the slot's mark states whether
                          one    may have arrived, and not `dispatched` */
    bool in_doubt;     /* a failed attempt may have arrived */
    bool abandoned;    /* no attempt follows the one in flight */
    bool refused;      /* permission was denied at least once */
    uint64_t accepted; /* queue->accepted at the latest of these times */
    struct timer pause;
    struct attempt attempt; /* the most recent one */
    void *progress;      /* owned by the integration, kept between attempts */
    uint64_t started_ms; /* monotonic; first attempt of this process */
    uint64_t previous_age_ms; /* spent before started_ms by other instances */
};

const char *delivery_state_name(enum delivery_state state);
void delivery_set_state(struct delivery *delivery, enum delivery_state state);
/* Restores the attempts that other instances have committed, from the slot. */
void delivery_restore_attempts(struct delivery *delivery);
/* End a delivery: delivery_finish() with its outcome, delivery_drop()
 * without. */
void delivery_finish(struct delivery *delivery);
void delivery_drop(struct delivery *delivery);
/* Records the attempts in the ledger slot, so that the next commit hands them
 * to the instance that may own the partition later. */
void delivery_note_attempts(struct delivery *delivery);
/* Announce that an attempt is about to begin, or withdraw that, because no
 * attempt has arrived. Either is committed with the next batch. */
void delivery_mark(struct delivery *delivery);
void delivery_unmark(struct delivery *delivery);

/* done() is called exactly once, later, from the loop, unless the attempt is
 * cancelled. What the report points to remains valid until the delivery is
 * released if the attempt did not fail, and until done() returns if it did. */
void attempt_begin(struct delivery *delivery, attempt_done_fn *done);
void attempt_cancel(struct delivery *delivery);
void attempt_release(struct delivery *delivery);

enum retry_verdict {
    RETRY_NEVER,
    RETRY_LATER, /* after retry_pause_ms() */
    RETRY_HELD,  /* the same without a limit: an operator must act */
};
/* Decides what follows an attempt that failed with `err`. */
enum retry_verdict retry_after(const struct delivery *delivery,
                               const struct error *err);
uint64_t retry_pause_ms(const struct delivery *delivery,
                        const struct error *err);
/* True if the delivery has been tried for max_age, so that only max_attempts
 * still limits it. */
bool retry_is_aged(const struct delivery *delivery);
/* Returns the monotonic time after which no further attempt is made; 0 if there
 * is no such limit. */
uint64_t retry_deadline_ms(const struct delivery *delivery);

#endif
