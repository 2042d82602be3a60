#ifndef WAYBILL_ENDPOINT_H
#define WAYBILL_ENDPOINT_H

#include <sys/queue.h>

#include "policy.h"
#include "waybill/integration.h"
#include "waybill/status.h"

/*
 * What the scheduler knows of where deliveries go: an endpoint is what the
 * registrations of one kind at one place share, and a registration queue holds
 * the deliveries of one registration. scheduler.h has the whole picture. Loop
 * thread only.
 */
struct delivery;
struct scheduler;
struct registration_queue;
struct attachment_queue;

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
    int64_t down_since_ms;    /* wall-clock time, while the breaker is open */
    uint64_t pause_until_ms;  /* monotonic; set by Retry-After */
    uint64_t paused_since_ms; /* monotonic; of the current or last such pause */
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
/* Returns the endpoint in the newest configuration that has it, with the counts
 * and the learned limits. */
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
/* The same for one that has exceeded max_age, whatever its queue's limits. */
struct delivery *endpoint_next_aged(struct endpoint *endpoint);
/* Returns when dispatch() must run again; 0 if it need not run because of the
 * time alone. */
uint64_t endpoint_due_ms(const struct endpoint *endpoint, uint64_t now_ms);
/* These report the result of an attempt. endpoint_failed() returns true if this
 * failure opened the breaker. */
void endpoint_succeeded(struct endpoint *endpoint, uint64_t now_ms);
bool endpoint_failed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms);
/* Sends nothing for so long. */
void endpoint_pause(struct endpoint *endpoint, uint32_t ms, uint64_t now_ms);
/* Reports the result of a probe; err is NULL if the endpoint answered. */
void endpoint_probed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms);

/* --- attachment_queue.c ------------------------------------------------------
 *
 * The deliveries of one attachment that wait, and whether the endpoint permits
 * them. The attachments of a registration take turns.
 */

TAILQ_HEAD(deliveries, delivery);

enum permission {
    PERMISSION_UNKNOWN,
    PERMISSION_GIVEN,
    PERMISSION_REFUSED, /* several attempts in a row: the attachment is held */
};

struct attachment_queue {
    TAILQ_ENTRY(attachment_queue) link; /* in `waiting`, while count > 0 */
    const struct attachment *attachment;
    struct registration_queue *queue;
    struct attachment_queue *successor; /* as in struct endpoint */
    /* Deliveries in DELIVERY_WAITING. Those that were refused before have a
     * queue of their own, and the two queues take turns, so that a delivery
     * whose path is refused does not delay the others. */
    struct deliveries fresh;
    struct deliveries refused;
    size_t count; /* of both */
    bool refused_is_next;
    size_t in_flight; /* includes predecessors, as `load` does */
    size_t load;      /* deliveries without an outcome */
    bool has_shed;    /* some of its records were shed, to be read again */
    enum permission permission;
    bool is_reported;      /* the operator knows that it is held by itself */
    unsigned refusals;     /* consecutive */
    uint64_t accepted;     /* queue->accepted at the first of these refusals */
    int64_t held_since_ms; /* wall-clock time */
    struct error refusal;  /* the latest; why it is held */
};

void attachment_queue_init(struct attachment_queue *attachment_queue,
                           const struct attachment *attachment,
                           struct registration_queue *queue);
/* Count a delivery, from scheduler_enqueue() to its end. */
void attachment_queue_enter(struct attachment_queue *attachment_queue);
void attachment_queue_leave(struct attachment_queue *attachment_queue);
/* Count an attempt that begins or has ended. */
void attachment_queue_begin(struct attachment_queue *attachment_queue);
void attachment_queue_end(struct attachment_queue *attachment_queue);
void attachment_queue_push(struct attachment_queue *attachment_queue,
                           struct delivery *delivery);
void attachment_queue_remove(struct attachment_queue *attachment_queue,
                             struct delivery *delivery);
/* True if it is held, by itself or with its whole registration. */
bool attachment_queue_is_held(const struct attachment_queue *attachment_queue);

/* --- registration_queue.c ----------------------------------------------------
 */

struct registration_queue {
    const struct registration *registration;
    struct endpoint *endpoint;
    struct registration_queue *successor; /* as in struct endpoint */
    size_t max_in_flight;
    size_t in_flight; /* includes predecessors, as `load` does */
    size_t load;      /* deliveries without an outcome */
    TAILQ_HEAD(, attachment_queue) waiting; /* in the order of their turns */
    size_t backlog_count;                   /* deliveries in DELIVERY_WAITING */
    struct attachment_queue *attachments;   /* of this registration */
    size_t attachment_count;
    uint64_t accepted; /* number of attempts that succeeded */
    /* Everything that was tried is refused; the attachments say why. */
    bool held;
    uint64_t hold_until_ms;
    uint64_t fresh_until_ms; /* the same for what was not refused before */
    size_t ended;            /* attempts since the last tick */
    double ended_per_s;      /* attempts per second, smoothed */
    /* The rest is for the status page and the metrics. No decision depends on
     * it. */
    int64_t held_since_ms;   /* wall-clock time */
    int64_t last_error_ms;   /* wall-clock time */
    struct error refusal;    /* why it is held */
    struct error last_error; /* of its last failed attempt */
    struct registration_counts counts;
};

/* The caller adds the queues of its attachments, which must outlive it. */
void registration_queue_init(struct registration_queue *queue,
                             const struct registration *registration,
                             size_t max_in_flight,
                             struct attachment_queue *attachments);
/* Takes the next delivery that may begin; NULL if there is none. */
struct delivery *registration_queue_next(struct registration_queue *queue,
                                         uint64_t now_ms);
/* Returns when another attempt may begin although nothing else changes; 0 if it
 * does not depend on the time. */
uint64_t registration_queue_due_ms(const struct registration_queue *queue,
                                   uint64_t now_ms);

/* What a refusal has changed */
enum held { HELD_NOTHING, HELD_ATTACHMENT, HELD_REGISTRATION };

/* Reports that an attempt was refused for lack of permission, or because the
 * endpoint accepts nothing of the registration. `pauses` are those before
 * another attempt that was refused before, and before one that was not, while
 * the registration is held. */
enum held registration_queue_refused(struct attachment_queue *attachment_queue,
                                     const struct error *err, uint64_t now_ms,
                                     const uint64_t pauses[2]);
/* Reports a success. Returns what was held until now. */
enum held registration_queue_accepted(
    struct attachment_queue *attachment_queue);
struct registration_queue *registration_queue_newest(
    struct registration_queue *queue); /* as endpoint_newest() */
/* True if a reload has replaced the configuration of this queue. */
bool registration_queue_is_replaced(const struct registration_queue *queue);

#endif
