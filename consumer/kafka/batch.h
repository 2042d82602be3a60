#ifndef WAYBILL_BATCH_H
#define WAYBILL_BATCH_H

#include "waybill/arena.h"
#include "waybill/kafka.h"

struct rd_kafka_consumer_group_metadata_s;

/*
 * The layout of a batch, for the committer and for other implementations of
 * kafka.h (the simulator and the tests). All other code uses the functions of
 * kafka.h.
 */
struct kafka_batch {
    struct arena *arena; /* owns everything that the arrays point to */
    struct message *messages;
    size_t message_count;
    size_t message_capacity;
    size_t *isolated; /* indices of messages, in ascending order */
    size_t isolated_count;
    size_t isolated_capacity;
    struct kafka_position *offsets;
    size_t offset_count;
    size_t offset_capacity;
    /* Set by kafka_commit(). It carries the generation, by which the broker
     * fences a member that has lost its partitions (KIP-447). */
    struct rd_kafka_consumer_group_metadata_s *group;
};

/* Whether it is what was committed. The offset alone does not tell: two commits
 * may have the same one, but never the same metadata. */
bool batch_position_is(const struct kafka_position *position, int64_t offset,
                       struct bytes metadata);
bool batch_is_isolated(const struct kafka_batch *batch, size_t message);

#endif
