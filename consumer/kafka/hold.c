#include <stdio.h>
#include <string.h>

#include "membership.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Partitions whose next batch cannot be read: it does not decompress within
 * receive.message.max.bytes, its checksum is wrong, or its compression is not
 * known. librdkafka fetches such a batch again twice a second, and after a
 * wrong checksum continues with the batch after it, whose predecessor would
 * count as read. Therefore the partition is paused at the first offset of the
 * batch, and tried again rarely.
 *
 * To skip the batch one has to know where it ends, which librdkafka does not
 * say: its error has the first offset only. So the end is searched for by
 * reading from higher offsets. A fetch from within the batch fails as the
 * first one did; one from after it delivers a record, which is discarded.
 *
 *     SEARCHING --end found or not--> WAITING --timer--> RETRYING --record-->
 *                                        ^------error-------'       released
 */

#define POLL_MS 500
/* A fetch that neither fails nor delivers a record within this time has
 * found no record, or the brokers are not reachable. */
#define SEARCH_TIMEOUT_MS 5000
#define RETRY_MIN_MS 60000
#define RETRY_MAX_MS 3600000

enum hold_state { HOLD_SEARCHING, HOLD_WAITING, HOLD_RETRYING };

struct hold {
    TAILQ_ENTRY(hold) link;
    struct kafka_partition at; /* it owns the topic's name */
    enum hold_state state;
    int64_t offset; /* first of the batch */
    int64_t inside; /* known to belong to the batch */
    int64_t after;  /* known to be after it; -1: none yet */
    int64_t target; /* from which it is read just now, while searching */
    bool is_final;  /* nothing but a restart can help */
    uint64_t deadline_ms;
    uint64_t retry_ms;
    char reason[LIMIT_MESSAGE];
};

static struct hold *find(const struct kafka *kafka,
                         const struct kafka_partition *at)
{
    struct hold *hold;

    TAILQ_FOREACH(hold, &kafka->holds, link)
    {
        if (hold->at.partition == at->partition &&
            strcmp(hold->at.topic, at->topic) == 0) {
            return hold;
        }
    }
    return NULL;
}

static void forget(struct kafka *kafka, struct hold *hold)
{
    TAILQ_REMOVE(&kafka->holds, hold, link);
    mem_free((char *)hold->at.topic);
    mem_free(hold);
    if (TAILQ_EMPTY(&kafka->holds)) {
        loop_disarm(kafka->loop, &kafka->hold_timer);
    }
}

static void report(struct kafka *kafka, const struct hold *hold, int64_t next)
{
    kafka->handler->unreadable(
        kafka->payload, &(struct kafka_unreadable){.at = hold->at,
                                                   .offset = hold->offset,
                                                   .next = next,
                                                   .reason = hold->reason});
}

static void await_retry(struct kafka *kafka, struct hold *hold)
{
    hold->state = HOLD_WAITING;
    hold->deadline_ms = loop_now(kafka->loop) + hold->retry_ms;
    hold->retry_ms =
        hold->retry_ms < RETRY_MAX_MS / 2 ? hold->retry_ms * 2 : RETRY_MAX_MS;
    pauses_set(kafka, &hold->at, true);
}

/* --- where the batch ends --- */

static void read_from(struct kafka *kafka, struct hold *hold, int64_t offset)
{
    pauses_set(kafka, &hold->at, false);
    membership_seek(kafka, &hold->at, offset);
}

static void end_search(struct kafka *kafka, struct hold *hold, int64_t next)
{
    report(kafka, hold, next);
    await_retry(kafka, hold);
}

/* Doubles the distance until an offset after the batch is known, then halves
 * the interval. */
static void search(struct kafka *kafka, struct hold *hold)
{
    int64_t distance = hold->inside - hold->offset;
    struct kafka_bounds bounds;

    kafka_get_bounds(kafka, &hold->at, &bounds);
    if (hold->after < 0 && bounds.end == hold->inside + 1) {
        hold->after = bounds.end; /* it is the last batch of the log */
    }
    if (hold->after == hold->inside + 1) {
        end_search(kafka, hold, hold->after);
        return;
    }
    if (hold->after >= 0) {
        hold->target = hold->inside + (hold->after - hold->inside) / 2;
    } else {
        hold->target = hold->inside + (distance > 0 ? distance : 1);
        if (bounds.end > hold->inside && hold->target >= bounds.end) {
            hold->target = bounds.end - 1;
        }
    }
    hold->deadline_ms = loop_now(kafka->loop) + SEARCH_TIMEOUT_MS;
    read_from(kafka, hold, hold->target);
}

/* Only transaction markers may follow: then the position is after them. */
static void on_search_timeout(struct kafka *kafka, struct hold *hold)
{
    int64_t position = membership_position(kafka, &hold->at);

    if (kafka_is_paused(kafka)) {
        hold->deadline_ms = loop_now(kafka->loop) + SEARCH_TIMEOUT_MS;
    } else if (position > hold->target) {
        hold->after = hold->target;
        search(kafka, hold);
    } else {
        end_search(kafka, hold, -1);
    }
}

/* --- events --- */

