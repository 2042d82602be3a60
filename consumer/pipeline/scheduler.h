#ifndef WAYBILL_SCHEDULER_H
#define WAYBILL_SCHEDULER_H

#include "delivery.h"
#include "endpoint.h"
#include "waybill/pipeline.h"

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
 * An attachment queue holds the deliveries of one attachment in the order of
 * their arrival. A registration queue consists of the queues of its
 * attachments, which take turns. An endpoint is what the queues of all
 * registrations with the same integration and the same address share. A slow
 * endpoint fills only its own queues, an endpoint that is down holds back only
 * its own queues, rejected credentials hold back one registration, and a path
 * without permission holds back one attachment.
 *
 * dispatch() starts attempts for one endpoint whenever something has changed
 * for it: a delivery was added, an attempt or a probe ended, or a timer
 * expired. It asks the endpoint (endpoint.c, with the policies of policy.h)
 * whether an attempt may begin now, and takes a delivery from the queues
 * (registration_queue.c) in round-robin order. The result of an attempt updates
 * the endpoint and the queue, retry.c decides whether and when another attempt
 * follows, and hold.c what is held. shed.c decides whose records are shed when
 * memory is short, and successor.c transfers the state to the scheduler of the
 * next configuration.
 */
struct delivery;
struct record;

/* --- scheduler.c -------------------------------------------------------------
 */

struct scheduler {
    const struct pipeline_options *options;
    struct integration_set *integrations;
    struct registration_queue *queues; /* indexed as settings->registrations */
    size_t queue_count;
    struct attachment_queue *attachments; /* grouped by registration */
    size_t attachment_count;
    /* the same, indexed as settings->attachments */
    struct attachment_queue **attachment_index;
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
struct attachment_queue *scheduler_attachment_queue(
    const struct scheduler *scheduler, const struct attachment *attachment);

/* Schedules a new delivery. Its attachment, queues, integration and slot must
 * be set. */
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
/* Ends the delivery as failed if its registration or its attachment is held for
 * lack of permission, and has been for max_age: called if the delivery keeps
 * others waiting. Returns true if it has ended. */
bool scheduler_expire(struct delivery *delivery);
/* Prevents further attempts of all deliveries. idle() is called once, from the
 * loop, when no attempt is in flight. */
void scheduler_drain(struct scheduler *scheduler, loop_fn *idle, void *payload);
/* Cancels all probes and their timers. */
void scheduler_stop_probing(struct scheduler *scheduler);

/* --- hold.c ------------------------------------------------------------------
 *
 * What an attempt says about the permissions of its attachment and of its
 * registration, and the log of it
 */

/* Reports that an attempt was refused for lack of permission, or because the
 * endpoint accepts nothing at present. */
void hold_refused(struct delivery *delivery, const struct error *err);
void hold_accepted(struct delivery *delivery);
/* If the delivery has waited for a permission for max_age, returns the error
 * that it waits for; otherwise NULL. */
const struct error *hold_expired(const struct delivery *delivery);

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
 * (its endpoint is down or paused, or it is held), or because its registration
 * is slow and exceeds its share of the half of max_records that slow
 * queues may use. */
bool shed_may_shed(const struct attachment_queue *attachment_queue);
/* True if shed records of some registration should be read again now. */
bool shed_wants_back(const struct scheduler *scheduler);
/* True if shed records of any registration have not been read again. */
bool shed_has_shed(const struct scheduler *scheduler);
/* Notes that reading again has begun for the registrations that wanted it. */
void shed_note_read_again(struct scheduler *scheduler);

#endif
