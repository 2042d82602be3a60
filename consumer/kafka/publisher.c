#include <string.h>

#include "kafka_internal.h"
#include "waybill/alloc.h"
#include "waybill/publisher.h"

struct publisher {
    rd_kafka_t *client;
    size_t failed;
    rd_kafka_resp_err_t first_failure;
    char last_error[256]; /* the last error that librdkafka reported */
};

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message,
                         void *opaque)
{
    struct publisher *publisher = opaque;

    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        publisher->failed++;
        publisher->first_failure =
            publisher->failed == 1 ? message->err : publisher->first_failure;
    }
}

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    struct publisher *publisher = opaque;

    snprintf(publisher->last_error, sizeof(publisher->last_error), "%s",
             reason);
}

#define METADATA_MS 10000

int kafka_check_topic(const struct rd_kafka_metadata *metadata,
                      const char *topic, struct error *err)
{
    rd_kafka_resp_err_t code = metadata->topic_cnt == 1
                                   ? metadata->topics[0].err
                                   : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;

    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return error_set(err, ERROR_REJECTED,
                         "topic '%s' does not exist: create it (Waybill "
                         "creates none)",
                         topic);
    }
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return error_set(err, ERROR_REJECTED, "topic '%s': %s", topic,
                         rd_kafka_err2str(code));
    }
    /* A partition may have no leader for the moment; the client waits for
     * one. */
    return 0;
}

/* The metadata is requested explicitly. Otherwise the first message would wait
 * for the client's next refresh, and a missing topic would be reported only
 * after message.timeout.ms. */
static int find_topic(struct publisher *publisher, const char *name,
                      struct error *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(publisher->client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
    int result;

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG, "topic '%s' cannot be one", name);
    }
    code =
        rd_kafka_metadata(publisher->client, 0, topic, &metadata, METADATA_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_poll(publisher->client, 0);
        return error_set(err, ERROR_UNREACHABLE, "%s",
                         publisher->last_error[0] != '\0'
                             ? publisher->last_error
                             : rd_kafka_err2str(code));
    }
    result = kafka_check_topic(metadata, name, err);
    rd_kafka_metadata_destroy(metadata);
    return result;
}

int publisher_open(const struct kafka_options *options,
                   struct publisher **ret_publisher, struct error *err)
{
    struct publisher *publisher = mem_zalloc(sizeof(*publisher));
    rd_kafka_conf_t *conf = client_conf(CLIENT_PUBLISHER, options, err);

    if (conf == NULL) {
        mem_free(publisher);
        return -1;
    }
    rd_kafka_conf_set_opaque(conf, publisher);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    publisher->client = client_new(RD_KAFKA_PRODUCER, conf, err);
    if (publisher->client == NULL) {
        mem_free(publisher);
        return -1;
    }
    if (find_topic(publisher, options->topic, err) < 0) {
        publisher_free(publisher);
        return -1;
    }
    *ret_publisher = publisher;
    return 0;
}

int publisher_send(struct publisher *publisher, const struct message *message,
                   struct error *err)
{
    rd_kafka_resp_err_t code;

    while ((code = kafka_produce(publisher->client, message, NULL)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(publisher->client, 100);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(err, ERROR_REJECTED, "topic '%s': %s", message->topic,
                         rd_kafka_err2str(code));
    }
    rd_kafka_poll(publisher->client, 0);
    return 0;
}

int publisher_flush(struct publisher *publisher, int timeout_ms,
                    struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(publisher->client, timeout_ms);
    rd_kafka_resp_err_t failure = publisher->first_failure;

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && publisher->failed == 0) {
        return 0;
    }
    if (failure == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
        failure == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        failure == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        failure == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return error_set(err, ERROR_REJECTED, "%zu events not published: %s",
                         publisher->failed, rd_kafka_err2str(failure));
    }
    return error_set(err, ERROR_UNREACHABLE, "events not published: %s",
                     publisher->last_error[0] != '\0' ? publisher->last_error
                                                      : rd_kafka_err2str(code));
}

void publisher_free(struct publisher *publisher)
{
    if (publisher != NULL) {
        /* Messages that could not be sent by now are discarded. */
        rd_kafka_purge(publisher->client,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(publisher->client, 1000);
        rd_kafka_destroy(publisher->client);
        mem_free(publisher);
    }
}
