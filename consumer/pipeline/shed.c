#include "scheduler.h"

static bool is_stuck(const struct attachment_queue *attachment_queue)
{
    const struct endpoint *endpoint = attachment_queue->queue->endpoint;

    return attachment_queue_is_held(attachment_queue) ||
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

bool shed_may_shed(const struct attachment_queue *attachment_queue)
{
    const struct registration_queue *queue = attachment_queue->queue;

    return is_stuck(attachment_queue) ||
           (exceeds_max_wait(queue) && queue->load > share_of_slow(queue));
}

/* An attachment or a registration without any record in memory could not find
 * out that it is permitted again, or that its endpoint works again. */
static bool nobody_would_notice(const struct attachment_queue *attachment_queue)
{
    return attachment_queue->permission == PERMISSION_REFUSED
               ? attachment_queue->load == 0
               : attachment_queue->queue->load == 0;
}

static bool should_be_read_again(
    const struct attachment_queue *attachment_queue)
{
    const struct registration_queue *queue = attachment_queue->queue;

    return attachment_queue->has_shed &&
           (nobody_would_notice(attachment_queue) ||
            (!is_stuck(attachment_queue) &&
             queue->load <= share_of_slow(queue) / 2));
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

static bool any(const struct scheduler *scheduler,
                bool (*is)(const struct attachment_queue *attachment_queue),
                bool expected)
{
    for (size_t i = 0; i < scheduler->attachment_count; i++) {
        if (is(&scheduler->attachments[i]) == expected) {
            return true;
        }
    }
    return false;
}

bool shed_is_worth_it(const struct scheduler *scheduler)
{
    return any(scheduler, shed_may_shed, false);
}

static bool has_shed(const struct attachment_queue *attachment_queue)
{
    return attachment_queue->has_shed;
}

bool shed_has_shed(const struct scheduler *scheduler)
{
    return any(scheduler, has_shed, true);
}

bool shed_wants_back(const struct scheduler *scheduler)
{
    return any(scheduler, should_be_read_again, true);
}

void shed_note_read_again(struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->attachment_count; i++) {
        struct attachment_queue *attachment_queue = &scheduler->attachments[i];

        attachment_queue->has_shed = attachment_queue->has_shed &&
                                     !should_be_read_again(attachment_queue);
    }
}
