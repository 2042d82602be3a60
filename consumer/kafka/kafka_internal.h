#ifndef WAYBILL_KAFKA_INTERNAL_H
#define WAYBILL_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "batch.h"
#include "properties.h"
#include "waybill/kafka.h"

/* --- batch.c --- */

/* Frees the batch together with its group metadata, which batch.c cannot free
 * because it does not know librdkafka. NULL is fine. Defined in committer.c. */
void batch_discard(struct kafka_batch *batch);

/* --- generation.c --- */

/* Whether the metadata has a generation, without which the broker fences
 * nothing */
bool group_has_generation(const rd_kafka_consumer_group_metadata_t *group);

/* --- committer.c: the producer and its thread, and the checks --- */

struct committer;
struct condition_list;

/* Starts the threads. The committer asks `consumer` for committed offsets after
 * a producer was lost during a commit. committer_done_fd() becomes readable
 * when there is a result or a notice. */
struct committer *committer_new(rd_kafka_t *consumer,
                                const struct kafka_options *options,
                                struct error *err);
int committer_done_fd(const struct committer *committer);
void committer_submit(struct committer *committer, struct kafka_batch *batch);
/* False if there is no result. The file descriptor wakes the loop once for each
 * batch. */
bool committer_take(struct committer *committer,
                    struct kafka_result *ret_result);
/* Whether the broker accepted the most recent producer */
bool committer_is_ready(struct committer *committer);
/* A message for the log, or NULL; the caller frees it. */
char *committer_take_notice(struct committer *committer);
/* The conditions that the last check has found. False: there was none since. */
bool committer_take_report(struct committer *committer,
                           struct condition_list *ret_report);
/* Asks for the first offset of a partition;
 * committer_take_first() returns it later, or false. The topic's name must be
 * the options' own. */
void committer_find_first(struct committer *committer,
                          const struct kafka_partition *at);
bool committer_take_first(struct committer *committer,
                          struct kafka_partition *ret_at, int64_t *ret_first);
/* Makes the next check include the permissions, and soon. */
void committer_check_access(struct committer *committer);
/* No further check begins, and one that runs ends early. */
void committer_stop_checks(struct committer *committer);
/* Stops the threads after their current operations, waits for them, and frees
 * the committer. Returns false if they have not ended in time: everything that
 * they use must then stay allocated. */
bool committer_free(struct committer *committer, unsigned timeout_ms);

/* Produces one message, for the committer, the publisher and the replay
 * producer. `opaque` is passed to its delivery report. */
rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer,
                                  const struct message *message, void *opaque);

/* --- transaction.c --- */

/* Offsets with their metadata in librdkafka's form, which the caller
 * destroys. */
rd_kafka_topic_partition_list_t *kafka_offset_list(
    const struct kafka_position *positions, size_t count);

#endif
