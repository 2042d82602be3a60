#include <string.h>

#include "scheduler.h"

/*
 * What the scheduler of one configuration hands on to that of the next: what
 * has been counted of a registration, and what has been learned of an endpoint,
 * both by kind and name.
 *
 * Who changes a configuration may have fixed something. So what is held, or
 * down, is tried at once, but as carefully as before: a held registration with
 * one delivery, an endpoint that is down with a probe. Only a pause that the
 * endpoint has asked for stays what it is.
 */

static void hand_on_limit(const struct limiter *from, struct limiter *to)
{
    double max = to->max;

    *to = *from;
    to->max = max;
    to->limit = from->limit < max ? from->limit : max;
}

static void hand_on_endpoint(struct endpoint *from, struct endpoint *to)
{
    from->successor = to;
    to->in_flight = from->in_flight;
    to->load = from->load;
    to->budget = from->budget;
    to->rate = from->rate;
    to->pause_until_ms = from->pause_until_ms;
    to->down_since_ms = from->down_since_ms;
    to->breaker = from->breaker;
    to->breaker.probe_ms = loop_now(from->scheduler->options->loop);
    hand_on_limit(&from->limiter, &to->limiter);
}

static void hand_on_queue(struct registration_queue *from,
                          struct registration_queue *to)
{
    from->successor = to;
    to->in_flight = from->in_flight;
    to->load = from->load;
    to->refusals = from->refusals;
    to->held = from->held;
    to->hold_until_ms = loop_now(to->endpoint->scheduler->options->loop);
    to->ended = from->ended;
    to->ended_per_s = from->ended_per_s;
    to->held_since_ms = from->held_since_ms;
    to->last_error_ms = from->last_error_ms;
    to->last_error = from->last_error;
    to->counts = from->counts;
}

static bool is_same(const struct registration *a, const struct registration *b)
{
    return strcmp(a->name, b->name) == 0 &&
           strcmp(a->integration, b->integration) == 0;
}

static void hand_on_queues(struct scheduler *from, struct scheduler *to)
{
    for (size_t i = 0; i < from->queue_count; i++) {
        for (size_t j = 0; j < to->queue_count; j++) {
            if (is_same(from->queues[i].registration,
                        to->queues[j].registration)) {
                hand_on_queue(&from->queues[i], &to->queues[j]);
            }
        }
    }
}

static void hand_on_endpoints(struct scheduler *from, struct scheduler *to)
{
    struct endpoint *old;
    struct endpoint *new;

    scheduler_stop_probing(from);
    STAILQ_FOREACH(old, &from->endpoints, link)
    {
        STAILQ_FOREACH(new, &to->endpoints, link)
        {
            if (old->class == new->class &&strcmp(old->name, new->name) == 0) {
                hand_on_endpoint(old, new);
            }
        }
    }
}

/* What has been shed may be anybody's by the new plan. */
static void hand_on_shed(const struct scheduler *from, struct scheduler *to)
{
    bool has_shed = shed_has_shed(from);

    for (size_t i = 0; i < to->queue_count; i++) {
        to->queues[i].has_shed |= has_shed;
    }
}

void scheduler_succeed(struct scheduler *scheduler, struct scheduler *from,
                       loop_fn *idle, void *payload)
{
    hand_on_queues(from, scheduler);
    hand_on_endpoints(from, scheduler);
    hand_on_shed(from, scheduler);
    from->replaced = true;
    scheduler_drain(from, idle, payload);
}
