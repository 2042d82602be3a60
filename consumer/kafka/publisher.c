#include <string.h>

#include "command.h"
#include "waybill/alloc.h"
#include "waybill/publisher.h"

struct publisher {
    rd_kafka_t *client;
    size_t failed;
    rd_kafka_resp_err_t first_failure;
    struct kafka_options options;
    struct diagnosis diagnosis;
    publisher_rejected_fn *rejected;
    void *payload;
};

/* --- messages that are rejected --- */

/* Whether the error is about the message itself, so that others may be
 * accepted */
static bool is_rejection(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return true;
    default:
        return false;
    }
}

static void report_rejection(const struct publisher *publisher, void *opaque,
                             rd_kafka_resp_err_t code)
{
    const char *topic = publisher->options.topic;
    struct error err;

    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        error_fill(&err, ERROR_REJECTED,
                   "it is larger than topic '%s' accepts (%s); raise "
                   "max.message.bytes of the topic (and message.max.bytes of "
                   "kafka.properties if it is set), or make the event smaller",
                   topic, rd_kafka_err2str(code));
        break;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        error_fill(&err, ERROR_REJECTED,
                   "topic '%s' rejects it (%s); a compacted topic requires a "
                   "key, which --key sets",
                   topic, rd_kafka_err2str(code));
        break;
    default:
        error_fill(
            &err, ERROR_REJECTED,
            "topic '%s' rejects it (%s); check the settings of the topic",
            topic, rd_kafka_err2str(code));
        break;
    }
    publisher->rejected(publisher->payload, opaque, &err);
}

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message,
                         void *opaque)
{
    struct publisher *publisher = opaque;

    if (is_rejection(message->err)) {
        report_rejection(publisher, message->_private, message->err);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        publisher->failed++;
        publisher->first_failure =
            publisher->failed == 1 ? message->err : publisher->first_failure;
    }
}

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    struct publisher *publisher = opaque;

    diagnosis_note(&publisher->diagnosis, (rd_kafka_resp_err_t)code, reason);
}

static int find_topic(struct publisher *publisher, struct error *err)
{
    const struct rd_kafka_metadata *metadata;

    if (command_find_topic(publisher->client, &publisher->diagnosis,
                           publisher->options.topic, "Write", &metadata,
                           err) < 0) {
        return -1;
    }
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

int publisher_open(const struct kafka_options *options,
                   publisher_rejected_fn *rejected, void *payload,
                   struct publisher **ret_publisher, struct error *err)
{
    struct publisher *publisher = mem_zalloc(sizeof(*publisher));
    rd_kafka_conf_t *conf = command_conf(CLIENT_PUBLISHER, options, err);

    if (conf == NULL) {
        mem_free(publisher);
        return -1;
    }
    publisher->options = *options;
    publisher->rejected = rejected;
    publisher->payload = payload;
    publisher->diagnosis.options = &publisher->options;
    rd_kafka_conf_set_opaque(conf, publisher);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    publisher->client = client_new(RD_KAFKA_PRODUCER, conf, err);
    if (publisher->client == NULL) {
        mem_free(publisher);
        return -1;
    }
    if (find_topic(publisher, err) < 0) {
        publisher_free(publisher);
        return -1;
    }
    *ret_publisher = publisher;
    return 0;
}

/* The error of messages that were not acknowledged */
static int set_failure(struct publisher *publisher, struct error *err)
{
    rd_kafka_resp_err_t code = publisher->first_failure;
    char what[80];

    snprintf(what, sizeof(what), "%zu event%s not published", publisher->failed,
             plural_s(publisher->failed));
    if (is_denied(code)) {
        return set_denied(&publisher->options, "topic",
                          publisher->options.topic, "Write", err);
    }
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        return error_set(err, ERROR_REJECTED, "%s: topic '%s': %s", what,
                         publisher->options.topic, rd_kafka_err2str(code));
    }
    return diagnosis_set_error(&publisher->diagnosis, what, code, err);
}

static bool is_unreachable(const struct publisher *publisher)
{
    return publisher->failed > 0 &&
           publisher->first_failure == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
}

/* Messages that have timed out make room for others, which would time out as
 * well. */
int publisher_send(struct publisher *publisher, const struct message *message,
                   void *opaque, struct error *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;

    while (!is_unreachable(publisher) &&
           (code = kafka_produce(publisher->client, message, opaque)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(publisher->client, 100);
    }
    rd_kafka_poll(publisher->client, 0);
    if (is_unreachable(publisher)) {
        return set_failure(publisher, err);
    }
    if (is_rejection(code)) {
        report_rejection(publisher, opaque, code);
        return 0;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(err, ERROR_REJECTED, "topic '%s': %s", message->topic,
                         rd_kafka_err2str(code));
    }
    return 0;
}

int publisher_flush(struct publisher *publisher, int timeout_ms,
                    struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(publisher->client, timeout_ms);

    if (publisher->failed > 0) {
        return set_failure(publisher, err);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : diagnosis_set_error(&publisher->diagnosis,
                                     "events not published", code, err);
}

void publisher_free(struct publisher *publisher)
{
    if (publisher != NULL) {
        /* Messages that could not be sent by now are discarded. */
        rd_kafka_purge(publisher->client,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(publisher->client, 1000);
        command_destroy(publisher->client);
        mem_free(publisher);
    }
}
