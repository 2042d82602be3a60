#ifndef WAYBILL_MEMBERSHIP_H
#define WAYBILL_MEMBERSHIP_H

#include <sys/queue.h>

#include "health.h"
#include "kafka_internal.h"
#include "outage.h"

struct identity;
TAILQ_HEAD(identities, identity);
struct hold;
TAILQ_HEAD(holds, hold);

/* --- consumer.c, membership.c, pauses.c: the member of the group --- */

struct kafka {
    struct loop *loop;
    struct kafka_options options;
    const struct kafka_handler *handler;
    void *payload;
    rd_kafka_t *client;
    rd_kafka_queue_t *events;
    /* Receives the final revocation, because the consumer's own queue cannot be
     * forwarded to itself */
    rd_kafka_queue_t *closing_events;
    int event_fd;
    struct task poll_again;
    struct timer heartbeat;
    struct timer close_deadline;
    /* Rejects a commit that was requested without a generation */
    struct timer reject_timer;
    bool paused;  /* by kafka_pause() */
    bool blocked; /* by a condition; nothing is fetched in either case */
    bool subscribed;
    bool ever_assigned;
    bool member; /* joined, and all assigned partitions are being fetched */
    bool closing;
    bool closed;
    /* Assigned by the group; not fetched until their offsets are known */
    rd_kafka_topic_partition_list_t *assigning;
    struct timer offsets_retry;
    rd_kafka_topic_partition_list_t *assigned;
    rd_kafka_topic_partition_list_t
        *paused_partitions; /* paused individually */
    /* until kafka_complete_revocation() */
    rd_kafka_topic_partition_list_t *revoking;
    /* A partition of which records were deleted before they were read */
    struct kafka_partition deleted;
    int64_t first_offset; /* 0: not known */
    bool is_out_of_range;
    struct error out_of_range;
    struct timer first_deadline;
    struct identities identities;
    struct timer identity_timer;
    bool wants_committed;  /* identity.c has to know the committed offsets */
    bool asking_committed; /* one question at a time */
    uint64_t identities_checked_ms; /* 0: not yet */
    struct holds holds;
    struct timer hold_timer;
    uint64_t paused_ms; /* when all partitions were paused last */
    struct outage outage;
    struct committer *committer;
    bool committing;
    struct header *headers; /* of the record that is being delivered */
    size_t header_capacity;
    struct condition_list conditions[CONDITION_SOURCES];
};

/* --- notices.c: errors and log messages of librdkafka --- */

void kafka_notice(struct kafka *kafka, enum log_level level, const char *format,
                  ...) PRINTF(3, 4);
/* Logs an error of one message or one topic, after which the consumer
 * continues. */
void kafka_notice_topic_error(struct kafka *kafka, rd_kafka_resp_err_t code,
                              const char *text);
/* Handles RD_KAFKA_EVENT_ERROR: logs it, or calls failed() if it is fatal. */
void kafka_notice_error(struct kafka *kafka, rd_kafka_event_t *event);
void kafka_notice_log(struct kafka *kafka, rd_kafka_event_t *event);

/* Stops the consumer for the error of a position that no longer exists.
 * payload: struct kafka */
void kafka_fail_out_of_range(void *payload);

/* --- pauses.c --- */

bool kafka_is_paused(const struct kafka *kafka); /* as a whole */
/* Stops fetching because of a condition, or goes on with it. */
void pauses_set_blocked(struct kafka *kafka, bool blocked);
/* Pauses partitions that were assigned meanwhile, if the client is paused. */
void pauses_apply(struct kafka *kafka);

/* --- membership.c --- */

void membership_init(struct kafka *kafka);
void membership_free(struct kafka *kafka);
/* Handle a rebalance, and a response with committed offsets. */
void membership_on_rebalance(struct kafka *kafka, rd_kafka_event_t *event);
void membership_on_offsets(struct kafka *kafka, rd_kafka_event_t *event);
/* Answers a pending assignment, so that librdkafka can go on with closing. */
void membership_stop(struct kafka *kafka);

/* --- partition.c: pausing and positions of assigned partitions --- */

void partition_set_all_paused(struct kafka *kafka,
                              rd_kafka_topic_partition_list_t *list,
                              bool pause);
/* Pauses or resumes the partition, unless all are paused. */
void partition_set_paused(struct kafka *kafka, const struct kafka_partition *at,
                          bool pause);
/* Reads again from the offset on. */
void partition_seek(struct kafka *kafka, const struct kafka_partition *at,
                    int64_t offset);
/* As kafka_position(), also while the end of a batch is searched for */
int64_t partition_position(struct kafka *kafka,
                           const struct kafka_partition *at);

/* --- identity.c: whether a partition is still the same --- */

void identity_init(struct kafka *kafka);
void identity_free(struct kafka *kafka);
/* Looks for fetches that failed; call it more often than they are repeated. */
void identity_check(struct kafka *kafka);
/* Returns whether a topic was replaced, and one of its partitions, which must
 * be assigned anew. */
bool identity_take_replaced(struct kafka *kafka,
                            struct kafka_partition *ret_at);
void identity_assign(struct kafka *kafka,
                     const rd_kafka_topic_partition_list_t *list);
void identity_unassign(struct kafka *kafka,
                       const rd_kafka_topic_partition_list_t *list);
/* Call these when the client was paused and resumed, a partition was resumed,
 * and it was rewound by the handler. */
void identity_paused(struct kafka *kafka);
void identity_resumed(struct kafka *kafka);
void identity_resumed_partition(struct kafka *kafka,
                                const struct kafka_partition *at);
/* Returns the offset to read from, not after the anchor while that is to be
 * read again. */
int64_t identity_rewound(struct kafka *kafka, const struct kafka_partition *at,
                         int64_t offset);
/* The topic did not exist just now. NULL: some topic, it is not known which. */
void identity_topic_missing(struct kafka *kafka, const char *topic);
bool identity_is_missing(const struct kafka *kafka,
                         const struct kafka_partition *at);
/* Nothing must be committed before it is known whether the topic is the one
 * that the committed offset belongs to, nor if it is not, until the partition
 * is assigned anew. */
bool identity_is_doubtful(const struct kafka *kafka,
                          const struct kafka_partition *at);
/* Returns false if the record belongs to a new topic that is about to be read
 * from its beginning. */
bool identity_on_record(struct kafka *kafka, const rd_kafka_message_t *message);
/* Returns true if the partition belongs to a new topic. */
bool identity_on_out_of_range(struct kafka *kafka,
                              const struct kafka_partition *at);
bool identity_wants_committed(const struct kafka *kafka);
/* The committed offsets are being asked for; the answer comes later. */
void identity_asking(struct kafka *kafka);
void identity_on_committed(struct kafka *kafka,
                           const rd_kafka_topic_partition_list_t *offsets);

/* --- hold.c: partitions whose next batch cannot be read --- */

void hold_init(struct kafka *kafka);
void hold_free(struct kafka *kafka);
/* Returns true if the event concerns a batch that cannot be read. */
bool hold_on_error(struct kafka *kafka, rd_kafka_event_t *event);
/* Returns true if the record is to be discarded. */
bool hold_on_record(struct kafka *kafka, const rd_kafka_message_t *message);
void hold_rewound(struct kafka *kafka, const struct kafka_partition *at);
bool hold_is_paused(const struct kafka *kafka,
                    const struct kafka_partition *at);
/* Nothing after the batch has been read, even if its end is searched for. */
int64_t hold_limit_position(const struct kafka *kafka,
                            const struct kafka_partition *at, int64_t position);
void hold_forget(struct kafka *kafka, const struct kafka_partition *at);

#endif
