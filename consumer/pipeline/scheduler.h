#ifndef WAYBILL_SCHEDULER_H
#define WAYBILL_SCHEDULER_H

#include <sys/queue.h>

#include "policy.h"
#include "waybill/integration.h"
#include "waybill/ledger.h"
#include "waybill/pipeline.h"
#include "waybill/status.h"

/*
 * When each delivery is attempted: the only place that decides it.
 *
 *     record.c --scheduler_enqueue()--> scheduler.c --attempt_begin()-->
 * attempt.c ^                               ^ | | +------ scheduler_report()
 * --------+
 *         +-- the record's task, once a delivery has ended
 *
 * A registration queue holds the deliveries of one registration in the order of
 * their arrival; an endpoint is what the queues of registrations of one kind at
 * one place share. An endpoint that is slow fills its own queues and no other;
 * one that is down holds back the queues of its own; refused credentials hold
 * back one queue.
 *
 * dispatch() is what starts attempts, for one endpoint at a time, whenever
 * something has changed for it: a delivery has been added, an attempt or a
 * probe has ended, a time has come. It asks the endpoint (endpoint.c, with the
 * policies of policy.h) whether an attempt may begin now, and the queues
 * (registration_queue.c), in turn, for a delivery. What an attempt has shown is
 * told to the endpoint and to the queue, and retry.c says whether another one
 * follows, and when. shed.c decides whose records make room for others, and
 * successor.c hands over to the scheduler of the next configuration.
 */
struct delivery;
struct record;

/* --- endpoint.c --------------------------------------------------------------
 */

struct endpoint {
    STAILQ_ENTRY(endpoint) link;
    struct scheduler *scheduler;
    struct endpoint *successor; /* in the next configuration; NULL: none, or it
                                   is not there any more */
    const struct integration_class *class;
    const char *name;
    const struct registration *registration; /* to probe with */
    struct breaker breaker;
    struct limiter limiter;
    struct budget budget;
    struct rate rate;
    int64_t down_since_ms;   /* wall, while the breaker is open */
    uint64_t pause_until_ms; /* nothing before: it has asked for a pause */
    /* Both with those of earlier configurations */
    size_t in_flight; /* attempts */
    size_t load;      /* deliveries that are not over */
    struct registration_queue **queues;
    size_t queue_count;
    size_t turn; /* the queue that is next */
    struct timer wake;
    struct integration_operation *probe; /* NULL: none is under way */
    bool is_tried; /* the attempt in flight stands in for a probe */
};

struct endpoint *endpoint_new(struct scheduler *scheduler, const char *name,
                              const struct registration *registration);
void endpoint_free(struct endpoint *endpoint);
void endpoint_add_queue(struct endpoint *endpoint,
                        struct registration_queue *queue);
/* That of the last configuration which has it, that counts and that learns */
struct endpoint *endpoint_newest(struct endpoint *endpoint);
bool endpoint_has_backlog(const struct endpoint *endpoint);
/* The one time before which nothing is sent there, be it an attempt or a probe:
 * what the endpoint has asked for, the breaker's pause, and the rate. */
uint64_t endpoint_not_before_ms(const struct endpoint *endpoint,
                                uint64_t now_ms);
/* Nothing will be sent there for longer than others would notice. */
bool endpoint_is_stuck(const struct endpoint *endpoint, uint64_t now_ms);
/* The next delivery in turn that may begin, out of its backlog; NULL: there is
 * none. */
struct delivery *endpoint_next(struct endpoint *endpoint, uint64_t now_ms);
/* ... that is past its age, however full its queue is */
struct delivery *endpoint_next_aged(struct endpoint *endpoint);
/* When dispatch() has to look again; 0: nothing depends on the time alone. */
uint64_t endpoint_due_ms(const struct endpoint *endpoint, uint64_t now_ms);
/* What an attempt has shown; true: the endpoint is down from now on. */
void endpoint_succeeded(struct endpoint *endpoint, uint64_t now_ms);
bool endpoint_failed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms);
/* What a probe has; err is NULL: it answers. */
void endpoint_probed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms);

