#include <string.h>

#include "committer.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"

/*
 * Writes one batch as one transaction.
 *
 * Each error of librdkafka requires one of three reactions (rdkafka.h,
 * "Transactional producer API"): abort the transaction, repeat the same call,
 * or, for fatal and unclassified errors, create a new producer. No outcome is
 * lost by that: the loop keeps them all, and submits again those of partitions
 * that are still assigned.
 *
 * A request without a response may still be on its way, and librdkafka retries
 * it silently. An EndTxn request that arrives when the next transaction is open
 * would end that one, with whatever it contains by then (KAFKA-17754; affects
 * clients without KIP-890, which librdkafka does not implement). Therefore the
 * producer is recreated after any such request, before the next transaction:
 * the new epoch fences late requests.
 */

/* Timeout of calls that would otherwise block indefinitely, so that a stop
 * request is noticed */
#define CALL_TIMEOUT_MS 5000

void transaction_drop_producer(struct committer *committer)
{
    if (committer->producer != NULL) {
        rd_kafka_destroy_flags(committer->producer,
                               RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        committer->producer = NULL;
    }
}

/* --- callbacks of librdkafka --- */

/* The API keys of the requests that make up a transaction */
static bool is_transactional(int16_t api_key)
{
    return api_key == 0 /* Produce */ || api_key == 22 /* InitProducerId */ ||
           (api_key >= 24 /* AddPartitionsToTxn */ &&
            api_key <= 26 /* EndTxn; between them AddOffsetsToTxn */) ||
           api_key == 28 /* TxnOffsetCommit */;
}

static rd_kafka_resp_err_t on_response(rd_kafka_t *client, int sockfd,
                                       const char *broker, int32_t broker_id,
                                       int16_t api_key, int16_t api_version,
                                       int32_t correlation_id, size_t size,
                                       int64_t rtt, rd_kafka_resp_err_t code,
                                       void *opaque)
{
    struct committer *committer = opaque;

    if (is_transactional(api_key) && (code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                                      code == RD_KAFKA_RESP_ERR__TRANSPORT)) {
        atomic_store(&committer->has_unanswered_request, true);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client,
                                  const rd_kafka_conf_t *conf, void *opaque,
                                  char *reason, size_t size)
{
    return rd_kafka_interceptor_add_on_response_received(client, "waybill",
                                                         on_response, opaque);
}

/* Delivery report. It is called on the committer's thread, within flush and
 * commit calls, and only for failures (delivery.report.only.error). */
static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message,
                        void *opaque)
{
    struct committer *committer = opaque;

    size_t index = (size_t)((const struct message *)message->_private -
                            committer->batch_in_work->messages);

    if (index < committer->batch_in_work->message_count) {
        rejections_note_failed(committer, index, message->err,
                               message->partition);
    }
}

/* --- the producer --- */

static rd_kafka_t *new_producer(struct committer *committer, struct error *err)
{
    rd_kafka_conf_t *conf =
        client_conf(CLIENT_PRODUCER, committer->options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, committer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_interceptor_add_on_new(conf, "waybill", on_new, committer);
    return client_new(RD_KAFKA_PRODUCER, conf, err);
}

/* Consumes the error of a transactional call. Returns 0 if there is none.
 * Otherwise sets err, destroys the producer if it is not usable any more, and
 * returns -1. */
static int check_transaction(struct committer *committer,
                             rd_kafka_error_t *error, const char *step,
                             struct error *err)
{
    bool usable;

    if (error == NULL) {
        return 0;
    }
    error_set(err, ERROR_UNAVAILABLE, "%s: %s", step,
              rd_kafka_error_string(error));
    committer->code = rd_kafka_error_code(error);
    if (fencing_is((int)committer->code)) {
        committer_note_fenced(committer, err);
    }
    usable = rd_kafka_error_txn_requires_abort(error) ||
             rd_kafka_error_is_retriable(error);
    rd_kafka_error_destroy(error);
    if (!usable) {
        transaction_drop_producer(committer);
    }
    return -1;
}

/* Creates the producer if there is none. rd_kafka_init_transactions() fences
 * other producers with this transactional id and waits for their transactions
 * to end. */
int transaction_ensure_producer(struct committer *committer, struct error *err)
{
    rd_kafka_error_t *error;

    if (committer->producer != NULL) {
        return 0;
    }
    committer->producer = new_producer(committer, err);
    if (committer->producer == NULL) {
        atomic_store(&committer->ready, false);
        return -1;
    }
    atomic_store(&committer->has_unanswered_request, false);
    while ((error = rd_kafka_init_transactions(committer->producer,
                                               CALL_TIMEOUT_MS)) != NULL &&
           rd_kafka_error_is_retriable(error) &&
           !committer_is_stopping(committer)) {
        error_set(err, ERROR_UNAVAILABLE, "producer is not ready yet: %s",
                  rd_kafka_error_string(error));
        committer_set_notice(committer, err->message);
        atomic_store(&committer->ready, false);
        rd_kafka_error_destroy(error);
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
    if (check_transaction(committer, error, "producer does not start", err) <
        0) {
        transaction_drop_producer(committer);
        atomic_store(&committer->ready, false);
        return -1;
    }
    atomic_store(&committer->ready, true);
    return 0;
}

static rd_kafka_headers_t *headers_of(const struct message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);

    for (size_t i = 0; i < message->header_count; i++) {
        const struct header *header = &message->headers[i];

        rd_kafka_header_add(
            headers, header->name, -1, header->value.data,
            header->value.data != NULL ? (ssize_t)header->value.len : -1);
    }
    return headers;
}

rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer,
                                  const struct message *message, void *opaque)
{
    rd_kafka_headers_t *headers = headers_of(message);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(message->topic),
        RD_KAFKA_V_KEY((void *)message->key.data, message->key.len),
        RD_KAFKA_V_VALUE((void *)message->value.data, message->value.len),
        RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_TIMESTAMP(message->timestamp_ms > 0 ? message->timestamp_ms
                                                       : 0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque),
        RD_KAFKA_V_END);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

/* Waits until the topic has judged everything that was sent. Returns -1 if a
 * delivery has failed. */
static int await_deliveries(struct committer *committer)
{
    while (rd_kafka_flush(committer->producer, COMMITTER_PAUSE_MS) !=
               RD_KAFKA_RESP_ERR_NO_ERROR &&
           !committer_is_stopping(committer)) {
    }
    return committer->failed_deliveries == 0 ? 0 : -1;
}

static rd_kafka_resp_err_t produce_one(struct committer *committer,
                                       struct message *message)
{
    rd_kafka_resp_err_t code;

    while ((code = kafka_produce(committer->producer, message, message)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           !committer_is_stopping(committer)) {
        rd_kafka_flush(committer->producer, COMMITTER_PAUSE_MS);
    }
    return code;
}

/* Returns -1 if there is no use in producing further messages. */
static int produce(struct committer *committer, const struct kafka_batch *batch,
                   size_t index, struct error *err)
{
    struct message *message = &batch->messages[index];
    rd_kafka_resp_err_t code = produce_one(committer, message);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    error_set(err, ERROR_UNAVAILABLE, "writing %zu byte%s to topic '%s': %s",
              message->value.len, plural_s(message->value.len), message->topic,
              rd_kafka_err2str(code));
    return rejections_note_unsent(committer, index, code) ? 0 : -1;
}

static int produce_isolated(struct committer *committer,
                            const struct kafka_batch *batch, size_t index,
                            struct error *err)
{
    if (await_deliveries(committer) < 0) {
        return -1;
    }
    committer->isolated_now = index;
    if (produce(committer, batch, index, err) < 0 ||
        await_deliveries(committer) < 0) {
        return -1;
    }
    committer->isolated_now = SIZE_MAX;
    return 0;
}

static int produce_all(struct committer *committer,
                       const struct kafka_batch *batch, struct error *err)
{
    for (size_t i = 0; i < batch->message_count; i++) {
        int result = batch_is_isolated(batch, i)
                         ? produce_isolated(committer, batch, i, err)
                         : produce(committer, batch, i, err);

        if (result < 0) {
            return -1;
        }
    }
    return committer->rejection_count == 0 ? 0 : -1;
}

rd_kafka_topic_partition_list_t *kafka_offset_list(
    const struct kafka_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)count);

    for (size_t i = 0; i < count; i++) {
        const struct kafka_position *from = &positions[i];
        rd_kafka_topic_partition_t *to = rd_kafka_topic_partition_list_add(
            list, from->at.topic, from->at.partition);

        to->offset = from->offset;
        /* The list frees it with free(), which matches mem_strdup(). */
        to->metadata = mem_strdup(from->metadata);
        to->metadata_size = strlen(from->metadata);
    }
    return list;
}

