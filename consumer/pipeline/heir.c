#include <string.h>

#include "pipeline_internal.h"

/*
 * What one configuration hands on to the next: what has been counted of a
 * registration, and what has been learnt of a host, both by their names.
 *
 * Who changes a configuration may have mended something. So what is held, or
 * down, is tried at once, but as carefully as before: a held registration with
 * one delivery, a host that is down with a probe.
 */

static void hand_on_limit(const struct limiter *from, struct limiter *to)
{
    double most = to->most;

    *to = *from;
    to->most = most;
    to->limit = from->limit < most ? from->limit : most;
}

static void hand_on_host(struct host *from, struct host *to)
{
    from->heir = to;
    to->running = from->running;
    to->load = from->load;
    to->budget = from->budget;
    to->not_before_ms = from->not_before_ms;
    to->down_since_ms = from->down_since_ms;
    to->breaker = from->breaker;
    to->breaker.probe_ms = loop_now(from->pipeline->options.loop);
    hand_on_limit(&from->limiter, &to->limiter);
}

static void hand_on_lane(struct lane *from, struct lane *to)
{
    from->heir = to;
    to->running = from->running;
    to->load = from->load;
    to->refusals = from->refusals;
    to->held = from->held;
    to->hold_until_ms = loop_now(to->host->pipeline->options.loop);
    to->ended = from->ended;
    to->rate = from->rate;
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

static void hand_on_lanes(struct pipeline *from, struct pipeline *to)
{
    for (size_t i = 0; i < from->options.settings->registration_count; i++) {
        for (size_t j = 0; j < to->options.settings->registration_count; j++) {
            if (is_same(from->lanes[i].registration,
                        to->lanes[j].registration)) {
                hand_on_lane(&from->lanes[i], &to->lanes[j]);
            }
        }
    }
}

static void hand_on_hosts(struct pipeline *from, struct pipeline *to)
{
    struct host *old;
    struct host *new;

    STAILQ_FOREACH(old, &from->hosts, link)
    {
        host_rest(old);
        STAILQ_FOREACH(new, &to->hosts, link)
        {
            if (strcmp(old->name, new->name) == 0) {
                hand_on_host(old, new);
            }
        }
    }
}

/* What has been dropped may be anybody's by the new plan. */
static void hand_on_parked(const struct pipeline *from, struct pipeline *to)
{
    if (!pipeline_has_parked(from)) {
        return;
    }
    for (size_t i = 0; i < to->options.settings->registration_count; i++) {
        to->lanes[i].parked = true;
    }
}

void pipeline_inherit(struct pipeline *pipeline, struct pipeline *from,
                      loop_fn *idle, void *payload)
{
    hand_on_lanes(from, pipeline);
    hand_on_hosts(from, pipeline);
    hand_on_parked(from, pipeline);
    from->retired = true;
    pipeline_drain(from, idle, payload);
}
