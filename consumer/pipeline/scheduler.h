#ifndef WAYBILL_SCHEDULER_H
#define WAYBILL_SCHEDULER_H

#include <sys/queue.h>

#include "policy.h"
#include "waybill/integration.h"
#include "waybill/ledger.h"
#include "waybill/pipeline.h"
#include "waybill/status.h"

/*
 * The scheduler is the only place that decides when a delivery is attempted.
 *
 *     record.c                  scheduler.c                attempt.c
 *        |   scheduler_enqueue()     |   attempt_begin()       |
 *        |-------------------------->|------------------------>|
 *        |                           |<------------------------|
 *        |<--------------------------|   scheduler_report()
 *            the record's task, once a delivery has ended
 *
 * A registration queue holds the deliveries of one registration in the order of
 * their arrival. An endpoint is what the queues of all registrations with the
 * same integration and the same address share. A slow endpoint fills only its
 * own queues, an endpoint that is down holds back only its own queues, and
 * rejected credentials hold back one queue.
 *
 * dispatch() starts attempts for one endpoint whenever something has changed
 * for it: a delivery was added, an attempt or a probe ended, or a timer
 * expired. It asks the endpoint (endpoint.c, with the policies of policy.h)
 * whether an attempt may begin now, and takes a delivery from the queues
 * (registration_queue.c) in round-robin order. The result of an attempt updates
 * the endpoint and the queue, and retry.c decides whether and when another
 * attempt follows. shed.c decides whose records are shed when memory is short,
 * and successor.c transfers the state to the scheduler of the next
 * configuration.
 */
struct delivery;
struct record;

/* --- endpoint.c --------------------------------------------------------------
 */

struct endpoint {
    STAILQ_ENTRY(endpoint) link;
    struct scheduler *scheduler;
    struct endpoint *successor; /* in the next configuration; NULL if there is
                                   none, or if it no longer has this endpoint */
    const struct integration_class *class;
    const char *name;
    const struct registration *registration; /* used for probes */
    struct breaker breaker;
    struct limiter limiter;
    struct budget budget;
    struct rate rate;
    int64_t down_since_ms;   /* wall-clock time, while the breaker is open */
    uint64_t pause_until_ms; /* monotonic; set by Retry-After */
    /* Both include what predecessors still have. */
    size_t in_flight; /* attempts */
    size_t load;      /* deliveries without an outcome */
    struct registration_queue **queues;
    size_t queue_count;
    size_t next_queue; /* index in queues, for the round robin */
    struct timer wake;
    struct integration_operation *probe; /* NULL when none is in flight */
    bool is_tried; /* the attempt in flight serves as a probe */
};

struct endpoint *endpoint_new(struct scheduler *scheduler, const char *name,
                              const struct registration *registration);
void endpoint_free(struct endpoint *endpoint);
void endpoint_add_queue(struct endpoint *endpoint,
                        struct registration_queue *queue);
/* Returns the endpoint in the newest configuration that has it. That one holds
 * the counts and the learned limits. */
struct endpoint *endpoint_newest(struct endpoint *endpoint);
bool endpoint_has_backlog(const struct endpoint *endpoint);
/* Returns the earliest time at which anything, an attempt or a probe, may be
 * sent to the endpoint. It combines Retry-After, the breaker's pause and the
 * rate limit. */
uint64_t endpoint_not_before_ms(const struct endpoint *endpoint,
                                uint64_t now_ms);
/* True if nothing will be sent to the endpoint for so long that other
 * registrations should not wait for it. */
bool endpoint_is_stuck(const struct endpoint *endpoint, uint64_t now_ms);
/* Takes the next delivery that may begin from the backlogs, in round-robin
 * order; NULL if there is none. */
struct delivery *endpoint_next(struct endpoint *endpoint, uint64_t now_ms);
/* The same for a delivery that has exceeded max_age, regardless of the limits
 * of its queue. */
struct delivery *endpoint_next_aged(struct endpoint *endpoint);
/* Returns when dispatch() must run again; 0 if it need not run because of the
 * time alone. */
uint64_t endpoint_due_ms(const struct endpoint *endpoint, uint64_t now_ms);
/* These report the result of an attempt. endpoint_failed() returns true if this
 * failure opened the breaker. */
void endpoint_succeeded(struct endpoint *endpoint, uint64_t now_ms);
bool endpoint_failed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms);
/* Reports the result of a probe; err is NULL if the endpoint answered. */
void endpoint_probed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms);

/* --- registration_queue.c ----------------------------------------------------
 */

struct registration_queue {
    const struct registration *registration;
    struct endpoint *endpoint;
    struct registration_queue *successor; /* as in struct endpoint */
    size_t max_in_flight;
    size_t in_flight; /* includes predecessors, as `load` does */
    size_t load;      /* deliveries without an outcome */
    TAILQ_HEAD(deliveries, delivery) backlog; /* those in DELIVERY_WAITING */
    size_t backlog_count;
    unsigned refusals; /* consecutive rejections of its credentials */
    bool held;
    uint64_t hold_until_ms;
    bool has_shed; /* some of its records were shed and must be read again */
    size_t ended;  /* attempts since the last tick */
    double ended_per_s; /* attempts per second, smoothed */
    /* The rest is for the status page and the metrics. No decision depends on
     * it. */
    int64_t held_since_ms;   /* wall-clock time */
    int64_t last_error_ms;   /* wall-clock time */
    struct error last_error; /* of its last failed attempt */
    struct registration_counts counts;
};

