#ifndef WAYBILL_KAFKA_INSPECT_H
#define WAYBILL_KAFKA_INSPECT_H

#include "kafka_internal.h"
#include "topics.h"

/*
 * The requests that find out what the brokers have and permit. They block, for
 * up to five seconds each if a broker does not answer.
 */
struct inspector {
    const struct kafka_options *options;
    rd_kafka_t *client; /* any client */
    /* The transactional id to try; NULL: none */
    const char *transactional_id;
    /* Whether to give up early; NULL: never */
    bool (*is_stopping)(void *payload);
    /* Called before and after a producer with the transactional id exists;
     * NULL: nobody else uses the id. */
    void (*claim_id)(void *payload);
    void (*release_id)(void *payload);
    void *payload;
};

/* Asks the leader of a partition for its beginning or its end:
 * RD_KAFKA_OFFSET_BEGINNING or _END. For a client that is read_committed the
 * end is the last stable offset. Unlike rd_kafka_query_watermark_offsets() it
 * does not wait longer for a leader that cannot be reached. */
rd_kafka_resp_err_t inspect_offset(rd_kafka_t *client, const char *topic,
                                   int32_t partition, int64_t which,
                                   int timeout_ms, int64_t *ret_offset);

/* Whether the topics exist, and their configuration. Fails if no broker
 * answers. */
int inspect_topics(const struct inspector *inspector,
                   struct kafka_facts *ret_facts, struct error *err);
/* The part of inspect_topics() that asks for the configuration of the topics
 * that exist */
void inspect_configs(const struct inspector *inspector,
                     struct kafka_facts *facts);
/* Tries reading and writing, where the facts have no fault yet.
 * What cannot be found out counts as permitted: the running clients will report
 * it. */
void inspect_access(const struct inspector *inspector,
                    struct kafka_facts *facts);

/* The part of inspect_access() that concerns the replays topic */
void inspect_replays(const struct inspector *inspector,
                     struct kafka_facts *facts);

/* Tries the group. For commands only: librdkafka 2.0.2 sometimes aborts the
 * process when the connection to a coordinator is lost during a request of the
 * Admin API (an assertion about the references of the request). A running
 * service learns of a denied group by the errors of its consumer, and sends
 * such requests only for committed offsets (membership.c). */
void inspect_group_access(const struct inspector *inspector,
                          struct kafka_facts *facts);

/* Appends what suggests that the group is not Waybill's alone. Nothing if it
 * may not be described. */
void inspect_group(const struct inspector *inspector,
                   struct condition_list *list);

/* --- probe.c --- */

/* Tries to read a record of the topic. The result is the error of the
 * broker. */
rd_kafka_resp_err_t probe_read(const struct inspector *inspector,
                               const char *topic);

/* A producer that tries to write. Before it starts, it does not use its
 * transactional id. NULL: it cannot be created. */
rd_kafka_t *probe_new_producer(const struct inspector *inspector);
/* Tells a client about a topic and its leaders. The caller destroys the result.
 * NULL: it cannot be a topic. */
rd_kafka_topic_t *probe_learn_topic(rd_kafka_t *client, const char *name);
rd_kafka_resp_err_t probe_start_producer(const struct inspector *inspector,
                                         rd_kafka_t *producer);
/* Tries to add the topic to a transaction, which is aborted. The result is the
 * error of the broker. */
rd_kafka_resp_err_t probe_write(const struct inspector *inspector,
                                rd_kafka_t *producer, const char *topic);

#endif
