#include "inspect.h"
#include "outage.h"

#include <string.h>

#include "waybill/alloc.h"

#define REQUEST_TIMEOUT_MS 5000
/* How often a wait looks whether the inspector is stopping */
#define POLL_MS 100

static bool is_stopping(const struct inspector *inspector)
{
    return inspector->is_stopping != NULL &&
           inspector->is_stopping(inspector->payload);
}

/* The response to a request of the Admin API. NULL: there was none in time, or
 * the inspector is stopping. */
static rd_kafka_event_t *await_response(const struct inspector *inspector,
                                        rd_kafka_queue_t *responses,
                                        int timeout_ms)
{
    rd_kafka_event_t *event = NULL;

    for (int waited_ms = 0;
         event == NULL && waited_ms < timeout_ms && !is_stopping(inspector);
         waited_ms += POLL_MS) {
        event = rd_kafka_queue_poll(responses, POLL_MS);
    }
    return event;
}

rd_kafka_resp_err_t inspect_offset(rd_kafka_t *client, const char *topic,
                                   int32_t partition, int64_t which,
                                   int timeout_ms, int64_t *ret_offset)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t code;

    at->offset = which;
    code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    code = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : at->err;
    *ret_offset = at->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* --- existence --- */

static void read_metadata(const struct rd_kafka_metadata *metadata,
                          struct topic_facts *facts)
{
    const struct rd_kafka_metadata_topic *topic;

    if (metadata->topic_cnt != 1) {
        facts->fault = TOPIC_MISSING;
        return;
    }
    topic = &metadata->topics[0];
    if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        topic->err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
        facts->fault = TOPIC_MISSING;
    } else if (topic->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        facts->fault = TOPIC_HIDDEN;
    } else if (topic->partition_cnt > 0) {
        facts->partitions = topic->partition_cnt;
        facts->replicas = topic->partitions[0].replica_cnt;
    }
}

/* A topic without a leader exists; its clients wait for one. */
static int find_topic(const struct inspector *inspector, const char *name,
                      struct topic_facts *facts, struct error *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(inspector->client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG,
                         "'%s' is not a valid name of a topic", name);
    }
    code = rd_kafka_metadata(inspector->client, 0, topic, &metadata,
                             REQUEST_TIMEOUT_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(err, ERROR_UNREACHABLE,
                         OUTAGE_NO_ANSWER "%s answers: %s",
                         inspector->options->brokers, rd_kafka_err2str(code));
    }
    read_metadata(metadata, facts);
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

/* --- configuration --- */

static void read_config(const rd_kafka_ConfigResource_t *resource,
                        struct topic_facts *facts)
{
    struct topic_config *config = &facts->config;
    size_t count;
    const rd_kafka_ConfigEntry_t **entries =
        rd_kafka_ConfigResource_configs(resource, &count);

    if (rd_kafka_ConfigResource_error(resource) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        facts->is_config_denied = rd_kafka_ConfigResource_error(resource) ==
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        return;
    }
    topic_config_init(config);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value != NULL) {
            topic_config_set(config, rd_kafka_ConfigEntry_name(entries[i]),
                             value);
        }
    }
}

static void read_configs(const struct inspector *inspector,
                         rd_kafka_event_t *event, struct kafka_facts *facts)
{
    const rd_kafka_DescribeConfigs_result_t *result =
        event != NULL ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    const rd_kafka_ConfigResource_t **resources;
    size_t count = 0;

    if (result == NULL ||
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigResource_name(resources[i]);

        for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
            const char *own = topic_name(inspector->options, role);

            if (own != NULL && strcmp(name, own) == 0) {
                read_config(resources[i], &facts->topics[role]);
            }
        }
    }
}

static size_t list_resources(
    const struct inspector *inspector, const struct kafka_facts *facts,
    rd_kafka_ConfigResource_t *ret_resources[TOPIC_ROLES])
{
    size_t count = 0;

    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        const char *name = topic_name(inspector->options, role);

        if (name != NULL && facts->topics[role].fault == TOPIC_USABLE) {
            ret_resources[count++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
        }
    }
    return count;
}

void inspect_configs(const struct inspector *inspector,
                     struct kafka_facts *facts)
{
    rd_kafka_ConfigResource_t *resources[TOPIC_ROLES];
    size_t count = list_resources(inspector, facts, resources);
    rd_kafka_queue_t *responses;
    rd_kafka_event_t *event;

    if (count == 0) {
        return;
    }
    responses = rd_kafka_queue_new(inspector->client);
    rd_kafka_DescribeConfigs(inspector->client, resources, count, NULL,
                             responses);
    event = await_response(inspector, responses, REQUEST_TIMEOUT_MS);
    read_configs(inspector, event, facts);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(responses);
    rd_kafka_ConfigResource_destroy_array(resources, count);
}

