#include "scheduler.h"

#include "waybill/alloc.h"

/*
 * The state of an endpoint, and what follows from it. Nothing is sent while the
 * endpoint is down or has asked for a pause, nor faster than its rate limit,
 * nor with more concurrency than it sustains. Its queues take turns. Nothing in
 * this file starts an attempt or a probe.
 */

static const struct pipeline_options *options_of(
    const struct endpoint *endpoint)
{
    return endpoint->scheduler->options;
}

static void get_breaker_pauses(const struct endpoint *endpoint,
                               uint64_t ret_pauses[2])
{
    const struct delivery_settings *settings =
        &options_of(endpoint)->settings->delivery;

    ret_pauses[0] = settings->backoff_initial_ms;
    ret_pauses[1] = settings->backoff_max_ms;
}

/* --- when an attempt may begin -----------------------------------------------
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
        uint64_t at = registration_queue_due_ms(endpoint->queues[i], now_ms);

        if (at > 0 && at < due) {
            due = at;
        }
    }
    return due == UINT64_MAX ? 0 : due;
}

/* A longer Retry-After makes the records of this endpoint candidates for load
 * shedding. */
#define LONG_PAUSE_MS 2000

bool endpoint_is_stuck(const struct endpoint *endpoint, uint64_t now_ms)
{
    return endpoint->breaker.open ||
           endpoint->pause_until_ms > now_ms + LONG_PAUSE_MS;
}

/* --- which delivery is next --------------------------------------------------
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
        struct delivery *delivery = registration_queue_next(
            endpoint->queues[endpoint->next_queue], now_ms);

        endpoint->next_queue =
            (endpoint->next_queue + 1) % endpoint->queue_count;
        if (delivery != NULL) {
            return delivery;
        }
    }
    return NULL;
}

static struct delivery *first_aged(const struct deliveries *deliveries)
{
    struct delivery *delivery;

    TAILQ_FOREACH(delivery, deliveries, link)
    {
        if (retry_is_aged(delivery)) {
            break;
        }
    }
    return delivery;
}

static struct delivery *next_aged_of(const struct registration_queue *queue)
{
    struct attachment_queue *attachment_queue;

    TAILQ_FOREACH(attachment_queue, &queue->waiting, link)
    {
        struct delivery *delivery = first_aged(&attachment_queue->fresh);

        if (delivery == NULL) {
            delivery = first_aged(&attachment_queue->refused);
        }
        if (delivery != NULL) {
            attachment_queue_remove(attachment_queue, delivery);
            return delivery;
        }
    }
    return NULL;
}

struct delivery *endpoint_next_aged(struct endpoint *endpoint)
{
    struct delivery *delivery = NULL;

    for (size_t i = 0; i < endpoint->queue_count && delivery == NULL; i++) {
        delivery = next_aged_of(endpoint->queues[i]);
    }
    return delivery;
}

/* --- results of attempts and probes ------------------------------------------
 */

void endpoint_succeeded(struct endpoint *endpoint, uint64_t now_ms)
{
    endpoint->is_tried = false;
    limiter_succeeded(&endpoint->limiter, endpoint->in_flight);
    rate_accepted(&endpoint->rate, now_ms);
    breaker_succeeded(&endpoint->breaker);
}

/* `waybill push` opens no breaker and does not pause an endpoint: a person
 * waits, and it attempts what it was asked to. */
void endpoint_pause(struct endpoint *endpoint, uint32_t ms, uint64_t now_ms)
{
    if (!scheduler_is_service(endpoint->scheduler)) {
        return;
    }
    if (endpoint->pause_until_ms <= now_ms) {
        endpoint->paused_since_ms = now_ms;
    }
    endpoint->pause_until_ms = later(endpoint->pause_until_ms, now_ms + ms);
}

bool endpoint_failed(struct endpoint *endpoint, const struct error *err,
                     uint64_t now_ms)
{
    struct random *random = options_of(endpoint)->random;
    uint64_t pauses[2];

    limiter_overloaded(&endpoint->limiter, now_ms);
    if (!scheduler_is_service(endpoint->scheduler)) {
        return false;
    }
    endpoint_pause(endpoint, err->retry_after_ms, now_ms);
    if (err->kind == ERROR_RATE_LIMITED) {
        /* The endpoint is up and says when to come back. A delivery that was
         * alone cannot have exceeded a rate. */
        if (endpoint->load > 1) {
            rate_refused(&endpoint->rate, now_ms);
        }
        return false;
    }
    get_breaker_pauses(endpoint, pauses);
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

    get_breaker_pauses(endpoint, pauses);
    breaker_probed(&endpoint->breaker, err == NULL, now_ms, pauses,
                   options_of(endpoint)->random);
    if (err != NULL) {
        endpoint_pause(endpoint, err->retry_after_ms, now_ms);
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
    /* Each registration may use the full configured concurrency. */
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