/* If the transaction fails while this call is under way, librdkafka returns
 * ERR__STATE without the reason. A second call then returns the first error of
 * the transaction. */
static int send_offsets(struct committer *committer,
                        const struct kafka_batch *batch, struct error *err)
{
    rd_kafka_topic_partition_list_t *offsets =
        kafka_offset_list(batch->offsets, batch->offset_count);
    rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
        committer->producer, offsets, batch->group, -1);

    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE) {
        rd_kafka_error_destroy(error);
        error = rd_kafka_send_offsets_to_transaction(committer->producer,
                                                     offsets, batch->group, -1);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return check_transaction(committer, error, "sending offsets", err);
}

/* A commit that timed out is repeated, never aborted, because it may have
 * succeeded (rdkafka.h: the call is resumable). */
static int commit_transaction(struct committer *committer, struct error *err)
{
    rd_kafka_error_t *error;

    while ((error = rd_kafka_commit_transaction(committer->producer, -1)) !=
               NULL &&
           rd_kafka_error_is_retriable(error) &&
           !rd_kafka_error_txn_requires_abort(error) &&
           !committer_is_stopping(committer)) {
        rd_kafka_error_destroy(error);
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
    return check_transaction(committer, error, "committing", err);
}

static int begin_transaction(struct committer *committer,
                             const struct kafka_batch *batch, struct error *err)
{
    if (check_transaction(committer,
                          rd_kafka_begin_transaction(committer->producer),
                          "beginning a transaction", err) < 0) {
        return -1;
    }
    fault_point("begun");
    if (produce_all(committer, batch, err) < 0 &&
        (committer->rejection_count > 0 || committer->failed_deliveries == 0)) {
        return -1;
    }
    fault_point("produced");
    /* If deliveries have failed without saying why, this call says it. */
    if (send_offsets(committer, batch, err) < 0) {
        return -1;
    }
    fault_point("offsets-sent");
    return 0;
}

/* If aborting fails, the producer is destroyed, and the epoch of the next one
 * ends the transaction. */
static void abort_transaction(struct committer *committer)
{
    rd_kafka_error_t *error;

    if (committer->producer == NULL) {
        return;
    }
    error = rd_kafka_abort_transaction(committer->producer, -1);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        transaction_drop_producer(committer);
    }
}