/* --- registration_queue.c ----------------------------------------------------
 */

struct registration_queue {
    const struct registration *registration;
    struct endpoint *endpoint;
    struct registration_queue *successor; /* as the endpoint's */
    size_t max_in_flight;
    size_t in_flight; /* as the endpoint's, and so is `load` */
    size_t load;      /* deliveries that are not over */
    TAILQ_HEAD(deliveries, delivery) backlog; /* those that wait */
    size_t backlog_count;
    unsigned refusals; /* of its credentials, in a row */
    bool held;
    uint64_t hold_until_ms;
    bool has_shed;      /* records of it have been shed, to be read again */
    size_t ended;       /* attempts, since the last tick */
    double ended_per_s; /* attempts a second */
    /* For whoever watches; nothing is decided by these. */
    int64_t held_since_ms;   /* wall */
    int64_t last_error_ms;   /* wall */
    struct error last_error; /* of an attempt */
    struct registration_counts counts;
};

void registration_queue_init(struct registration_queue *queue,
                             const struct registration *registration,
                             size_t max_in_flight);
/* A delivery is, or is no longer, one of it. */
void registration_queue_enter(struct registration_queue *queue);
void registration_queue_leave(struct registration_queue *queue);
/* An attempt of it begins, or has ended. */
void registration_queue_begin(struct registration_queue *queue);
void registration_queue_end(struct registration_queue *queue);
void registration_queue_push(struct registration_queue *queue,
                             struct delivery *delivery);
void registration_queue_remove(struct registration_queue *queue,
                               struct delivery *delivery);
/* NULL when nothing waits, or nothing may begin */
struct delivery *registration_queue_next(struct registration_queue *queue,
                                         uint64_t now_ms);
/* True: it is held from now on. */
bool registration_queue_refused(struct registration_queue *queue,
                                uint64_t until_ms);
/* True: it was held until now. */
bool registration_queue_accepted(struct registration_queue *queue);
struct registration_queue *registration_queue_newest(
    struct registration_queue *queue); /* as endpoint_newest() */
/* It is of a configuration that another one has replaced. */
bool registration_queue_is_replaced(const struct registration_queue *queue);

/* --- delivery.c, attempt.c, retry.c ------------------------------------------
 *
 * One attachment's share of a record, with its attempts:
 *
 *     waiting -> running -> done
 *        ^          |
 *        +- pausing <   while its error may pass
 */

enum delivery_state {
    DELIVERY_WAITING, /* in the backlog of its registration */
    DELIVERY_RUNNING, /* an attempt is in flight */
    DELIVERY_PAUSING, /* until the next attempt */
    DELIVERY_DONE,
    DELIVERY_DROPPED, /* without an outcome */
};

typedef void attempt_done_fn(struct delivery *delivery,
                             const struct delivery_report *report);

struct attempt {
    struct arena *arena; /* for what it needs, and its result */
    struct integration_operation *operation; /* NULL: it is not in flight */
    attempt_done_fn *done;
};

struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct record *record;
    const struct attachment *attachment; /* NULL: the record's own outcome, and
                                            of the rest only that */
    struct registration_queue *queue;
    struct integration *integration;
    struct outcome outcome;
    struct ledger_slot slot;
    enum delivery_state state;
    bool reported;   /* to whoever fed the record */
    bool dispatched; /* somebody may have begun it before */
    bool in_doubt;   /* an attempt that failed may have arrived */
    bool abandoned;  /* the attempt that is in flight is the last */
    bool refused;    /* its credentials were, at least once */
    struct timer pause;
    struct attempt attempt; /* the last one */
    void *progress;         /* the integration's own, between attempts */
    uint64_t started_ms;    /* monotonic, of the first attempt */
    uint64_t aged_ms;       /* before that, in the hands of others */
};