void registration_queue_init(struct registration_queue *queue,
                             const struct registration *registration,
                             size_t max_in_flight);
/* Count a delivery of this queue, from scheduler_enqueue() to its end. */
void registration_queue_enter(struct registration_queue *queue);
void registration_queue_leave(struct registration_queue *queue);
/* Count an attempt of this queue that begins or has ended. */
void registration_queue_begin(struct registration_queue *queue);
void registration_queue_end(struct registration_queue *queue);
void registration_queue_push(struct registration_queue *queue,
                             struct delivery *delivery);
void registration_queue_remove(struct registration_queue *queue,
                               struct delivery *delivery);
/* Takes the next delivery that may begin; NULL if there is none. */
struct delivery *registration_queue_next(struct registration_queue *queue,
                                         uint64_t now_ms);
/* Counts a rejection of the credentials. Returns true if the queue is held from
 * now on. */
bool registration_queue_refused(struct registration_queue *queue,
                                uint64_t until_ms);
/* Ends a hold. Returns true if the queue was held until now. */
bool registration_queue_accepted(struct registration_queue *queue);
struct registration_queue *registration_queue_newest(
    struct registration_queue *queue); /* as endpoint_newest() */
/* True if a reload has replaced the configuration of this queue. */
bool registration_queue_is_replaced(const struct registration_queue *queue);

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
    DELIVERY_WAITING,   /* in the backlog of its registration */
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
    struct integration *integration;
    struct outcome outcome;
    struct ledger_slot slot;
    enum delivery_state state;
    bool reported;   /* to the caller of pipeline_feed() */
    bool dispatched; /* another instance may have begun it before */
    bool is_marked; /* attempts are announced: the slot's mark tells whether one
                       may have arrived, and not `dispatched` */
    bool in_doubt;  /* a failed attempt may have arrived */
    bool abandoned; /* no attempt follows the one in flight */
    bool refused;   /* its credentials were rejected at least once */
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
/* An attempt is about to begin, or nothing of those that did has arrived: the
 * owner of the record is told that there is something to commit. */
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

/* --- scheduler.c -------------------------------------------------------------
 */

struct scheduler {
    const struct pipeline_options *options;
    struct integration_set *integrations;
    struct registration_queue *queues; /* indexed as settings->registrations */
    size_t queue_count;
    STAILQ_HEAD(, endpoint) endpoints;
    struct arena *arena; /* holds the names of the endpoints */
    size_t in_flight;
    size_t slow; /* number of slow queues at the last tick */
    bool draining;
    bool replaced; /* a reload has replaced it */
    struct task idle;
};

/* Options and integrations must outlive the scheduler. */
void scheduler_init(struct scheduler *scheduler,
                    const struct pipeline_options *options,
                    struct integration_set *integrations);
void scheduler_destroy(struct scheduler *scheduler);
static inline bool scheduler_is_service(const struct scheduler *scheduler)
{
    return scheduler->options->mode == PIPELINE_SERVICE;
}
struct registration_queue *scheduler_queue(
    struct scheduler *scheduler, const struct registration *registration);

/* Schedules a new delivery. Its attachment, queue, integration and slot must be
 * set. */
void scheduler_enqueue(struct delivery *delivery);
/* Prevents further attempts of the delivery; with `at_once` also cancels the
 * one in flight. Returns true if an attempt is still in flight. */
bool scheduler_abandon(struct delivery *delivery, bool at_once);
/* The commit that contains its mark has succeeded: begins the attempt that was
 * announced. Deliveries in other states are left alone. */
void scheduler_mark_committed(struct delivery *delivery);
/* Ends the delivery in whatever state it is. What its outcome points to is
 * invalid afterwards. */
void scheduler_release(struct delivery *delivery);
/* Prevents further attempts of all deliveries. idle() is called once, from the
 * loop, when no attempt is in flight. */
void scheduler_drain(struct scheduler *scheduler, loop_fn *idle, void *payload);
/* Cancels all probes and their timers. */
void scheduler_stop_probing(struct scheduler *scheduler);

/* successor.c: replaces `from`, which starts no further attempts, and inherits
 * its state of endpoints and registrations. idle() is called when `from` has no
 * attempt in flight. */
void scheduler_succeed(struct scheduler *scheduler, struct scheduler *from,
                       loop_fn *idle, void *payload);

/* --- shed.c ------------------------------------------------------------------
 *
 * Load shedding: when the limits on records in memory are reached, records that
 * make no progress are shed, that is freed, and read from Kafka again when
 * there is room.
 */

/* Updates the measurements; call it once a second. */
void shed_tick(struct scheduler *scheduler);
/* True if at least one registration delivers without delay. Otherwise shedding
 * helps nobody. */
bool shed_is_worth_it(const struct scheduler *scheduler);
/* True if records that wait for this queue may be shed: because it is stuck
 * (its endpoint is down or paused, or its credentials were rejected), or
 * because it is slow and exceeds its share of the half of max_records that slow
 * queues may use. */
bool shed_may_shed(const struct registration_queue *queue);
/* True if shed records of some registration should be read again now. */
bool shed_wants_back(const struct scheduler *scheduler);
/* True if shed records of any registration have not been read again. */
bool shed_has_shed(const struct scheduler *scheduler);
/* Notes that reading again has begun for the registrations that wanted it. */
void shed_note_read_again(struct scheduler *scheduler);

#endif