/* 1: the partition's committed position is the one of the batch, 0: it is not,
 * or it decides nothing, -1: it is not known. */
static int compare_committed(const struct kafka_position *position,
                             rd_kafka_topic_partition_list_t *offsets,
                             rd_kafka_topic_partition_list_t *ours)
{
    const struct kafka_partition *at = &position->at;
    const rd_kafka_topic_partition_t *now =
        rd_kafka_topic_partition_list_find(offsets, at->topic, at->partition);

    if (now == NULL || rd_kafka_topic_partition_list_find(
                           ours, at->topic, at->partition) == NULL) {
        return 0;
    }
    if (now->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    return batch_position_is(position, now->offset,
                             (struct bytes){now->metadata, now->metadata_size});
}

/* Whether the batch was committed: 1 yes, 0 no, -1 not known for the moment.
 * One partition decides for all, because their offsets were committed together
 * and no two commits of a partition are equal. Partitions that are no longer
 * assigned to this member decide nothing, because their new owner may have
 * committed since. */
static int was_committed(struct committer *committer,
                         const struct kafka_batch *batch)
{
    rd_kafka_topic_partition_list_t *offsets =
        kafka_offset_list(batch->offsets, batch->offset_count);
    rd_kafka_topic_partition_list_t *ours = NULL;
    int committed = -1;

    if (rd_kafka_assignment(committer->consumer, &ours) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_committed(committer->consumer, offsets, CALL_TIMEOUT_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        committed = 0;
        for (size_t i = 0; i < batch->offset_count && committed == 0; i++) {
            committed = compare_committed(&batch->offsets[i], offsets, ours);
        }
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    if (ours != NULL) {
        rd_kafka_topic_partition_list_destroy(ours);
    }
    return committed;
}

/* Determines the outcome of a transaction whose producer was lost during the
 * commit. Starting the next producer ends that transaction, committed or
 * aborted, and the committed offsets show which, because they are a part of it.
 * Guessing could lose outcomes or write them twice; therefore this retries
 * until the outcome is known. */
static bool resolve_commit(struct committer *committer,
                           const struct kafka_batch *batch)
{
    struct error err;

    while (!committer_is_stopping(committer)) {
        if (transaction_ensure_producer(committer, &err) == 0) {
            int committed = was_committed(committer, batch);

            if (committed >= 0) {
                return committed == 1;
            }
            error_set(&err, ERROR_UNAVAILABLE,
                      "cannot find out whether the last transaction was "
                      "committed: no committed offsets");
        }
        committer_set_notice(committer, err.message);
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
    /* The process stops, and therefore will not repeat the batch. */
    return false;
}

/* Aborts the transaction, which also gets reports for all of its messages. */
static enum kafka_verdict end_failed(struct committer *committer,
                                     struct error *err)
{
    abort_transaction(committer);
    if (rejections_end(committer, committer->code)) {
        const struct kafka_rejection *first = committer->rejections;

        error_set(
            err, ERROR_UNAVAILABLE,
            "topic '%s' rejected %zu of %zu "
            "message%s: %s",
            committer->batch_in_work->messages[first->message].topic,
            committer->rejection_count, committer->batch_in_work->message_count,
            plural_s(committer->batch_in_work->message_count), first->reason);
        /* The next producer asks for the topic anew. */
        if (first->is_topic_wide) {
            transaction_drop_producer(committer);
        }
        return KAFKA_REJECTED;
    }
    return committer->code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE
               ? KAFKA_METADATA_TOO_LARGE
               : KAFKA_ABORTED;
}

enum kafka_verdict transaction_run(struct committer *committer,
                                   const struct kafka_batch *batch,
                                   struct error *err)
{
    rejections_begin(committer, batch);
    if (transaction_ensure_producer(committer, err) < 0) {
        return KAFKA_ABORTED;
    }
    if (begin_transaction(committer, batch, err) < 0) {
        return end_failed(committer, err);
    }
    if (fault_is_broken("pretend-commit")) {
        abort_transaction(committer);
        return KAFKA_COMMITTED;
    }
    if (commit_transaction(committer, err) == 0) {
        fault_point("ended");
        return KAFKA_COMMITTED;
    }
    if (committer->producer != NULL) {
        return end_failed(committer, err);
    }
    return resolve_commit(committer, batch) ? KAFKA_COMMITTED : KAFKA_ABORTED;
}
