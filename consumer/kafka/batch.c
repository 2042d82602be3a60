#include "batch.h"

#include "waybill/alloc.h"

struct queue_batch *queue_batch_new(void)
{
    struct queue_batch *batch = mem_zalloc(sizeof(*batch));

    batch->arena = arena_new();
    return batch;
}

void queue_batch_free(struct queue_batch *batch)
{
    if (batch != NULL) {
        arena_free(batch->arena);
        mem_free(batch->messages);
        mem_free(batch->offsets);
        mem_free(batch);
    }
}

void queue_batch_message(struct queue_batch *batch,
                         const struct message *message)
{
    batch->messages =
        mem_grow(batch->messages, &batch->message_capacity,
                 batch->message_count + 1, sizeof(batch->messages[0]));
    message_copy(batch->arena, message,
                 &batch->messages[batch->message_count++]);
}

void queue_batch_offset(struct queue_batch *batch,
                        const struct queue_position *position)
{
    struct queue_position *kept;

    batch->offsets =
        mem_grow(batch->offsets, &batch->offset_capacity,
                 batch->offset_count + 1, sizeof(batch->offsets[0]));
    kept = &batch->offsets[batch->offset_count++];
    *kept = *position;
    kept->at.topic = arena_strdup(batch->arena, position->at.topic);
    kept->metadata = arena_strdup(batch->arena, position->metadata);
}

size_t queue_batch_size(const struct queue_batch *batch)
{
    return arena_size(batch->arena);
}
