#ifndef WAYBILL_COPIER_H
#define WAYBILL_COPIER_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * The transactional producer of `waybill replay`: records and the progress of
 * the group are written together.
 *
 * Opening it fences whoever has the same transactional id, and ends what a
 * killed one has left open; only what snapshot_committed() says afterwards is
 * settled. Like everything in snapshot.h it blocks.
 */
struct replay_producer;

enum copy_result {
    COPY_COMMITTED,
    COPY_ABORTED, /* nothing was written; go on with the same copier */
    COPY_LOST,    /* free it, open another, and ask what is committed */
    COPY_FENCED,  /* another one has taken over */
};

/* options->topic must exist; options->group is the one of the offsets. Gives up
 * when `interrupted` says so. */
int replay_producer_open(const struct kafka_options *options,
                         bool (*interrupted)(void),
                         struct replay_producer **ret_producer,
                         struct error *err) NODISCARD;
void replay_producer_free(
    struct replay_producer *replay_producer); /* NULL is fine; aborts */

/* Writes into the open transaction; begins one when there is none. What is not
 * COPY_COMMITTED means that all of the transaction is undone; err says why,
 * ERROR_TOO_LARGE among it. */
enum copy_result replay_producer_send(struct replay_producer *replay_producer,
                                      const struct message *message,
                                      struct error *err);
/* Ends the transaction, with these offsets as a part of it. */
enum copy_result replay_producer_commit(struct replay_producer *replay_producer,
                                        const struct kafka_position *offsets,
                                        size_t count, struct error *err);

#endif