int inspect_topics(const struct inspector *inspector,
                   struct kafka_facts *ret_facts, struct error *err)
{
    *ret_facts = (struct kafka_facts){
        .transactional_id = inspector->transactional_id,
    };
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        const char *name = topic_name(inspector->options, role);

        if (name != NULL && !is_stopping(inspector) &&
            find_topic(inspector, name, &ret_facts->topics[role], err) < 0) {
            return -1;
        }
    }
    if (!is_stopping(inspector)) {
        inspect_configs(inspector, ret_facts);
    }
    return 0;
}

/* --- permissions --- */

static void try_read(const struct inspector *inspector,
                     struct kafka_facts *facts, enum topic_role role)
{
    struct topic_facts *topic = &facts->topics[role];
    const char *name = topic_name(inspector->options, role);

    if (name != NULL && topic->fault == TOPIC_USABLE &&
        !is_stopping(inspector) &&
        probe_read(inspector, name) ==
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        topic->fault = TOPIC_UNREADABLE;
    }
}

void inspect_replays(const struct inspector *inspector,
                     struct kafka_facts *facts)
{
    try_read(inspector, facts, TOPIC_REPLAYS);
}

static const rd_kafka_error_t *group_error(rd_kafka_event_t *event)
{
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        event != NULL ? rd_kafka_event_ListConsumerGroupOffsets_result(event)
                      : NULL;
    const rd_kafka_group_result_t **groups;
    size_t count = 0;

    if (result == NULL ||
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return NULL;
    }
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
    return count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
}

static bool is_group_denied(rd_kafka_event_t *event)
{
    const rd_kafka_error_t *error = group_error(event);

    return (event != NULL &&
            rd_kafka_event_error(event) ==
                RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) ||
           (error != NULL && rd_kafka_error_code(error) ==
                                 RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
}

/* Asking for the group's offsets takes the permission Describe, which Read
 * includes. */
void inspect_group_access(const struct inspector *inspector,
                          struct kafka_facts *facts)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_ListConsumerGroupOffsets_t *request;
    rd_kafka_queue_t *responses = rd_kafka_queue_new(inspector->client);
    rd_kafka_event_t *event;

    rd_kafka_topic_partition_list_add(list, inspector->options->topic, 0);
    request =
        rd_kafka_ListConsumerGroupOffsets_new(inspector->options->group, list);
    rd_kafka_ListConsumerGroupOffsets(inspector->client, &request, 1, NULL,
                                      responses);
    event = await_response(inspector, responses, REQUEST_TIMEOUT_MS);
    facts->group_denied = is_group_denied(event);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(responses);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

static void try_topics(const struct inspector *inspector, rd_kafka_t *producer,
                       struct kafka_facts *facts)
{
    rd_kafka_resp_err_t code = probe_start_producer(inspector, producer);

    facts->transactional_id_denied =
        code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    for (enum topic_role role = TOPIC_OUTCOMES;
         code == RD_KAFKA_RESP_ERR_NO_ERROR && role <= TOPIC_DEAD_LETTERS;
         role++) {
        struct topic_facts *topic = &facts->topics[role];

        if (topic->fault == TOPIC_USABLE && !is_stopping(inspector) &&
            probe_write(inspector, producer,
                        topic_name(inspector->options, role)) ==
                RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            topic->fault = TOPIC_UNWRITABLE;
        }
    }
}

static void claim_id(const struct inspector *inspector)
{
    if (inspector->claim_id != NULL) {
        inspector->claim_id(inspector->payload);
    }
}

static void release_id(const struct inspector *inspector)
{
    if (inspector->release_id != NULL) {
        inspector->release_id(inspector->payload);
    }
}

/* The commits wait while the id is claimed; therefore everything that can be
 * done before is done before. */
static void try_write(const struct inspector *inspector,
                      struct kafka_facts *facts)
{
    rd_kafka_t *producer = probe_new_producer(inspector);
    rd_kafka_topic_t *topics[TOPIC_ROLES] = {NULL};

    if (producer == NULL) {
        return;
    }
    for (enum topic_role role = TOPIC_OUTCOMES;
         role <= TOPIC_DEAD_LETTERS && !is_stopping(inspector); role++) {
        if (facts->topics[role].fault == TOPIC_USABLE) {
            topics[role] = probe_learn_topic(
                producer, topic_name(inspector->options, role));
        }
    }
    claim_id(inspector);
    if (!is_stopping(inspector)) {
        try_topics(inspector, producer, facts);
    }
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        if (topics[role] != NULL) {
            rd_kafka_topic_destroy(topics[role]);
        }
    }
    rd_kafka_destroy_flags(producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    release_id(inspector);
}

void inspect_access(const struct inspector *inspector,
                    struct kafka_facts *facts)
{
    try_read(inspector, facts, TOPIC_INPUT);
    try_read(inspector, facts, TOPIC_REPLAYS);
    if (inspector->transactional_id != NULL && !is_stopping(inspector)) {
        try_write(inspector, facts);
    }
}
