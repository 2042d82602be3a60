#include "scheduler.h"

void attachment_queue_init(struct attachment_queue *attachment_queue,
                           const struct attachment *attachment,
                           struct registration_queue *queue)
{
    *attachment_queue = (struct attachment_queue){
        .attachment = attachment,
        .queue = queue,
    };
    TAILQ_INIT(&attachment_queue->fresh);
    TAILQ_INIT(&attachment_queue->refused);
}

/* --- counts ------------------------------------------------------------------
 *
 * Successors include what began under earlier configurations, because a reload
 * does not increase what an endpoint sustains.
 */

void attachment_queue_enter(struct attachment_queue *attachment_queue)
{
    attachment_queue->load++;
    attachment_queue->queue->load++;
    attachment_queue->queue->endpoint->load++;
}

void attachment_queue_leave(struct attachment_queue *attachment_queue)
{
    struct registration_queue *queue = attachment_queue->queue;
    struct endpoint *endpoint = queue->endpoint;

    for (; endpoint != NULL; endpoint = endpoint->successor) {
        endpoint->load--;
    }
    for (; queue != NULL; queue = queue->successor) {
        queue->load--;
    }
    for (; attachment_queue != NULL;
         attachment_queue = attachment_queue->successor) {
        attachment_queue->load--;
    }
}

void attachment_queue_begin(struct attachment_queue *attachment_queue)
{
    struct registration_queue *queue = attachment_queue->queue;

    attachment_queue->in_flight++;
    queue->in_flight++;
    queue->endpoint->in_flight++;
    queue->endpoint->scheduler->in_flight++;
}

void attachment_queue_end(struct attachment_queue *attachment_queue)
{
    struct registration_queue *queue = attachment_queue->queue;
    struct endpoint *endpoint = queue->endpoint;

    endpoint->scheduler->in_flight--;
    for (; endpoint != NULL; endpoint = endpoint->successor) {
        endpoint->in_flight--;
    }
    for (; queue != NULL; queue = queue->successor) {
        queue->in_flight--;
    }
    for (; attachment_queue != NULL;
         attachment_queue = attachment_queue->successor) {
        attachment_queue->in_flight--;
    }
}

/* --- the backlog ------------------------------------------------------------
 */

static struct deliveries *list_of(struct attachment_queue *attachment_queue,
                                  const struct delivery *delivery)
{
    return delivery->refused ? &attachment_queue->refused
                             : &attachment_queue->fresh;
}

void attachment_queue_push(struct attachment_queue *attachment_queue,
                           struct delivery *delivery)
{
    struct registration_queue *queue = attachment_queue->queue;

    TAILQ_INSERT_TAIL(list_of(attachment_queue, delivery), delivery, link);
    queue->backlog_count++;
    if (attachment_queue->count++ == 0) {
        TAILQ_INSERT_TAIL(&queue->waiting, attachment_queue, link);
    }
}

void attachment_queue_remove(struct attachment_queue *attachment_queue,
                             struct delivery *delivery)
{
    struct registration_queue *queue = attachment_queue->queue;

    TAILQ_REMOVE(list_of(attachment_queue, delivery), delivery, link);
    queue->backlog_count--;
    if (--attachment_queue->count == 0) {
        TAILQ_REMOVE(&queue->waiting, attachment_queue, link);
    }
}

bool attachment_queue_is_held(const struct attachment_queue *attachment_queue)
{
    return attachment_queue->permission == PERMISSION_REFUSED ||
           attachment_queue->queue->held;
}
