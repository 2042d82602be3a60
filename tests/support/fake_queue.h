#ifndef WAYBILL_TEST_FAKE_QUEUE_H
#define WAYBILL_TEST_FAKE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/kafka_check.h"

/*
 * A kafka.h without Kafka. It has one topic; records, rebalances and commits
 * happen only when the test triggers them. Batches are the real ones.
 */
#define FAKE_TOPIC "attestations"
#define FAKE_PARTITIONS 4

struct fake_queue {
    const struct kafka_handler *handler;
    void *payload;
    bool paused;
    bool resting[FAKE_PARTITIONS];
    bool held[FAKE_PARTITIONS];
    int64_t rewound[FAKE_PARTITIONS]; /* target of the last rewind; -1: none */
    size_t rewinds;
    size_t releases;
    bool checks_stopped;
    bool closing;
    bool committing;
    size_t commits; /* commits that were started */
    /* Of the current or the last commit: */
    size_t messages;
    size_t offsets;
    struct {
        int32_t partition;
        int64_t offset;
        char metadata[4096];
    } positions[FAKE_PARTITIONS];
    struct kafka_batch *batch;
    /* The results of kafka_get_condition() */
    const struct kafka_condition *conditions;
    size_t condition_count;
    struct kafka_state state;   /* the result of kafka_get_state() */
    struct kafka_bounds bounds; /* of every partition */
};

/* The client that was opened last, until kafka_free() */
struct fake_queue *fake_queue(void);

void fake_assign(int32_t partition, int64_t offset, const char *metadata);
void fake_revoke(int32_t partition, bool lost);
/* Returns false, without delivering the record, when the client or the
 * partition is paused. */
bool fake_record(int32_t partition, int64_t offset, const char *value);
void fake_commit_ends(enum kafka_verdict verdict);
void fake_commit_is_rejected(const struct kafka_rejection *rejections,
                             size_t count);
/* Of the batch, this message alone is rejected. */
void fake_message_is_rejected(size_t message);
/* Of the current or the last batch */
const struct message *fake_message(size_t index);
bool fake_is_isolated(size_t index);
void fake_close_ends(void);

#endif
