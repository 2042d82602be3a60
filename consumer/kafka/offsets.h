#ifndef WAYBILL_KAFKA_OFFSETS_H
#define WAYBILL_KAFKA_OFFSETS_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 * Queries the offsets that the group has committed, on a thread of its own
 * while a query is in progress, because rd_kafka_committed() blocks: for as
 * long as a transaction of the previous owner is open (KIP-447), or no broker
 * answers.
 *
 * rd_kafka_ListConsumerGroupOffsets() would not block, but librdkafka 2.0
 * calls abort() in requests of the Admin API to a group coordinator if the
 * connection is lost at the wrong moment ("eonce->refcnt > 0").
 *
 * All functions are called on the thread of the loop.
 */
struct offsets_query {
    bool running;
    bool stale; /* it was asked for an assignment that is over */
    pthread_t thread;
    rd_kafka_t *client;
    int event_fd;
    atomic_bool answered;
    /* Both belong to the thread while the query is running. */
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
};

/* Starts a query for the partitions of the list, which is copied. No query may
 * be running. Returns false if there can be no thread. An answer within a few
 * seconds, perhaps a timeout, is announced by writing to the eventfd. */
bool offsets_query_start(struct offsets_query *query, rd_kafka_t *client,
                         const rd_kafka_topic_partition_list_t *list,
                         int event_fd);
/* Returns true if the query has been answered, which ends it. The caller frees
 * *ret_list, which has the committed offsets and metadata unless *ret_code is
 * an error. */
bool offsets_query_take(struct offsets_query *query,
                        rd_kafka_topic_partition_list_t **ret_list,
                        rd_kafka_resp_err_t *ret_code);
/* Waits until the query has ended, and frees its answer. Returns false if it is
 * still running after the time it has. */
bool offsets_query_finish(struct offsets_query *query);

#endif