static struct hold *add(struct kafka *kafka, const struct kafka_partition *at,
                        int64_t offset, const char *reason)
{
    struct hold *hold = mem_zalloc(sizeof(*hold));

    hold->at.topic = mem_strdup(at->topic);
    hold->at.partition = at->partition;
    hold->offset = offset;
    hold->inside = offset;
    hold->after = -1;
    hold->retry_ms = RETRY_MIN_MS;
    snprintf(hold->reason, sizeof(hold->reason), "%s", reason);
    if (TAILQ_EMPTY(&kafka->holds)) {
        loop_arm(kafka->loop, &kafka->hold_timer, POLL_MS);
    }
    TAILQ_INSERT_TAIL(&kafka->holds, hold, link);
    return hold;
}

static bool is_batch_error(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
           code == RD_KAFKA_RESP_ERR__BAD_MSG ||
           code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED ||
           code == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ||
           code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
}

static void on_repeated_error(struct kafka *kafka, struct hold *hold,
                              int64_t offset)
{
    if (hold->state == HOLD_SEARCHING && offset > hold->offset) {
        hold->after = hold->target; /* the next batch is as bad */
        search(kafka, hold);
    } else if (hold->state == HOLD_SEARCHING) {
        hold->inside = hold->target;
        search(kafka, hold);
    } else if (hold->state == HOLD_RETRYING) {
        await_retry(kafka, hold);
    }
}

bool hold_on_error(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *from;
    struct kafka_partition at;
    struct hold *hold;

    if (!is_batch_error(rd_kafka_event_error(event)) ||
        (from = rd_kafka_event_topic_partition(event)) == NULL) {
        return false;
    }
    at = (struct kafka_partition){from->topic, from->partition};
    hold = find(kafka, &at);
    if (hold != NULL && hold->state == HOLD_RETRYING &&
        from->offset > hold->offset) {
        forget(kafka, hold);
        hold = NULL;
    }
    if (hold != NULL) {
        on_repeated_error(kafka, hold, from->offset);
    } else if (from->offset >= 0) {
        hold =
            add(kafka, &at, from->offset, rd_kafka_event_error_string(event));
        report(kafka, hold, -1);
        search(kafka, hold);
    }
    rd_kafka_topic_partition_destroy(from);
    return hold != NULL;
}

bool hold_on_record(struct kafka *kafka, const rd_kafka_message_t *message)
{
    struct kafka_partition at = {rd_kafka_topic_name(message->rkt),
                                 message->partition};
    struct hold *hold = TAILQ_EMPTY(&kafka->holds) ? NULL : find(kafka, &at);

    if (hold == NULL) {
        return false;
    }
    if (hold->state == HOLD_RETRYING && message->offset < hold->offset) {
        return false; /* shed records that are read again */
    }
    if (hold->state == HOLD_RETRYING && !hold->is_final) {
        hold->offset = -1;
        report(kafka, hold, -1);
        forget(kafka, hold);
        return false;
    }
    if (hold->state == HOLD_RETRYING) {
        await_retry(kafka, hold);
    } else if (hold->state == HOLD_SEARCHING &&
               message->offset >= hold->target) {
        hold->after = hold->target;
        search(kafka, hold);
    }
    return true;
}

void kafka_hold(struct kafka *kafka, const struct kafka_partition *at,
                int64_t offset)
{
    struct hold *hold;

    if (find(kafka, at) == NULL) {
        hold = add(kafka, at, offset, "");
        hold->is_final = true;
        await_retry(kafka, hold);
    }
}

static void poll_holds(void *payload)
{
    struct kafka *kafka = payload;
    uint64_t now = loop_now(kafka->loop);
    struct hold *hold;

    loop_arm(kafka->loop, &kafka->hold_timer, POLL_MS);
    TAILQ_FOREACH(hold, &kafka->holds, link)
    {
        if (now < hold->deadline_ms) {
            continue;
        }
        if (hold->state == HOLD_SEARCHING) {
            on_search_timeout(kafka, hold);
        } else if (hold->state == HOLD_WAITING && !hold->is_final) {
            hold->state = HOLD_RETRYING;
            read_from(kafka, hold, hold->offset);
        }
    }
}

/* Shed records before the batch are read again; the batch ends that. */
void hold_rewound(struct kafka *kafka, const struct kafka_partition *at)
{
    struct hold *hold = find(kafka, at);

    if (hold != NULL) {
        hold->state = HOLD_RETRYING;
        pauses_set(kafka, at, false);
    }
}

bool hold_is_paused(const struct kafka *kafka, const struct kafka_partition *at)
{
    const struct hold *hold = find(kafka, at);

    return hold != NULL && hold->state == HOLD_WAITING;
}

int64_t hold_limit_position(const struct kafka *kafka,
                            const struct kafka_partition *at, int64_t position)
{
    const struct hold *hold = find(kafka, at);

    return hold != NULL && hold->offset < position ? hold->offset : position;
}

void hold_forget(struct kafka *kafka, const struct kafka_partition *at)
{
    struct hold *hold = find(kafka, at);

    if (hold != NULL) {
        forget(kafka, hold);
    }
}

void hold_init(struct kafka *kafka)
{
    TAILQ_INIT(&kafka->holds);
    timer_init(&kafka->hold_timer, poll_holds, kafka);
}

void hold_free(struct kafka *kafka)
{
    struct hold *hold;

    while ((hold = TAILQ_FIRST(&kafka->holds)) != NULL) {
        forget(kafka, hold);
    }
}
