#ifndef WAYBILL_KAFKA_BATCH_H
#define WAYBILL_KAFKA_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/message.h"

/*
 * What kafka_commit() (kafka.h) is given, a batch of messages and offsets, and
 * what becomes of it. A batch belongs to one thread.
 */

struct kafka_partition {
    const char *topic;
    int32_t partition;
};

/* The committed position of a partition */
struct kafka_position {
    struct kafka_partition at;
    /* of the next record to read; -1: none was committed */
    int64_t offset;
    /* the metadata committed with the offset; "" if none */
    const char *metadata;
};

/* A batch: messages to produce and offsets to commit, as one transaction. */
struct kafka_batch;
struct kafka_batch *kafka_batch_new(void);
void kafka_batch_free(struct kafka_batch *batch); /* NULL is fine */
/* Both functions copy everything that they are given. */
void kafka_batch_add_message(struct kafka_batch *batch,
                             const struct message *message);
/* Sends the message that was added last separately, so that the topic judges it
 * by itself. It costs one more round trip. */
void kafka_batch_isolate(struct kafka_batch *batch);
/* The position from which the next owner of the partition continues */
void kafka_batch_add_offset(struct kafka_batch *batch,
                            const struct kafka_position *position);
/* in bytes, approximately */
size_t kafka_batch_size(const struct kafka_batch *batch);

enum kafka_verdict {
    KAFKA_COMMITTED,
    /* In every other case nothing of the batch was written, and nothing will
     * be. The same outcomes may be submitted again in another batch, as far as
     * their partitions are still assigned. */
    KAFKA_ABORTED,
    /* Kafka, or its client, rejected messages of the batch. Without them the
     * batch may be submitted again. */
    KAFKA_REJECTED,
    /* The metadata exceeds the broker's offset.metadata.max.bytes. */
    KAFKA_METADATA_TOO_LARGE,
    KAFKA_VERDICTS, /* the number of verdicts */
};

/* A message that was rejected, or may be the reason why others were */
struct kafka_rejection {
    size_t message;     /* its index in the batch */
    int32_t partition;  /* of its topic; -1: not known */
    const char *code;   /* the name of the error, such as INVALID_TIMESTAMP */
    const char *reason; /* the same for a person; both are static */
    /* This very message was rejected. Otherwise it was sent together with
     * others, and the broker has rejected all of them because of at least one:
     * submit them again with kafka_batch_isolate() to find out which. */
    bool is_certain;
    /* The topic takes no message at all: it does not exist, or may not be
     * written to. */
    bool is_topic_wide;
    /* A topic with compaction gives this error to messages without a key. */
    bool may_need_key;
};

struct kafka_result {
    enum kafka_verdict verdict;
    /* of KAFKA_REJECTED: at least one, each message at most once; valid until
     * the next kafka_commit() */
    const struct kafka_rejection *rejections;
    size_t rejection_count;
    struct error err; /* the reason; unset when committed */
};

#endif
