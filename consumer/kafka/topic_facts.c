#include "topic_facts.h"

#include <stdlib.h>
#include <string.h>

/* Kafka's defaults (message.max.bytes, log.retention.hours) */
#define DEFAULT_MESSAGE_BYTES 1048588
#define DEFAULT_RETENTION_MS 604800000

static const struct {
    const char *key; /* of the configuration */
    const char *purpose;
} roles[] = {
    [TOPIC_INPUT] = {"kafka.topics.attestations",
                     "the events that Waybill delivers"},
    [TOPIC_OUTCOMES] = {"kafka.topics.outcomes",
                        "what became of each delivery"},
    [TOPIC_DEAD_LETTERS] = {"kafka.topics.dead_letters",
                            "the records that could not be delivered"},
    [TOPIC_REPLAYS] = {"kafka.topics.replays",
                       "the dead letters that are to be delivered again"},
};

const char *topic_name(const struct kafka_options *options,
                       enum topic_role role)
{
    const char *const names[] = {
        [TOPIC_INPUT] = options->topic,
        [TOPIC_OUTCOMES] = options->outcomes,
        [TOPIC_DEAD_LETTERS] = options->dead_letters,
        [TOPIC_REPLAYS] = options->optional_topic,
    };

    return names[role];
}

const char *topic_key(enum topic_role role)
{
    return roles[role].key;
}

const char *topic_purpose(enum topic_role role)
{
    return roles[role].purpose;
}

enum topic_role topic_consumed_role(const struct kafka_options *options,
                                    const char *name)
{
    const char *replays = options->optional_topic;

    if (strcmp(name, options->topic) == 0) {
        return TOPIC_INPUT;
    }
    return replays != NULL && strcmp(name, replays) == 0 ? TOPIC_REPLAYS
                                                         : TOPIC_ROLES;
}

/* --- configuration of a topic --- */

void topic_config_init(struct topic_config *config)
{
    *config = (struct topic_config){
        .known = true,
        .deletes = true,
        .max_message_bytes = INT64_MAX,
        .retention_ms = INT64_MAX,
        .retention_bytes = INT64_MAX,
        .max_age_ms = INT64_MAX,
        .max_ahead_ms = INT64_MAX,
        .min_insync_replicas = 1,
    };
}

void topic_config_default(struct topic_config *config)
{
    topic_config_init(config);
    config->max_message_bytes = DEFAULT_MESSAGE_BYTES;
    config->retention_ms = DEFAULT_RETENTION_MS;
}

/* Kafka writes -1 where there is no limit. */
static int64_t limit_of(const char *value)
{
    char *end;
    long long number = strtoll(value, &end, 10);

    return end == value || *end != '\0' || number < 0 ? INT64_MAX : number;
}

static void lower(int64_t *limit, const char *value)
{
    int64_t number = limit_of(value);

    *limit = number < *limit ? number : *limit;
}

void topic_config_set(struct topic_config *config, const char *name,
                      const char *value)
{
    if (strcmp(name, "cleanup.policy") == 0) {
        config->compacted = strstr(value, "compact") != NULL;
        config->deletes = strstr(value, "delete") != NULL;
    } else if (strcmp(name, "message.timestamp.type") == 0) {
        config->broker_timestamps = strcmp(value, "LogAppendTime") == 0;
    } else if (strcmp(name, "max.message.bytes") == 0) {
        config->max_message_bytes = limit_of(value);
    } else if (strcmp(name, "retention.ms") == 0) {
        config->retention_ms = limit_of(value);
    } else if (strcmp(name, "retention.bytes") == 0) {
        config->retention_bytes = limit_of(value);
    } else if (strcmp(name, "message.timestamp.before.max.ms") == 0) {
        lower(&config->max_age_ms, value);
    } else if (strcmp(name, "message.timestamp.after.max.ms") == 0) {
        lower(&config->max_ahead_ms, value);
    } else if (strcmp(name, "message.timestamp.difference.max.ms") == 0) {
        /* Before Kafka 3.6, for both directions */
        lower(&config->max_age_ms, value);
        lower(&config->max_ahead_ms, value);
    } else if (strcmp(name, "min.insync.replicas") == 0) {
        config->min_insync_replicas = limit_of(value);
    }
}
