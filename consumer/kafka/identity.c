#include <string.h>

#include "anchor.h"
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
 * committed offsets of a topic that is deleted. From the assignment on,
 * unless its first record comes at once, nothing is committed for it before
 * they were found to be there still, some time after a fetch.
 *
 * The new topic is read from its beginning, as after an assignment without a
 * committed offset.
 */

/* Within a shorter pause no topic is deleted, created and filled. */
#define SHORT_PAUSE_MS 500
/* Within this time after a topic is deleted, the group coordinator has deleted
 * its offsets. The broker lets the new topic be read before that. */
#define CONFIRMATION_MS 1000
/* librdkafka fetches again fetch.error.backoff.ms (500) after a fetch that
 * failed. If the loop was busy for as long, the failure was not noticed. */
#define BUSY_MS 450

struct identity {
    TAILQ_ENTRY(identity) link;
    struct kafka_partition at; /* it owns the topic's name */
    bool assigned;
    bool has_bounds; /* they were known at some time */
    bool asked;      /* for the committed offset, when that could tell */
    uint64_t trusted_until_ms; /* no topic is replaced so soon */
    uint64_t
        suspected_ms; /* or fetched for the first time; the latest of both */
    /* `replaced` waits for the next poll, which starts the partition anew */
    struct anchor anchor;
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

/* --- suspicion --- */

static void verify(struct kafka *kafka, struct identity *identity)
{
    if (!identity->assigned) {
        return;
    }
    identity->trusted_until_ms = 0;
    identity->suspected_ms = loop_now(kafka->loop);
    identity->asked = false;
    switch (anchor_suspect(&identity->anchor)) {
    case ANCHOR_READ_AGAIN:
        partition_seek(kafka, &identity->at, identity->anchor.offset);
        break;
    case ANCHOR_ASK_COMMITTED:
        kafka->wants_committed = true;
        break;
    case ANCHOR_READ_ON:
    case ANCHOR_NO_CHECK:
        break;
    }
}

static void check_bounds(struct kafka *kafka, struct identity *identity)
{
    struct kafka_bounds bounds;

    kafka_get_bounds(kafka, &identity->at, &bounds);
    if (bounds.end >= 0) {
        if (!identity->has_bounds) {
            identity->suspected_ms = loop_now(kafka->loop);
        }
        identity->has_bounds = true;
    } else if (identity->has_bounds) {
        identity->has_bounds = false; /* once for each failure */
        verify(kafka, identity);
    }
}

static void verify_all(struct kafka *kafka)
{
    struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        verify(kafka, identity);
    }
}

static void verify_if_busy(struct kafka *kafka)
{
    uint64_t now = loop_now(kafka->loop);

    if (kafka->identities_checked_ms > 0 &&
        now - kafka->identities_checked_ms >= BUSY_MS) {
        verify_all(kafka);
    }
    kafka->identities_checked_ms = now;
}

void identity_check(struct kafka *kafka)
{
    struct identity *identity;

    verify_if_busy(kafka);
    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (identity->assigned && !identity->anchor.replaced) {
            check_bounds(kafka, identity);
        }
    }
}

static bool can_confirm(const struct kafka *kafka,
                        const struct identity *identity)
{
    return identity->assigned && identity->anchor.doubtful &&
           identity->has_bounds &&
           loop_now(kafka->loop) >= identity->suspected_ms + CONFIRMATION_MS;
}

bool identity_wants_committed(const struct kafka *kafka)
{
    const struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (can_confirm(kafka, identity)) {
            return true;
        }
    }
    return kafka->wants_committed;
}

bool identity_take_replaced(struct kafka *kafka, struct kafka_partition *ret_at)
{
    struct identity *identity;

    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        if (identity->assigned && identity->anchor.replaced) {
            identity->has_bounds = false;
            anchor_reset(&identity->anchor);
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
            identity->anchor.missing = true;
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
    if (loop_now(kafka->loop) - kafka->paused_ms >= SHORT_PAUSE_MS) {
        verify_all(kafka);
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

int64_t identity_rewound(struct kafka *kafka, const struct kafka_partition *at,
                         int64_t offset)
{
    struct identity *identity = find(kafka, at->topic, at->partition);

    if (identity == NULL) {
        return offset;
    }
    identity->anchor.last = -1;
    return identity->anchor.verifying && identity->anchor.offset < offset
               ? identity->anchor.offset
               : offset;
}

/* --- evidence --- */

bool identity_on_record(struct kafka *kafka, const rd_kafka_message_t *message)
{
    struct identity *identity =
        find(kafka, rd_kafka_topic_name(message->rkt), message->partition);

    if (identity == NULL) {
        return true;
    }
    verify_if_busy(kafka);
    if (loop_now(kafka->loop) < identity->trusted_until_ms) {
        identity->anchor.doubtful = false;
    }
    return anchor_on_record(
        &identity->anchor,
        &(struct anchor_record){
            .offset = message->offset,
            .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
            .key = {message->key, message->key_len},
            .value = {message->payload, message->len},
        });
}

bool identity_on_out_of_range(struct kafka *kafka,
                              const struct kafka_partition *at)
{
    struct identity *identity = find(kafka, at->topic, at->partition);

    return identity != NULL && anchor_on_out_of_range(&identity->anchor);
}

void identity_asking(struct kafka *kafka)
{
    struct identity *identity;

    kafka->wants_committed = false;
    TAILQ_FOREACH(identity, &kafka->identities, link)
    {
        identity->asked = can_confirm(kafka, identity);
    }
}

void identity_on_committed(struct kafka *kafka,
                           const rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &offsets->elems[i];
        struct identity *identity = find(kafka, from->topic, from->partition);

        if (identity != NULL && identity->assigned &&
            from->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            (from->offset < 0 || identity->asked)) {
            anchor_on_committed(&identity->anchor, from->offset);
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
    anchor_reset(&identity->anchor);
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
        identity->asked = false;
        identity->trusted_until_ms = loop_now(kafka->loop) + SHORT_PAUSE_MS;
        anchor_assign(&identity->anchor, from->offset);
        if (identity->anchor.missing) {
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

        if (identity != NULL && identity->anchor.missing) {
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

    return identity != NULL && identity->anchor.missing;
}

bool identity_is_doubtful(const struct kafka *kafka,
                          const struct kafka_partition *at)
{
    const struct identity *identity = find(kafka, at->topic, at->partition);

    return identity != NULL &&
           (identity->anchor.doubtful || identity->anchor.replaced) &&
           loop_now(kafka->loop) >= identity->trusted_until_ms;
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
