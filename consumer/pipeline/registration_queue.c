#include "scheduler.h"

/* A single rejection may concern only this record (its repository, or a policy
 * of the registry). So many consecutive ones concern the credentials. */
#define MAX_REFUSALS 3

static const struct histogram_bounds duration_bounds = {
    12, {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120}};

void registration_queue_init(struct registration_queue *queue,
                             const struct registration *registration,
                             size_t max_in_flight)
{
    *queue = (struct registration_queue){.registration = registration,
                                         .max_in_flight = max_in_flight};
    TAILQ_INIT(&queue->backlog);
    histogram_init(&queue->counts.duration, &duration_bounds);
}

/* --- counts ------------------------------------------------------------------
 *
 * Successors include what began under earlier configurations, because a reload
 * does not increase what an endpoint sustains.
 */

void registration_queue_enter(struct registration_queue *queue)
{
    queue->load++;
    queue->endpoint->load++;
}

void registration_queue_leave(struct registration_queue *queue)
{
    struct endpoint *endpoint = queue->endpoint;

    for (; endpoint != NULL; endpoint = endpoint->successor) {
        endpoint->load--;
    }
    for (; queue != NULL; queue = queue->successor) {
        queue->load--;
    }
}

void registration_queue_begin(struct registration_queue *queue)
{
    queue->in_flight++;
    queue->endpoint->in_flight++;
    queue->endpoint->scheduler->in_flight++;
}

void registration_queue_end(struct registration_queue *queue)
{
    struct endpoint *endpoint = queue->endpoint;

    endpoint->scheduler->in_flight--;
    for (; endpoint != NULL; endpoint = endpoint->successor) {
        endpoint->in_flight--;
    }
    for (; queue != NULL; queue = queue->successor) {
        queue->in_flight--;
    }
}

/* --- the backlog ------------------------------------------------------------
 */

void registration_queue_push(struct registration_queue *queue,
                             struct delivery *delivery)
{
    TAILQ_INSERT_TAIL(&queue->backlog, delivery, link);
    queue->backlog_count++;
}

void registration_queue_remove(struct registration_queue *queue,
                               struct delivery *delivery)
{
    TAILQ_REMOVE(&queue->backlog, delivery, link);
    queue->backlog_count--;
}

/* While the queue is held, one delivery at a time finds out whether the
 * credentials work again. */
static bool may_begin(const struct registration_queue *queue, uint64_t now_ms)
{
    if (queue->held) {
        return queue->in_flight == 0 && now_ms >= queue->hold_until_ms;
    }
    return queue->in_flight < queue->max_in_flight;
}

struct delivery *registration_queue_next(struct registration_queue *queue,
                                         uint64_t now_ms)
{
    struct delivery *delivery = TAILQ_FIRST(&queue->backlog);

    if (delivery == NULL || !may_begin(queue, now_ms)) {
        return NULL;
    }
    registration_queue_remove(queue, delivery);
    return delivery;
}

/* --- credentials -------------------------------------------------------------
 */

bool registration_queue_refused(struct registration_queue *queue,
                                uint64_t until_ms)
{
    bool was_held = queue->held;

    queue->held = ++queue->refusals >= MAX_REFUSALS;
    queue->hold_until_ms = until_ms;
    return queue->held && !was_held;
}

bool registration_queue_accepted(struct registration_queue *queue)
{
    bool was_held = queue->held;

    queue->refusals = 0;
    queue->held = false;
    return was_held;
}

/* --- reload ------------------------------------------------------------------
 */

struct registration_queue *registration_queue_newest(
    struct registration_queue *queue)
{
    while (queue->successor != NULL) {
        queue = queue->successor;
    }
    return queue;
}

bool registration_queue_is_replaced(const struct registration_queue *queue)
{
    return queue->endpoint->scheduler->replaced;
}
