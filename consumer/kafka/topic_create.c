#include <stdio.h>
#include <string.h>

#include "command.h"
#include "waybill/alloc.h"
#include "waybill/topic_create.h"

struct creator {
    rd_kafka_t *client;
    struct diagnosis diagnosis;
    const char *topic;
    const char *model;
};

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    struct creator *creator = opaque;

    diagnosis_note(&creator->diagnosis, (rd_kafka_resp_err_t)code, reason);
}

/* A consumer, because its requests for metadata never make a broker create the
 * topic by itself, with partitions of its own choice. */
static rd_kafka_t *new_client(struct creator *creator,
                              const struct kafka_options *options,
                              struct error *err)
{
    rd_kafka_conf_t *conf = command_conf(CLIENT_CONSUMER, options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    rd_kafka_conf_set_opaque(conf, creator);
    return client_new(RD_KAFKA_CONSUMER, conf, err);
}

/* Returns the error of the topic's metadata in *ret_code. */
static int look_up(struct creator *creator, rd_kafka_resp_err_t *ret_code,
                   struct error *err)
{
    rd_kafka_topic_t *topic =
        rd_kafka_topic_new(creator->client, creator->topic, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG, "topic '%s' cannot be one",
                         creator->topic);
    }
    code = rd_kafka_metadata(creator->client, 0, topic, &metadata,
                             COMMAND_REQUEST_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_poll(creator->client, 0);
        return diagnosis_set_error(&creator->diagnosis,
                                   "asking for the replays topic", code, err);
    }
    *ret_code = metadata->topic_cnt == 1
                    ? metadata->topics[0].err
                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

static int count_partitions(struct creator *creator, int *ret_count,
                            struct error *err)
{
    const struct rd_kafka_metadata *metadata;

    if (command_find_topic(creator->client, &creator->diagnosis, creator->model,
                           "Describe", &metadata, err) < 0) {
        return -1;
    }
    *ret_count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

static int set_refused(const struct creator *creator, int partitions,
                       rd_kafka_resp_err_t code, const char *reason,
                       struct error *err)
{
    return error_set(
        err, ERROR_CONFIG,
        "topic '%s' (kafka.topics.replays) does not exist, and creating it was "
        "refused: %s. Create it: kafka-topics.sh --bootstrap-server %s "
        "--create --topic %s --partitions %d",
        creator->topic, reason != NULL ? reason : rd_kafka_err2str(code),
        creator->diagnosis.options->brokers, creator->topic, partitions);
}

static int check_created(const struct creator *creator, rd_kafka_event_t *event,
                         int partitions, struct error *err)
{
    const rd_kafka_topic_result_t **results;
    rd_kafka_resp_err_t code;
    size_t count = 0;

    if (event == NULL ||
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return diagnosis_set_error(&creator->diagnosis,
                                   "creating the replays topic",
                                   event != NULL ? rd_kafka_event_error(event)
                                                 : RD_KAFKA_RESP_ERR__TIMED_OUT,
                                   err);
    }
    results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event), &count);
    code = count == 1 ? rd_kafka_topic_result_error(results[0])
                      : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
        code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return 0;
    }
    return set_refused(
        creator, partitions, code,
        count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL,
        err);
}

/* With the broker's default replication factor (KIP-464) */
static int create(struct creator *creator, int partitions, struct error *err)
{
    char reason[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        creator->topic, partitions, -1, reason, sizeof(reason));
    rd_kafka_queue_t *responses;
    rd_kafka_event_t *event;
    int result;

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG, "topic '%s': %s", creator->topic,
                         reason);
    }
    responses = rd_kafka_queue_new(creator->client);
    rd_kafka_CreateTopics(creator->client, &topic, 1, NULL, responses);
    event = rd_kafka_queue_poll(responses, COMMAND_REQUEST_MS);
    result = check_created(creator, event, partitions, err);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(responses);
    rd_kafka_NewTopic_destroy(topic);
    return result;
}

static int create_if_missing(struct creator *creator, struct error *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int partitions = 0;

    if (look_up(creator, &code, err) < 0) {
        return -1;
    }
    if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return 0; /* it exists; whoever opens it reports any other error */
    }
    return count_partitions(creator, &partitions, err) < 0 ||
                   create(creator, partitions, err) < 0
               ? -1
               : 0;
}

int topic_create_like(const struct kafka_options *options, const char *model,
                      struct error *err)
{
    struct creator creator = {.diagnosis = {.options = options},
                              .topic = options->topic,
                              .model = model};
    int result = -1;

    creator.client = new_client(&creator, options, err);
    if (creator.client != NULL) {
        result = create_if_missing(&creator, err);
    }
    command_destroy(creator.client);
    return result;
}
