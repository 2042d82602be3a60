#include <string.h>

#include "committer.h"
#include "waybill/alloc.h"

/*
 * Which messages of a batch were rejected, by the errors that librdkafka
 * reports for them.
 *
 * A broker rejects a record batch as a whole, and librdkafka 2.0.2 does not
 * read which records were the reason (KIP-467). It then gives all messages of
 * that record batch the same error, and purges all others of the transaction.
 */

/* Errors of the connection, of the cluster's state, and of the producer or its
 * transaction: they say nothing about the message. Every other error counts as
 * a rejection of the message, so that an unforeseen one cannot stop the
 * others. */
static bool is_unavailability(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
        return true;
    /* The client's own errors about a message */
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return false;
    default:
        return code < RD_KAFKA_RESP_ERR_UNKNOWN;
    }
}

static bool is_topic_wide(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return true;
    default:
        return false;
    }
}

static void add(struct committer *committer, size_t message,
                rd_kafka_resp_err_t code, int32_t partition, bool is_certain)
{
    committer->rejections = mem_grow(
        committer->rejections, &committer->rejection_capacity,
        committer->rejection_count + 1, sizeof(committer->rejections[0]));
    committer->rejections[committer->rejection_count++] =
        (struct kafka_rejection){
            .message = message,
            .partition = partition,
            .code = rd_kafka_err2name(code),
            .reason = rd_kafka_err2str(code),
            .is_certain = is_certain,
            .is_topic_wide = is_topic_wide(code),
            /* Brokers before 2.4 answer INVALID_MSG (KIP-467). */
            .may_need_key = code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
                            code == RD_KAFKA_RESP_ERR_INVALID_MSG,
        };
}

void rejections_begin(struct committer *committer,
                      const struct kafka_batch *batch)
{
    committer->batch_in_work = batch;
    committer->isolated_now = SIZE_MAX;
    committer->rejection_count = 0;
    committer->failed_deliveries = 0;
}

bool rejections_note_unsent(struct committer *committer, size_t message,
                            rd_kafka_resp_err_t code)
{
    if (is_unavailability(code)) {
        return false;
    }
    add(committer, message, code, -1, true);
    return true;
}

void rejections_note_failed(struct committer *committer, size_t message,
                            rd_kafka_resp_err_t code, int32_t partition)
{
    committer->failed_deliveries++;
    if (!is_unavailability(code)) {
        add(committer, message, code, partition, false);
    }
}

/* If AddPartitionsToTxn is rejected, librdkafka purges all messages and reports
 * only the code, without the topic. An isolated message is alone meanwhile, so
 * while there is none in flight it is one of the others. */
static void add_purged(struct committer *committer, rd_kafka_resp_err_t code)
{
    const struct kafka_batch *batch = committer->batch_in_work;

    if (committer->isolated_now != SIZE_MAX && !is_unavailability(code)) {
        add(committer, committer->isolated_now, code, -1, true);
    } else if (is_topic_wide(code)) {
        for (size_t i = 0; i < batch->message_count; i++) {
            if (!batch_is_isolated(batch, i)) {
                add(committer, i, code, -1, false);
            }
        }
    }
}

/* A message is the reason if no other one of its partition was rejected: then
 * its record batch held no other. Without a partition it was purged, with all
 * others. */
static bool is_only_one(const struct committer *committer, size_t index)
{
    const struct message *messages = committer->batch_in_work->messages;
    const struct kafka_rejection *one = &committer->rejections[index];

    if (one->partition < 0) {
        return committer->rejection_count == 1;
    }
    for (size_t i = 0; i < committer->rejection_count; i++) {
        const struct kafka_rejection *other = &committer->rejections[i];

        if (i != index && other->partition == one->partition &&
            strcmp(messages[other->message].topic,
                   messages[one->message].topic) == 0) {
            return false;
        }
    }
    return true;
}

bool rejections_end(struct committer *committer, rd_kafka_resp_err_t code)
{
    if (committer->rejection_count == 0 && committer->failed_deliveries > 0) {
        add_purged(committer, code);
    }
    for (size_t i = 0; i < committer->rejection_count; i++) {
        struct kafka_rejection *rejection = &committer->rejections[i];

        rejection->is_certain |=
            batch_is_isolated(committer->batch_in_work, rejection->message) ||
            is_only_one(committer, i);
    }
    return committer->rejection_count > 0;
}
