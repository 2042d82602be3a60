#include <string.h>

#include "scheduler.h"

/*
 * Transfers the state of a scheduler to that of the next configuration: the
 * counters of registrations and what was learned of endpoints, matched by kind
 * and name.
 *
 * The operator may have changed the configuration to fix a problem. Therefore
 * what is held or down is tried at once, but with the usual care: a held
 * registration with one delivery, an endpoint that is down with a probe. Only a
 * pause that the endpoint has asked for remains in effect.
 */

static void transfer_limit(const struct limiter *from, struct limiter *to)
{
    double max = to->max;

    *to = *from;
    to->max = max;
    to->limit = from->limit < max ? from->limit : max;
}

static void transfer_endpoint(struct endpoint *from, struct endpoint *to)
{
    from->successor = to;
    to->in_flight = from->in_flight;
    to->load = from->load;
    to->budget = from->budget;
    to->rate = from->rate;
    to->pause_until_ms = from->pause_until_ms;
    to->paused_since_ms = from->paused_since_ms;
    to->down_since_ms = from->down_since_ms;
    to->breaker = from->breaker;
    to->breaker.probe_ms = loop_now(from->scheduler->options->loop);
    transfer_limit(&from->limiter, &to->limiter);
}

static void transfer_queue(struct registration_queue *from,
                           struct registration_queue *to)
{
    from->successor = to;
    to->in_flight = from->in_flight;
    to->load = from->load;
    to->accepted = from->accepted;
    to->held = from->held;
    to->refusal = from->refusal;
    to->hold_until_ms = loop_now(to->endpoint->scheduler->options->loop);
    to->fresh_until_ms = to->hold_until_ms;
    to->ended = from->ended;
    to->ended_per_s = from->ended_per_s;
    to->held_since_ms = from->held_since_ms;
    to->last_error_ms = from->last_error_ms;
    to->last_error = from->last_error;
    to->counts = from->counts;
}

static void transfer_attachment(struct attachment_queue *from,
                                struct attachment_queue *to)
{
    from->successor = to;
    to->in_flight = from->in_flight;
    to->load = from->load;
    to->permission = from->permission;
    to->refusals = from->refusals;
    to->accepted = from->accepted;
    to->held_since_ms = from->held_since_ms;
    to->refusal = from->refusal;
}

static void transfer_attachments(struct registration_queue *from,
                                 struct registration_queue *to)
{
    for (size_t i = 0; i < from->attachment_count; i++) {
        for (size_t j = 0; j < to->attachment_count; j++) {
            if (strcmp(from->attachments[i].attachment->name,
                       to->attachments[j].attachment->name) == 0) {
                transfer_attachment(&from->attachments[i], &to->attachments[j]);
            }
        }
    }
}

static bool is_same(const struct registration *a, const struct registration *b)
{
    return strcmp(a->name, b->name) == 0 &&
           strcmp(a->integration, b->integration) == 0;
}

static void transfer_queues(struct scheduler *from, struct scheduler *to)
{
    for (size_t i = 0; i < from->queue_count; i++) {
        for (size_t j = 0; j < to->queue_count; j++) {
            if (is_same(from->queues[i].registration,
                        to->queues[j].registration)) {
                transfer_queue(&from->queues[i], &to->queues[j]);
                transfer_attachments(&from->queues[i], &to->queues[j]);
            }
        }
    }
}

static void transfer_endpoints(struct scheduler *from, struct scheduler *to)
{
    struct endpoint *old;
    struct endpoint *new;

    scheduler_stop_probing(from);
    STAILQ_FOREACH(old, &from->endpoints, link)
    {
        STAILQ_FOREACH(new, &to->endpoints, link)
        {
            if (old->class == new->class &&strcmp(old->name, new->name) == 0) {
                transfer_endpoint(old, new);
            }
        }
    }
}

/* Under the new plan the shed records may belong to any registration. */
static void transfer_shed(const struct scheduler *from, struct scheduler *to)
{
    bool has_shed = shed_has_shed(from);

    for (size_t i = 0; i < to->attachment_count; i++) {
        to->attachments[i].has_shed |= has_shed;
    }
}

void scheduler_succeed(struct scheduler *scheduler, struct scheduler *from,
                       loop_fn *idle, void *payload)
{
    transfer_queues(from, scheduler);
    transfer_endpoints(from, scheduler);
    transfer_shed(from, scheduler);
    from->replaced = true;
    scheduler_drain(from, idle, payload);
}
