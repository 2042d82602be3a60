#include <stdio.h>
#include <string.h>

#include "command.h"
#include "inspect.h"
#include "topic_plan.h"
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
        return error_set(err, ERROR_CONFIG,
                         "'%s' is not a valid name of a topic", creator->topic);
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

static rd_kafka_resp_err_t read_result(rd_kafka_event_t *event, char *reason,
                                       size_t size)
{
    const rd_kafka_topic_result_t **results;
    rd_kafka_resp_err_t code = event != NULL ? rd_kafka_event_error(event)
                                             : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = NULL;
    size_t count = 0;

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        results = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &count);
        code = count == 1 ? rd_kafka_topic_result_error(results[0])
                          : RD_KAFKA_RESP_ERR_UNKNOWN;
        text =
            count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
    }
    snprintf(reason, size, "%s", text != NULL ? text : rd_kafka_err2str(code));
    return code;
}

static rd_kafka_resp_err_t request_topic(rd_kafka_t *client,
                                         rd_kafka_NewTopic_t *topic,
                                         char *reason, size_t size)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *responses = rd_kafka_queue_new(client);
    rd_kafka_resp_err_t code;
    rd_kafka_event_t *event;
    char ignored[64];

    rd_kafka_AdminOptions_set_operation_timeout(options, COMMAND_REQUEST_MS / 2,
                                                ignored, sizeof(ignored));
    rd_kafka_CreateTopics(client, &topic, 1, options, responses);
    event = rd_kafka_queue_poll(responses, COMMAND_REQUEST_MS);
    code = read_result(event, reason, size);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(responses);
    rd_kafka_AdminOptions_destroy(options);
    return code;
}

/* -1 replicas are the brokers' default (KIP-464). */
rd_kafka_resp_err_t command_create_topic(rd_kafka_t *client,
                                         const struct kafka_topic_plan *plan,
                                         char *reason, size_t size)
{
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        plan->name, plan->partitions, plan->replicas, reason, size);
    rd_kafka_resp_err_t code;

    if (topic == NULL) {
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    for (size_t i = 0; i < plan->setting_count; i++) {
        rd_kafka_NewTopic_set_config(topic, plan->settings[i].name,
                                     plan->settings[i].value);
    }
    code = request_topic(client, topic, reason, size);
    rd_kafka_NewTopic_destroy(topic);
    return code;
}

/* The settings of the topic depend on those of the model, as far as these may
 * be read. */
static void plan_like(const struct creator *creator, int partitions,
                      struct kafka_topic_plan *ret_plan)
{
    const struct kafka_options options = {
        .topic = creator->model,
        .optional_topic = creator->topic,
    };
    const struct inspector inspector = {
        .options = &options,
        .client = creator->client,
    };
    const struct kafka_sizes sizes = {.partitions = partitions};
    struct kafka_facts facts = {0};

    facts.topics[TOPIC_REPLAYS].fault = TOPIC_MISSING;
    inspect_configs(&inspector, &facts);
    topic_plan(&options, &sizes, TOPIC_REPLAYS,
               &facts.topics[TOPIC_INPUT].config, ret_plan);
}

static int set_refused(const struct creator *creator,
                       const struct kafka_topic_plan *plan, const char *reason,
                       struct error *err)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    const struct kafka_tools tools = {
        .brokers = creator->diagnosis.options->brokers,
    };

    kafka_append_create(&command, &tools, plan);
    return error_set(err, ERROR_CONFIG,
                     "topic '%s' (%s) does not exist, and creating it was "
                     "refused: %s. Create it: %s",
                     plan->name, plan->key, reason, command.data);
}

static int create(struct creator *creator, int partitions, struct error *err)
{
    struct kafka_topic_plan plan;
    rd_kafka_resp_err_t code;
    char reason[256];

    plan_like(creator, partitions, &plan);
    code = command_create_topic(creator->client, &plan, reason, sizeof(reason));
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return 0;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
        return diagnosis_set_error(&creator->diagnosis,
                                   "creating the replays topic", code, err);
    default:
        return set_refused(creator, &plan, reason, err);
    }
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
