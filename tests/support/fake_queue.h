#ifndef WAYBILL_TEST_FAKE_QUEUE_H
#define WAYBILL_TEST_FAKE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/kafka.h"

/*
 * kafka.h without Kafka: one topic, and nothing comes, goes or is committed but
 * when the test says so. Batches are the real ones.
 */
#define FAKE_TOPIC "attestations"
#define FAKE_PARTITIONS 4

struct fake_queue {
    const struct kafka_handler *handler;
    void *payload;
    bool paused;
    bool resting[FAKE_PARTITIONS];
    int64_t rewound[FAKE_PARTITIONS]; /* where to, last; -1: never */
    size_t rewinds;
    size_t releases;
    bool closing;
    bool committing;
    size_t commits; /* that were begun */
    /* Of the one that is under way, or was the last */
    size_t messages;
    size_t offsets;
    struct {
        int32_t partition;
        int64_t offset;
        char metadata[4096];
    } positions[FAKE_PARTITIONS];
    struct kafka_batch *batch;
    struct kafka_state state;   /* what kafka_get_state() says */
    struct kafka_bounds bounds; /* ... of every partition */
};

/* The one that was opened last; forgotten by kafka_free() */
struct fake_queue *fake_queue(void);

void fake_assign(int32_t partition, int64_t offset, const char *metadata);
void fake_revoke(int32_t partition, bool lost);
/* False: it is paused, or rests: no record came. */
bool fake_record(int32_t partition, int64_t offset, const char *value);
void fake_commit_ends(enum kafka_verdict verdict, size_t message);
void fake_close_ends(void);

#endif
