#include <string.h>

#include "membership.h"
#include "waybill/alloc.h"

/*
 * Notices that a topic was deleted and created again under the same name.
 *
 * The offsets of the new topic mean other records. If it was filled beyond the
 * old position before the next fetch, the broker reports no error, and its
 * first records would be skipped silently. librdkafka before 2.2 knows neither
 * topic ids nor leader epochs. Therefore the last record that was read from
 * each partition is remembered, and read again whenever the topic may have been
 * replaced: after a fetch that failed (librdkafka hides the error, but its
 * cached bounds are unknown until the next fetch succeeds), after the topic was
 * missing, and after a pause, during which nothing is fetched. A partition from
 * which nothing was read is suspected, too: the group coordinator deletes the
 * committed offsets of a topic that is deleted.
 *
 * The new topic is read from its beginning, as after an assignment without a
 * committed offset.
 */

/* Within a shorter pause no topic is deleted, created and filled. */
#define SHORT_PAUSE_MS 500

struct identity {
    TAILQ_ENTRY(identity) link;
    struct kafka_partition at; /* it owns the topic's name */
    bool assigned;
    bool has_bounds; /* they were known at some time */
    bool missing;    /* the topic did not exist at some time */
    bool verifying;  /* the anchor is being read again */
    bool replaced;   /* waits for the next poll to be started anew */
    int64_t start;   /* the committed offset at the assignment; < 0: none */
    /* of the record that was delivered last; -1: none since the last rewind or
     * assignment */
    int64_t last;
    /* The highest record that was read, the anchor; offset -1: none */
    int64_t offset;
    int64_t timestamp_ms;
    uint64_t hash;
};

static struct identity *find(const struct kafka *kafka, const char *topic,
                             int32_t partition)
{
    struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (identity->at.partition == partition &&
            strcmp(identity->at.topic, topic) == 0) {
            return identity;
        }
    }
    return NULL;
}

static void forget(struct kafka *kafka, struct identity *identity)
{
    TAILQ_REMOVE(&kafka->identities, identity, link);
    mem_free((char *)identity->at.topic);
    mem_free(identity);
}

/* FNV-1a: it distinguishes records, and defends against nobody. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001B3U;
    }
    return hash;
}

/* Long records are distinguished by their length and their ends. */
static uint64_t hash_message(const rd_kafka_message_t *message)
{
    const size_t max = 512;
    const char *value = message->payload;
    size_t head = message->len < max ? message->len : max;
    uint64_t hash = 0xCBF29CE484222325U;

    hash = hash_bytes(hash, &message->len, sizeof(message->len));
    hash = hash_bytes(hash, message->key, message->key_len);
    hash = hash_bytes(hash, value, head);
    return value != NULL ? hash_bytes(hash, value + message->len - head, head)
                         : hash;
}

static bool is_same(const struct identity *identity,
                    const rd_kafka_message_t *message)
{
    return identity->timestamp_ms ==
               rd_kafka_message_timestamp(message, NULL) &&
           identity->hash == hash_message(message);
}

static void remember(struct identity *identity,
                     const rd_kafka_message_t *message)
{
    identity->offset = message->offset;
    identity->timestamp_ms = rd_kafka_message_timestamp(message, NULL);
    identity->hash = hash_message(message);
}

/* --- suspicion --- */

static void verify(struct kafka *kafka, struct identity *identity)
{
    if (identity->verifying || identity->replaced || !identity->assigned) {
        return;
    }
    if (identity->offset >= 0) {
        identity->verifying = true;
        /* Shed records that are being read again come before the anchor. */
        if (identity->last == identity->offset) {
            partition_seek(kafka, &identity->at, identity->offset);
        }
    } else if (identity->start > 0) {
        kafka->wants_committed = true;
    }
}

static void check_bounds(struct kafka *kafka, struct identity *identity)
{
    struct kafka_bounds bounds;

    kafka_get_bounds(kafka, &identity->at, &bounds);
    if (bounds.end >= 0) {
        identity->has_bounds = true;
    } else if (identity->has_bounds) {
        identity->has_bounds = false; /* once for each failure */
        verify(kafka, identity);
    }
}

void identity_check(struct kafka *kafka)
{
    struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (identity->assigned && !identity->replaced) {
            check_bounds(kafka, identity);
        }
    }
}

bool identity_take_replaced(struct kafka *kafka, struct kafka_partition *ret_at)
{
    struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (identity->assigned && identity->replaced) {
            identity->replaced = false;
            identity->verifying = false;
            identity->missing = false;
            identity->has_bounds = false;
            identity->offset = -1;
            identity->last = -1;
            identity->start = -1;
            *ret_at = identity->at;
            return true;
        }
    }
    return false;
}

