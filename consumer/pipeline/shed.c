#include "scheduler.h"

static bool is_stuck(const struct registration_queue *queue)
{
    const struct endpoint *endpoint = queue->endpoint;

    return queue->held ||
           endpoint_is_stuck(endpoint,
                             loop_now(endpoint->scheduler->options->loop));
}

static size_t part_of_max_records(const struct registration_queue *queue,
                                  size_t part)
{
    return queue->endpoint->scheduler->options->settings->delivery.max_records /
           part;
}

/* A queue whose load takes longer than this counts as slow. */
#define MAX_WAIT_S 2

static bool exceeds_max_wait(const struct registration_queue *queue)
{
    return (double)queue->load > queue->ended_per_s * MAX_WAIT_S;
}

static bool is_slow(const struct registration_queue *queue)
{
    return exceeds_max_wait(queue) &&
           queue->load > part_of_max_records(queue, 16);
}

/* All slow queues together may use half of max_records, in equal shares. */
static size_t share_of_slow(const struct registration_queue *queue)
{
    size_t slow = queue->endpoint->scheduler->slow;

    return part_of_max_records(queue, 2 * (slow > 1 ? slow : 1));
}

bool shed_may_shed(const struct registration_queue *queue)
{
    return is_stuck(queue) ||
           (exceeds_max_wait(queue) && queue->load > share_of_slow(queue));
}

/* A queue without any record in memory could not find out that its endpoint
 * works again. */
static bool should_be_read_again(const struct registration_queue *queue)
{
    return queue->has_shed &&
           (queue->load == 0 ||
            (!is_stuck(queue) && queue->load <= share_of_slow(queue) / 2));
}

void shed_tick(struct scheduler *scheduler)
{
    scheduler->slow = 0;
    for (size_t i = 0; i < scheduler->queue_count; i++) {
        struct registration_queue *queue = &scheduler->queues[i];

        queue->ended_per_s = (queue->ended_per_s + (double)queue->ended) / 2;
        queue->ended = 0;
        scheduler->slow += is_slow(queue);
    }
}

bool shed_is_worth_it(const struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->queue_count; i++) {
        if (!shed_may_shed(&scheduler->queues[i])) {
            return true;
        }
    }
    return false;
}

bool shed_has_shed(const struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->queue_count; i++) {
        if (scheduler->queues[i].has_shed) {
            return true;
        }
    }
    return false;
}

bool shed_wants_back(const struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->queue_count; i++) {
        if (should_be_read_again(&scheduler->queues[i])) {
            return true;
        }
    }
    return false;
}

void shed_note_read_again(struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->queue_count; i++) {
        struct registration_queue *queue = &scheduler->queues[i];

        queue->has_shed = queue->has_shed && !should_be_read_again(queue);
    }
}
