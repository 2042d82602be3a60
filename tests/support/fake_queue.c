#include "fake_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/batch.h"
#include "waybill/alloc.h"

struct kafka {
    struct fake_queue fake;
};

static struct kafka *opened;

struct fake_queue *fake_queue(void)
{
    return &opened->fake;
}

/* --- what the service calls -------------------------------------------------
 */

int kafka_open(struct loop *loop, const struct kafka_options *options,
               const struct kafka_handler *handler, void *payload,
               struct kafka **ret_queue, struct error *err)
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

void kafka_stop_checks(struct kafka *queue)
{
    queue->fake.checks_stopped = true;
}

void kafka_close(struct kafka *queue)
{
    queue->fake.closing = true;
}

void kafka_free(struct kafka *queue)
{
    if (queue != NULL) {
        kafka_batch_free(queue->fake.batch);
        mem_free(queue);
        opened = NULL;
    }
}

void kafka_pause(struct kafka *queue)
{
    queue->fake.paused = true;
}

void kafka_resume(struct kafka *queue)
{
    queue->fake.paused = false;
}

void kafka_pause_partition(struct kafka *queue,
                           const struct kafka_partition *at)
{
    queue->fake.resting[at->partition] = true;
}

void kafka_resume_partition(struct kafka *queue,
                            const struct kafka_partition *at)
{
    queue->fake.resting[at->partition] = false;
}

void kafka_rewind(struct kafka *queue, const struct kafka_partition *at,
                  int64_t offset)
{
    queue->fake.rewound[at->partition] = offset;
    queue->fake.rewinds++;
}

int64_t kafka_position(struct kafka *queue, const struct kafka_partition *at)
{
    return -1;
}

void kafka_hold(struct kafka *queue, const struct kafka_partition *at,
                int64_t offset)
{
    queue->fake.held[at->partition] = true;
}

void kafka_get_bounds(struct kafka *queue, const struct kafka_partition *at,
                      struct kafka_bounds *ret_bounds)
{
    *ret_bounds = queue->fake.bounds;
}

void kafka_get_state(const struct kafka *queue, struct kafka_state *ret_state)
{
    *ret_state = queue->fake.state;
}

const struct kafka_condition *kafka_get_condition(const struct kafka *queue,
                                                  size_t index)
{
    return index < queue->fake.condition_count ? &queue->fake.conditions[index]
                                               : NULL;
}

void kafka_complete_revocation(struct kafka *queue)
{
    queue->fake.releases++;
}

void kafka_commit(struct kafka *queue, struct kafka_batch *batch)
{
    struct fake_queue *fake = &queue->fake;

    if (fake->committing || batch->offset_count > FAKE_PARTITIONS) {
        abort();
    }
    kafka_batch_free(fake->batch);
    fake->batch = batch;
    fake->committing = true;
    fake->commits++;
    fake->messages = batch->message_count;
    fake->offsets = batch->offset_count;
    for (size_t i = 0; i < batch->offset_count; i++) {
        const struct kafka_position *from = &batch->offsets[i];

        fake->positions[i].partition = from->at.partition;
        fake->positions[i].offset = from->offset;
        snprintf(fake->positions[i].metadata,
                 sizeof(fake->positions[i].metadata), "%s", from->metadata);
    }
}

bool kafka_is_committing(const struct kafka *queue)
{
    return queue->fake.committing;
}

/* --- functions for tests -----------------------------------------------------
 */

void fake_assign(int32_t partition, int64_t offset, const char *metadata)
{
    struct kafka_position position = {
        {FAKE_TOPIC, partition}, offset, metadata};

    opened->fake.handler->assigned(opened->fake.payload, &position, 1);
}

void fake_revoke(int32_t partition, bool lost)
{
    struct kafka_partition at = {FAKE_TOPIC, partition};

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

static void end_commit(struct kafka_result *result)
{
    if (!opened->fake.committing) {
        abort();
    }
    if (result->verdict != KAFKA_COMMITTED) {
        error_set(&result->err, ERROR_UNAVAILABLE, "as the test said");
    }
    opened->fake.committing = false;
    opened->fake.handler->committed(opened->fake.payload, result);
}

void fake_commit_ends(enum kafka_verdict verdict)
{
    struct kafka_result result = {.verdict = verdict};

    end_commit(&result);
}

void fake_commit_is_rejected(const struct kafka_rejection *rejections,
                             size_t count)
{
    struct kafka_result result = {.verdict = KAFKA_REJECTED,
                                  .rejections = rejections,
                                  .rejection_count = count};

    end_commit(&result);
}

void fake_message_is_rejected(size_t message)
{
    struct kafka_rejection rejection = {.message = message,
                                        .code = "INVALID_TIMESTAMP",
                                        .reason = "Invalid timestamp",
                                        .is_certain = true};

    fake_commit_is_rejected(&rejection, 1);
}

const struct message *fake_message(size_t index)
{
    return &opened->fake.batch->messages[index];
}

bool fake_is_isolated(size_t index)
{
    return batch_is_isolated(opened->fake.batch, index);
}

void fake_close_ends(void)
{
    opened->fake.handler->closed(opened->fake.payload);
}
