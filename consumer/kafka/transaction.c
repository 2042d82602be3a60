#include <string.h>

#include "committer.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"

/*
 * One batch, one transaction.
 *
 * What librdkafka's errors ask for (rdkafka.h, "Transactional producer API"):
 * abort, the same call again, or, for what is fatal and for what says nothing,
 * a new producer. The results are never at stake: they are the loop's, which
 * hands in what is still its to commit.
 *
 * A request whose answer is missing may still be on its way, and librdkafka
 * asks again without a word. An EndTxn that arrives when the next transaction
 * is open would end that one, with whatever it holds by then (KAFKA-17754;
 * clients without KIP-890, and no librdkafka has it). So after any such request
 * the producer is made anew before the next transaction: its epoch fences what
 * is late.
 */

/* Of what blocks without an end by itself: so that a stop is noticed */
#define PATIENCE_MS 5000

void transaction_drop_producer(struct committer *committer)
{
    if (committer->producer != NULL) {
        rd_kafka_destroy_flags(committer->producer,
                               RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        committer->producer = NULL;
    }
}

/* --- what librdkafka tells on the way ---------------------------------------
 */

/* Kafka's numbers of the requests that a transaction consists of */
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
        atomic_store(&committer->indefinite, true);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client,
                                  const rd_kafka_conf_t *conf, void *opaque,
                                  char *why, size_t size)
{
    return rd_kafka_interceptor_add_on_response_received(client, "waybill",
                                                         on_response, opaque);
}

/* Called on the thread, while it waits in a commit; only of failures. */
static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message,
                        void *opaque)
{
    struct committer *committer = opaque;

    /* More than none: one without a value can be too large, too. */
    if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
        message->len + 1 >= committer->refused_size) {
        committer->refused_size = message->len + 1;
        committer->refused =
            (size_t)((const struct message *)message->_private -
                     committer->messages);
    }
}

/* --- the producer -----------------------------------------------------------
 */

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

/* 0: go on. -1: err is set, the error is gone, and so, where needed, is the
 * producer. */
static int settle(struct committer *committer, rd_kafka_error_t *error,
                  const char *step, struct error *err)
{
    bool usable;

    if (error == NULL) {
        return 0;
    }
    error_set(err, ERROR_UNAVAILABLE, "%s: %s", step,
              rd_kafka_error_string(error));
    committer->code = rd_kafka_error_code(error);
    usable = rd_kafka_error_txn_requires_abort(error) ||
             rd_kafka_error_is_retriable(error);
    rd_kafka_error_destroy(error);
    if (!usable) {
        transaction_drop_producer(committer);
    }
    return -1;
}

/* Fences whoever had this transactional id before, and waits for the broker. */
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
    atomic_store(&committer->indefinite, false);
    while ((error = rd_kafka_init_transactions(committer->producer,
                                               PATIENCE_MS)) != NULL &&
           rd_kafka_error_is_retriable(error) &&
           !committer_is_stopping(committer)) {
        error_set(err, ERROR_UNAVAILABLE, "producer is not ready yet: %s",
                  rd_kafka_error_string(error));
        committer_say(committer, err->message);
        atomic_store(&committer->ready, false);
        rd_kafka_error_destroy(error);
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
    if (settle(committer, error, "producer does not start", err) < 0) {
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

static int produce_all(struct committer *committer,
                       const struct kafka_batch *batch, struct error *err)
{
    committer->messages = batch->messages;
    for (size_t i = 0; i < batch->message_count; i++) {
        struct message *message = &batch->messages[i];
        rd_kafka_resp_err_t code;

        while ((code = kafka_produce(committer->producer, message, message)) ==
                   RD_KAFKA_RESP_ERR__QUEUE_FULL &&
               !committer_is_stopping(committer)) {
            rd_kafka_flush(committer->producer, COMMITTER_PAUSE_MS);
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return error_set(
                err, ERROR_UNAVAILABLE, "writing %zu bytes to topic '%s': %s",
                message->value.len, message->topic, rd_kafka_err2str(code));
        }
    }
    return 0;
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
        /* The list frees it, with the free() that is mem_alloc()'s too. */
        to->metadata = mem_strdup(from->metadata);
        to->metadata_size = strlen(from->metadata);
    }
    return list;
}

static int send_offsets(struct committer *committer,
                        const struct kafka_batch *batch, struct error *err)
{
    rd_kafka_topic_partition_list_t *offsets =
        kafka_offset_list(batch->offsets, batch->offset_count);
    rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
        committer->producer, offsets, batch->group, -1);

    rd_kafka_topic_partition_list_destroy(offsets);
    return settle(committer, error, "sending offsets", err);
}

