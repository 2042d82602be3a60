#ifndef WAYBILL_MEMBERSHIP_H
#define WAYBILL_MEMBERSHIP_H

#include "kafka_internal.h"

/* --- consumer.c, membership.c: the member of the group
 * ----------------------------------- */

struct kafka {
    struct loop *loop;
    struct kafka_options options;
    const struct kafka_handler *handler;
    void *payload;
    rd_kafka_t *client;
    rd_kafka_queue_t *events;
    /* The final revocation comes here: the consumer's own queue cannot be
     * forwarded to itself. */
    rd_kafka_queue_t *closing_events;
    int event_fd;
    struct task more;
    struct timer heartbeat;
    struct timer close_deadline;
    struct timer refusal; /* of a commit without a generation */
    bool paused;
    bool ever_assigned;
    bool member; /* what the group has given is being read */
    bool closing;
    bool closed;
    rd_kafka_topic_partition_list_t *arriving; /* until their offsets are known
                                                */
    struct timer ask_again;
    rd_kafka_topic_partition_list_t *assigned;
    rd_kafka_topic_partition_list_t *resting;  /* paused one by one */
    rd_kafka_topic_partition_list_t *revoking; /* until kafka_release() */
    struct committer *committer;
    bool committing;
};

/* --- notices.c: what librdkafka says --- */

void kafka_notice(struct kafka *queue, enum log_level level, const char *format,
                  ...) PRINTF(3, 4);
/* An error of one message or of one topic, which does not end anything */
void kafka_notice_trouble(struct kafka *queue, rd_kafka_resp_err_t code,
                          const char *text);
/* Of RD_KAFKA_EVENT_ERROR: a notice, or the end */
void kafka_notice_error(struct kafka *queue, rd_kafka_event_t *event);
void kafka_notice_log(struct kafka *queue, rd_kafka_event_t *event);

/* --- membership.c --- */

void membership_init(struct kafka *queue);
void membership_free(struct kafka *queue);
/* What the group says, and what the broker says of committed offsets */
void membership_on_rebalance(struct kafka *queue, rd_kafka_event_t *event);
void membership_on_offsets(struct kafka *queue, rd_kafka_event_t *event);
/* Nobody will ask for records any more: answers what the group waits for. */
void membership_stop(struct kafka *queue);

#endif