void identity_topic_missing(struct kafka *kafka, const char *topic)
{
    struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (topic == NULL || strcmp(identity->at.topic, topic) == 0) {
            identity->missing = true;
            verify(kafka, identity);
        }
    }
}

void identity_paused(struct kafka *kafka)
{
    kafka->paused_ms = loop_now(kafka->loop);
}

void identity_resumed(struct kafka *kafka)
{
    struct identity *identity;

    if (loop_now(kafka->loop) - kafka->paused_ms < SHORT_PAUSE_MS) {
        return;
    }
    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        verify(kafka, identity);
    }
}

void identity_resumed_partition(struct kafka *kafka,
                                const struct kafka_partition *at)
{
    struct identity *identity = find(kafka, at->topic, at->partition);

    if (identity != NULL) {
        verify(kafka, identity);
    }
}

void identity_rewound(struct kafka *kafka, const struct kafka_partition *at)
{
    struct identity *identity = find(kafka, at->topic, at->partition);

    if (identity != NULL) {
        identity->last = -1;
    }
}

/* --- evidence --- */

bool identity_on_record(struct kafka *kafka, const rd_kafka_message_t *message)
{
    struct identity *identity =
        find(kafka, rd_kafka_topic_name(message->rkt), message->partition);
    bool is_repeated;

    if (identity == NULL) {
        return true;
    }
    if (identity->replaced) {
        return false;
    }
    if (message->offset == identity->offset) {
        identity->replaced = !is_same(identity, message);
        identity->missing = identity->missing && identity->replaced;
    } else if (identity->verifying && message->offset > identity->offset) {
        /* The record is gone. That alone is no evidence, because compaction and
         * retention delete records, too. */
        identity->replaced = identity->missing;
    }
    if (message->offset >= identity->offset && !identity->replaced) {
        identity->verifying = false;
        remember(identity, message);
    }
    /* The anchor that was only read to be compared was passed on before. */
    is_repeated = message->offset == identity->last;
    identity->last = message->offset;
    return !identity->replaced && !is_repeated;
}

bool identity_on_out_of_range(struct kafka *kafka,
                              const struct kafka_partition *at)
{
    struct identity *identity = find(kafka, at->topic, at->partition);

    if (identity == NULL || !identity->missing) {
        return false;
    }
    identity->replaced = true;
    return true;
}

void identity_on_committed(struct kafka *kafka,
                           const rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &offsets->elems[i];
        struct identity *identity = find(kafka, from->topic, from->partition);

        if (identity != NULL && identity->assigned && identity->offset < 0 &&
            identity->start > 0 && from->offset < 0 &&
            from->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            identity->replaced = true;
        }
    }
}

/* --- assignment --- */

static struct identity *add(struct kafka *kafka,
                            const rd_kafka_topic_partition_t *from)
{
    struct identity *identity = mem_zalloc(sizeof(*identity));

    identity->at.topic = mem_strdup(from->topic);
    identity->at.partition = from->partition;
    identity->offset = -1;
    identity->last = -1;
    TAILQ_INSERT_TAIL(&kafka->identities, identity, link);
    return identity;
}

void identity_assign(struct kafka *kafka,
                     const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &list->elems[i];
        struct identity *identity = find(kafka, from->topic, from->partition);

        if (identity == NULL) {
            identity = add(kafka, from);
        }
        identity->assigned = true;
        identity->has_bounds = false;
        identity->verifying = false;
        /* Uncommitted records come again, and the anchor among them. */
        identity->last =
            from->offset > identity->offset ? identity->offset : -1;
        identity->start = from->offset;
        if (from->offset < 0) {
            identity->offset = -1; /* read from the beginning anyway */
            identity->missing = false;
        }
        if (identity->missing) {
            verify(kafka, identity);
        }
    }
}

/* The group takes the partitions of a missing topic away, and gives them back
 * when it exists again. */
void identity_unassign(struct kafka *kafka,
                       const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct identity *identity =
            find(kafka, list->elems[i].topic, list->elems[i].partition);

        if (identity != NULL && identity->missing) {
            identity->assigned = false;
        } else if (identity != NULL) {
            forget(kafka, identity);
        }
    }
}

bool identity_is_missing(const struct kafka *kafka,
                         const struct kafka_partition *at)
{
    const struct identity *identity = find(kafka, at->topic, at->partition);

    return identity != NULL && identity->missing;
}

void identity_init(struct kafka *kafka)
{
    TAILQ_INIT(&kafka->identities);
}

void identity_free(struct kafka *kafka)
{
    struct identity *identity;

    while ((identity = TAILQ_FIRST(&kafka->identities)) != NULL) {
        forget(kafka, identity);
    }
}
