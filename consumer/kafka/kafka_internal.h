#ifndef WAYBILL_KAFKA_INTERNAL_H
#define WAYBILL_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "batch.h"
#include "properties.h"
#include "waybill/kafka.h"

/* --- batch.c
 * ------------------------------------------------------------------- */

/* With its group's metadata; batch.c knows no librdkafka. NULL is fine. */
void batch_discard(struct kafka_batch *batch);

/* --- generation.c
 * ---------------------------------------------------------------- */

/* Whether the broker could fence what goes out under this metadata */
bool group_has_generation(const rd_kafka_consumer_group_metadata_t *group);

/* --- committer.c: the producer and its thread
 * ----------------------------------- */

struct committer;

/* `consumer` is asked for its group's metadata at each commit. done_fd becomes
 * readable when a result is there. */
struct committer *committer_new(rd_kafka_t *consumer,
                                const struct kafka_options *options,
                                struct error *err);
int committer_done_fd(const struct committer *committer);
void committer_submit(struct committer *committer, struct kafka_batch *batch);
/* False while there is none; wakes once for each batch. */
bool committer_take(struct committer *committer,
                    struct kafka_result *ret_result);
/* The broker has taken the last producer that was made. */
bool committer_is_ready(struct committer *committer);
/* Text to log, or NULL; the caller frees it. */
char *committer_take_notice(struct committer *committer);
/* Waits for the thread, which ends after what it is doing; at most that long.
 * False: it did not end, and everything that it uses has to stay. */
bool committer_free(struct committer *committer, unsigned timeout_ms);

/* The one way to write a message, for the committer and the publisher. `opaque`
 * comes back in its delivery report. */
rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer,
                                  const struct message *message, void *opaque);

/* --- publisher.c
 * ---------------------------------------------------------------- */

/* Says what is wrong with the one topic that was asked for. */
int kafka_check_topic(const struct rd_kafka_metadata *metadata,
                      const char *topic, struct error *err);

/* Offsets with their metadata, as librdkafka takes them; transaction.c. */
rd_kafka_topic_partition_list_t *kafka_offset_list(
    const struct kafka_position *positions, size_t count);

#endif
