#include "scheduler.h"

#include "waybill/alloc.h"

/*
 * What is known of an endpoint, and what follows from it: nothing is sent there
 * while it is down, or has asked for a pause, or more often than it takes, and
 * no more at a time than it bears. Its queues take turns. Nothing here starts
 * anything.
 */

static const struct pipeline_options *options_of(
    const struct endpoint *endpoint)
{
    return endpoint->scheduler->options;
}

static void get_pauses(const struct endpoint *endpoint, uint64_t ret_pauses[2])
{
    const struct delivery_settings *settings =
        &options_of(endpoint)->settings->delivery;

    ret_pauses[0] = settings->backoff_initial_ms;
    ret_pauses[1] = settings->backoff_max_ms;
}

/* --- when -------------------------------------------------------------------
 */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t endpoint_not_before_ms(const struct endpoint *endpoint,
                                uint64_t now_ms)
{
    uint64_t time = rate_not_before_ms(&endpoint->rate, now_ms);

    time = later(time, endpoint->pause_until_ms);
    return endpoint->breaker.open ? later(time, endpoint->breaker.probe_ms)
                                  : time;
}

uint64_t endpoint_due_ms(const struct endpoint *endpoint, uint64_t now_ms)
{
    uint64_t due = endpoint_not_before_ms(endpoint, now_ms);

    if (due > now_ms) {
        return due;
    }
    due = UINT64_MAX;
    for (size_t i = 0; i < endpoint->queue_count; i++) {
        const struct registration_queue *queue = endpoint->queues[i];

        if (queue->backlog_count > 0 && queue->held && queue->in_flight == 0 &&
            queue->hold_until_ms > now_ms && queue->hold_until_ms < due) {
            due = queue->hold_until_ms;
        }
    }
    return due == UINT64_MAX ? 0 : due;
}

/* A pause that others would notice */
#define LONG_PAUSE_MS 2000

bool endpoint_is_stuck(const struct endpoint *endpoint, uint64_t now_ms)
{
    return endpoint->breaker.open ||
           endpoint->pause_until_ms > now_ms + LONG_PAUSE_MS;
}

/* --- which ------------------------------------------------------------------
 */

bool endpoint_has_backlog(const struct endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->queue_count; i++) {
        if (endpoint->queues[i]->backlog_count > 0) {
            return true;
        }
    }
    return false;
}

struct delivery *endpoint_next(struct endpoint *endpoint, uint64_t now_ms)
{
    for (size_t i = 0; i < endpoint->queue_count; i++) {
        struct delivery *delivery =
            registration_queue_next(endpoint->queues[endpoint->turn], now_ms);

        endpoint->turn = (endpoint->turn + 1) % endpoint->queue_count;
        if (delivery != NULL) {
            return delivery;
        }
    }
    return NULL;
}

struct delivery *endpoint_next_aged(struct endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->queue_count; i++) {
        struct registration_queue *queue = endpoint->queues[i];
        struct delivery *delivery;

        TAILQ_FOREACH(delivery, &queue->backlog, link)
        {
            if (retry_is_aged(delivery)) {
                registration_queue_remove(queue, delivery);
                return delivery;
            }
        }
    }
    return NULL;
}

/* --- learning ---------------------------------------------------------------
 */

void endpoint_succeeded(struct endpoint *endpoint, uint64_t now_ms)
{
    endpoint->is_tried = false;
    limiter_succeeded(&endpoint->limiter, endpoint->in_flight);
    rate_accepted(&endpoint->rate, now_ms);
    breaker_succeeded(&endpoint->breaker);
}

static void pause(struct endpoint *endpoint, const struct error *err,
                  uint64_t now_ms)
{
    endpoint->pause_until_ms =
        later(endpoint->pause_until_ms, now_ms + err->retry_after_ms);
}

/* Somebody waits for `waybill push`: it tries what it was told to. */
bool endpoint_failed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms)
{
    struct random *random = options_of(endpoint)->random;
    uint64_t pauses[2];

    limiter_overloaded(&endpoint->limiter, now_ms);
    if (!scheduler_is_service(endpoint->scheduler)) {
        return false;
    }
    pause(endpoint, err, now_ms);
    if (err->kind == ERROR_RATE_LIMITED) {
        /* It is there, and says when to come again. What comes alone does not
         * come too often. */
        if (endpoint->load > 1) {
            rate_refused(&endpoint->rate, now_ms);
        }
        return false;
    }
    get_pauses(endpoint, pauses);
    if (endpoint->is_tried) {
        endpoint->is_tried = false;
        breaker_probed(&endpoint->breaker, false, now_ms, pauses, random);
        return false;
    }
    return breaker_failed(&endpoint->breaker, now_ms, pauses, random);
}

void endpoint_probed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms)
{
    uint64_t pauses[2];

    get_pauses(endpoint, pauses);
    breaker_probed(&endpoint->breaker, err == NULL, now_ms, pauses,
                   options_of(endpoint)->random);
    if (err != NULL) {
        pause(endpoint, err, now_ms);
    }
}

/* --- life cycle -------------------------------------------------------------
 */

struct endpoint *endpoint_new(struct scheduler *scheduler, const char *name,
                              const struct registration *registration)
{
    const struct pipeline_options *options = scheduler->options;
    struct endpoint *endpoint = mem_zalloc(sizeof(*endpoint));

    endpoint->scheduler = scheduler;
    endpoint->class = integration_class_for(registration);
    endpoint->name = name;
    endpoint->registration = registration;
    limiter_init(&endpoint->limiter, options->settings->delivery.concurrency);
    budget_init(&endpoint->budget, loop_now(options->loop));
    STAILQ_INSERT_TAIL(&scheduler->endpoints, endpoint, link);
    return endpoint;
}

void endpoint_add_queue(struct endpoint *endpoint,
                        struct registration_queue *queue)
{
    size_t capacity = endpoint->queue_count;

    endpoint->queues =
        mem_grow(endpoint->queues, &capacity, endpoint->queue_count + 1,
                 sizeof(struct registration_queue *));
    endpoint->queues[endpoint->queue_count++] = queue;
    queue->endpoint = endpoint;
    /* Each registration may use as much as it is configured to. */
    endpoint->limiter.max =
        (double)(queue->max_in_flight * endpoint->queue_count);
}

void endpoint_free(struct endpoint *endpoint)
{
    mem_free(endpoint->queues);
    mem_free(endpoint);
}

struct endpoint *endpoint_newest(struct endpoint *endpoint)
{
    while (endpoint->successor != NULL) {
        endpoint = endpoint->successor;
    }
    return endpoint;
}
