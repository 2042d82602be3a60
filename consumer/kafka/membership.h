#ifndef WAYBILL_MEMBERSHIP_H
#define WAYBILL_MEMBERSHIP_H

#include "kafka_internal.h"

/* --- consumer.c, membership.c: the member of the group --- */

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
    bool paused;
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
    struct committer *committer;
    bool committing;
    struct header *headers; /* of the record that is being delivered */
    size_t header_capacity;
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

/* --- membership.c --- */

void membership_init(struct kafka *kafka);
void membership_free(struct kafka *kafka);
/* Handle a rebalance, and a response with committed offsets. */
void membership_on_rebalance(struct kafka *kafka, rd_kafka_event_t *event);
void membership_on_offsets(struct kafka *kafka, rd_kafka_event_t *event);
/* Answers a pending assignment, so that librdkafka can go on with closing. */
void membership_stop(struct kafka *kafka);

#endif
