#ifndef WAYBILL_KAFKA_BATCH_H
#define WAYBILL_KAFKA_BATCH_H

#include "waybill/arena.h"
#include "waybill/kafka.h"

struct rd_kafka_consumer_group_metadata_s;

/*
 * What a batch is to those who commit it: to the committer, and to whatever
 * stands behind kafka.h instead of Kafka. Everybody else fills it by the
 * functions of kafka.h.
 */
struct kafka_batch {
    struct arena *arena; /* of all that the arrays point to */
    struct message *messages;
    size_t message_count;
    size_t message_capacity;
    struct kafka_position *offsets;
    size_t offset_count;
    size_t offset_capacity;
    /* Taken when the batch is handed in: it carries the generation, by which
     * the broker fences a member that has lost its partitions (KIP-447). */
    struct rd_kafka_consumer_group_metadata_s *group;
};

#endif