const char *delivery_state_name(enum delivery_state state);
void delivery_set_state(struct delivery *delivery, enum delivery_state state);
/* What is known from before: its slot says how often others have tried it. */
void delivery_recall(struct delivery *delivery);
/* It ends, with its outcome or without one. */
void delivery_finish(struct delivery *delivery);
void delivery_drop(struct delivery *delivery);
/* For whoever tries it after us, with the next commit */
void delivery_note_attempts(struct delivery *delivery);

/* done() is called once, later, from the loop, unless it is cancelled. What the
 * report points to stays until the delivery is released, when it has not
 * failed, and else until done() returns. */
void attempt_begin(struct delivery *delivery, attempt_done_fn *done);
void attempt_cancel(struct delivery *delivery);
void attempt_release(struct delivery *delivery);

enum retry_verdict {
    RETRY_NEVER,
    RETRY_LATER, /* after a pause */
    RETRY_HELD,  /* the same, for ever: a person must act */
};
/* After the attempt that has failed with that error */
enum retry_verdict retry_after(const struct delivery *delivery,
                               const struct error *err);
uint64_t retry_pause_ms(const struct delivery *delivery,
                        const struct error *err);
/* It has been tried for max_age: all it has left are attempts. */
bool retry_is_aged(const struct delivery *delivery);
/* After it no other attempt follows; 0: time does not count. */
uint64_t retry_deadline_ms(const struct delivery *delivery);

/* --- scheduler.c -------------------------------------------------------------
 */

struct scheduler {
    const struct pipeline_options *options;
    struct integration_set *integrations;
    struct registration_queue *queues; /* by the registration's index */
    size_t queue_count;
    STAILQ_HEAD(, endpoint) endpoints;
    struct arena *arena; /* endpoints' names */
    size_t in_flight;
    size_t slow; /* queues, at the last tick */
    bool draining;
    bool replaced; /* by that of another configuration */
    struct task idle;
};

/* Options and integrations outlive it. */
void scheduler_init(struct scheduler *scheduler,
                    const struct pipeline_options *options,
                    struct integration_set *integrations);
void scheduler_destroy(struct scheduler *scheduler);
/* PIPELINE_SERVICE */
static inline bool scheduler_is_service(const struct scheduler *scheduler)
{
    return scheduler->options->mode == PIPELINE_SERVICE;
}
struct registration_queue *scheduler_queue(
    struct scheduler *scheduler, const struct registration *registration);

/* A new delivery, of which attachment, queue, integration and slot are set */
void scheduler_enqueue(struct delivery *delivery);
/* No attempt begins any more, and with `at_once` none goes on; true: one is in
 * flight. */
bool scheduler_abandon(struct delivery *delivery, bool at_once);
/* Ends it wherever it is; what its outcome points to is gone. */
void scheduler_release(struct delivery *delivery);
/* No attempt begins any more; idle() is called once, from the loop, when none
 * is in flight. */
void scheduler_drain(struct scheduler *scheduler, loop_fn *idle, void *payload);
/* No probe goes out, or comes back, any more. */
void scheduler_stop_probing(struct scheduler *scheduler);

/* successor.c: takes the place of `from`, in which no attempt begins any more,
 * and what is known of its endpoints and registrations. */
void scheduler_succeed(struct scheduler *scheduler, struct scheduler *from,
                       loop_fn *idle, void *payload);

/* --- shed.c ------------------------------------------------------------------
 *
 * Load shedding: where room for records is short, those that make no progress
 * are shed, and read again when there is room.
 */

/* Once a second: measures */
void shed_tick(struct scheduler *scheduler);
/* Something is delivered as it comes, so that making room for it is worth it.
 */
bool shed_is_worth_it(const struct scheduler *scheduler);
/* Records that wait for it are shed: it waits for somebody to act, or is slow
 * and has more than its part of half of all records. */
bool shed_may_shed(const struct registration_queue *queue);
/* What was shed should be read again; then it counts as not shed. */
bool shed_wants_back(const struct scheduler *scheduler);
bool shed_has_shed(const struct scheduler *scheduler);
void shed_note_read_again(struct scheduler *scheduler);

#endif
