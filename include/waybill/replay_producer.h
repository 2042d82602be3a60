#ifndef WAYBILL_REPLAY_PRODUCER_H
#define WAYBILL_REPLAY_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * The transactional producer of `waybill replay`, which writes records and the
 * progress of the replay in one transaction.
 *
 * Opening it fences every producer with the same transactional id and ends the
 * transaction that a killed process left open; therefore snapshot_committed()
 * is reliable only afterwards. Like snapshot.h, all of it blocks, and it is
 * used from one thread.
 */
struct replay_producer;

enum producer_result {
    /* the record was added, or the transaction was committed */
    PRODUCER_OK,
    /* the transaction was aborted; the producer is still usable */
    PRODUCER_ABORTED,
    /* the outcome is unknown: free it, open another, and ask what is
     * committed */
    PRODUCER_LOST,
    PRODUCER_FENCED, /* another producer has the same transactional id */
};

/* options->topic must exist; options->group is the group that owns the offsets.
 * It stops waiting for the broker when `interrupted` returns true. */
int replay_producer_open(const struct kafka_options *options,
                         bool (*interrupted)(void),
                         struct replay_producer **ret_producer,
                         struct error *err) NODISCARD;
void replay_producer_free(
    /* aborts an open transaction; NULL is fine */
    struct replay_producer *producer);

/* Adds a record to the open transaction, or begins one. Any result other than
 * PRODUCER_OK means that the whole transaction is undone, and err says why
 * (ERROR_TOO_LARGE for a record that exceeds the topic's limit). */
enum producer_result replay_producer_send(struct replay_producer *producer,
                                          const struct message *message,
                                          struct error *err);
/* Commits the transaction, of which these offsets are a part. */
enum producer_result replay_producer_commit(
    struct replay_producer *producer, const struct kafka_position *offsets,
    size_t count, struct error *err);

#endif