/* A commit whose answer is late is asked for again, never aborted: it may have
 * happened (rdkafka.h: the call is resumable). */
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
    return settle(committer, error, "committing", err);
}

static int begin_transaction(struct committer *committer,
                             const struct kafka_batch *batch, struct error *err)
{
    if (settle(committer, rd_kafka_begin_transaction(committer->producer),
               "beginning a transaction", err) < 0) {
        return -1;
    }
    fault_point("begun");
    if (produce_all(committer, batch, err) < 0) {
        return -1;
    }
    fault_point("produced");
    if (send_offsets(committer, batch, err) < 0) {
        return -1;
    }
    fault_point("offsets-sent");
    return 0;
}

/* What happened to the transaction is either known afterwards, or the producer
 * is gone and the next one's epoch makes an end of it. */
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

static int compare(const struct kafka_position *position,
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
    return now->offset == position->offset &&
           now->metadata_size == strlen(position->metadata) &&
           memcmp(now->metadata, position->metadata, now->metadata_size) == 0;
}

/* 1: it was, 0: it was not; -1: that cannot be known just now. One partition
 * tells for all: they were committed together, and no two commits of one say
 * the same. Those that are somebody else's by now tell nothing. */
static int was_committed(struct committer *committer,
                         const struct kafka_batch *batch)
{
    rd_kafka_topic_partition_list_t *offsets =
        kafka_offset_list(batch->offsets, batch->offset_count);
    rd_kafka_topic_partition_list_t *ours = NULL;
    int answer = -1;

    if (rd_kafka_assignment(committer->consumer, &ours) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_committed(committer->consumer, offsets, PATIENCE_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        answer = 0;
        for (size_t i = 0; i < batch->offset_count && answer == 0; i++) {
            answer = compare(&batch->offsets[i], offsets, ours);
        }
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    if (ours != NULL) {
        rd_kafka_topic_partition_list_destroy(ours);
    }
    return answer;
}

/* The producer was lost while it committed. The next one's start brings the
 * transaction to its end, one way or the other, and the offsets tell which,
 * because they are a part of it. To guess would be to lose outcomes, or to
 * write them twice: so it is asked until it is known. */
static bool find_out(struct committer *committer,
                     const struct kafka_batch *batch)
{
    struct error err;

    while (!committer_is_stopping(committer)) {
        if (transaction_ensure_producer(committer, &err) == 0) {
            int answer = was_committed(committer, batch);

            if (answer >= 0) {
                return answer == 1;
            }
            error_set(&err, ERROR_UNAVAILABLE,
                      "cannot find out whether the last transaction was "
                      "committed: no committed offsets");
        }
        committer_say(committer, err.message);
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
    return false; /* the process ends, and with it what would be done twice */
}

static enum kafka_verdict why_aborted(const struct committer *committer)
{
    if (committer->refused_size > 0) {
        return KAFKA_REFUSED_MESSAGE;
    }
    return committer->code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE
               ? KAFKA_REFUSED_METADATA
               : KAFKA_ABORTED;
}

enum kafka_verdict transaction_run(struct committer *committer,
                                   const struct kafka_batch *batch,
                                   struct error *err)
{
    if (transaction_ensure_producer(committer, err) < 0) {
        return KAFKA_ABORTED;
    }
    if (begin_transaction(committer, batch, err) < 0) {
        abort_transaction(committer);
        return why_aborted(committer);
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
        abort_transaction(committer);
        return why_aborted(committer);
    }
    return find_out(committer, batch) ? KAFKA_COMMITTED : KAFKA_ABORTED;
}
