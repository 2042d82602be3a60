#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

struct kafka_batch *kafka_batch_new(void)
{
    struct kafka_batch *batch = mem_zalloc(sizeof(*batch));

    batch->arena = arena_new();
    return batch;
}

void kafka_batch_free(struct kafka_batch *batch)
{
    if (batch != NULL) {
        arena_free(batch->arena);
        mem_free(batch->messages);
        mem_free(batch->isolated);
        mem_free(batch->offsets);
        mem_free(batch);
    }
}

void kafka_batch_add_message(struct kafka_batch *batch,
                             const struct message *message)
{
    batch->messages =
        mem_grow(batch->messages, &batch->message_capacity,
                 batch->message_count + 1, sizeof(batch->messages[0]));
    message_copy(batch->arena, message,
                 &batch->messages[batch->message_count++]);
}

void kafka_batch_isolate(struct kafka_batch *batch)
{
    batch->isolated =
        mem_grow(batch->isolated, &batch->isolated_capacity,
                 batch->isolated_count + 1, sizeof(batch->isolated[0]));
    batch->isolated[batch->isolated_count++] = batch->message_count - 1;
}

static int compare_indices(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;

    return (x > y) - (x < y);
}

bool batch_is_isolated(const struct kafka_batch *batch, size_t message)
{
    return batch->isolated_count > 0 &&
           bsearch(&message, batch->isolated, batch->isolated_count,
                   sizeof(message), compare_indices) != NULL;
}

void kafka_batch_add_offset(struct kafka_batch *batch,
                            const struct kafka_position *position)
{
    struct kafka_position *added;

    batch->offsets =
        mem_grow(batch->offsets, &batch->offset_capacity,
                 batch->offset_count + 1, sizeof(batch->offsets[0]));
    added = &batch->offsets[batch->offset_count++];
    *added = *position;
    added->at.topic = arena_strdup(batch->arena, position->at.topic);
    added->metadata = arena_strdup(batch->arena, position->metadata);
}

bool batch_position_is(const struct kafka_position *position, int64_t offset,
                       struct bytes metadata)
{
    size_t len = strlen(position->metadata);

    return offset == position->offset && metadata.len == len &&
           (len == 0 || memcmp(metadata.data, position->metadata, len) == 0);
}

size_t kafka_batch_size(const struct kafka_batch *batch)
{
    return arena_size(batch->arena);
}
