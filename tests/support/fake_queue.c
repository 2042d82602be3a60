#include "fake_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/batch.h"
#include "waybill/alloc.h"

struct queue {
    struct fake_queue fake;
};

static struct queue *opened;

struct fake_queue *fake_queue(void)
{
    return &opened->fake;
}

/* --- what the service calls -------------------------------------------------
 */

int queue_open(struct loop *loop, const struct queue_options *options,
               const struct queue_handler *handler, void *payload,
               struct queue **ret_queue, struct error *err)
{
    opened = mem_zalloc(sizeof(*opened));
    opened->fake.handler = handler;
    opened->fake.payload = payload;
    for (size_t i = 0; i < FAKE_PARTITIONS; i++) {
        opened->fake.rewound[i] = -1;
    }
    *ret_queue = opened;
    return 0;
}

void queue_close(struct queue *queue)
{
    queue->fake.closing = true;
}

void queue_free(struct queue *queue)
{
    if (queue != NULL) {
        queue_batch_free(queue->fake.batch);
        mem_free(queue);
        opened = NULL;
    }
}

void queue_pause(struct queue *queue)
{
    queue->fake.paused = true;
}

void queue_resume(struct queue *queue)
{
    queue->fake.paused = false;
}

void queue_pause_partition(struct queue *queue,
                           const struct queue_partition *at)
{
    queue->fake.resting[at->partition] = true;
}

void queue_resume_partition(struct queue *queue,
                            const struct queue_partition *at)
{
    queue->fake.resting[at->partition] = false;
}

void queue_rewind(struct queue *queue, const struct queue_partition *at,
                  int64_t offset)
{
    queue->fake.rewound[at->partition] = offset;
    queue->fake.rewinds++;
}

int64_t queue_position(struct queue *queue, const struct queue_partition *at)
{
    return -1;
}

void queue_get_bounds(struct queue *queue, const struct queue_partition *at,
                      struct queue_bounds *ret_bounds)
{
    *ret_bounds = queue->fake.bounds;
}

void queue_get_state(const struct queue *queue, struct queue_state *ret_state)
{
    *ret_state = queue->fake.state;
}

void queue_release(struct queue *queue)
{
    queue->fake.releases++;
}

void queue_commit(struct queue *queue, struct queue_batch *batch)
{
    struct fake_queue *fake = &queue->fake;

    if (fake->committing || batch->offset_count > FAKE_PARTITIONS) {
        abort();
    }
    queue_batch_free(fake->batch);
    fake->batch = batch;
    fake->committing = true;
    fake->commits++;
    fake->messages = batch->message_count;
    fake->offsets = batch->offset_count;
    for (size_t i = 0; i < batch->offset_count; i++) {
        const struct queue_position *from = &batch->offsets[i];

        fake->positions[i].partition = from->at.partition;
        fake->positions[i].offset = from->offset;
        snprintf(fake->positions[i].metadata,
                 sizeof(fake->positions[i].metadata), "%s", from->metadata);
    }
}

bool queue_is_committing(const struct queue *queue)
{
    return queue->fake.committing;
}

/* --- what the test calls ----------------------------------------------------
 */

void fake_assign(int32_t partition, int64_t offset, const char *metadata)
{
    struct queue_position position = {
        {FAKE_TOPIC, partition}, offset, metadata};

    opened->fake.handler->assigned(opened->fake.payload, &position, 1);
}

void fake_revoke(int32_t partition, bool lost)
{
    struct queue_partition at = {FAKE_TOPIC, partition};

    opened->fake.resting[partition] = false;
    opened->fake.handler->revoked(opened->fake.payload, &at, 1, lost);
}

bool fake_record(int32_t partition, int64_t offset, const char *value)
{
    struct input input = {
        .message = {.topic = FAKE_TOPIC,
                    .value = {(const unsigned char *)value, strlen(value)}},
        .partition = partition,
        .offset = offset,
    };

    if (opened->fake.paused || opened->fake.resting[partition]) {
        return false;
    }
    opened->fake.handler->record(opened->fake.payload, &input);
    return true;
}

void fake_commit_ends(enum queue_verdict verdict, size_t message)
{
    struct queue_result result = {.verdict = verdict, .message = message};

    if (!opened->fake.committing) {
        abort();
    }
    if (verdict != QUEUE_COMMITTED) {
        error_set(&result.err, ERROR_UNAVAILABLE, "as the test said");
    }
    opened->fake.committing = false;
    opened->fake.handler->committed(opened->fake.payload, &result);
}

void fake_close_ends(void)
{
    opened->fake.handler->closed(opened->fake.payload);
}
