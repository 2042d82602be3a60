#ifndef WAYBILL_KAFKA_TOPIC_FACTS_H
#define WAYBILL_KAFKA_TOPIC_FACTS_H

#include <stdint.h>

#include "waybill/kafka.h"

/* The topics that Waybill uses, and what is known about them. No I/O. */

enum topic_role {
    TOPIC_INPUT,
    TOPIC_OUTCOMES,
    TOPIC_DEAD_LETTERS,
    TOPIC_REPLAYS, /* kafka_options.optional_topic, which need not exist */
    TOPIC_ROLES,
};

enum topic_fault {
    TOPIC_USABLE, /* as far as it is known */
    TOPIC_MISSING,
    TOPIC_HIDDEN, /* the principal may not even describe it */
    TOPIC_UNREADABLE,
    TOPIC_UNWRITABLE,
};

/* The configuration of a topic, which counts only if it is `known`: to read it
 * takes the permission DescribeConfigs, which Waybill does not require. Numbers
 * are those of Kafka: INT64_MAX is no limit. */
struct topic_config {
    bool known;
    bool compacted; /* cleanup.policy contains "compact" */
    bool deletes;   /* ... and "delete" */
    bool broker_timestamps;
    int64_t max_message_bytes;
    int64_t retention_ms;
    int64_t retention_bytes;
    int64_t max_age_ms;   /* of a timestamp, when the record is written */
    int64_t max_ahead_ms; /* the same, into the future */
    int64_t min_insync_replicas;
};

struct topic_facts {
    enum topic_fault fault;
    int partitions; /* 0: not known */
    int replicas;   /* of its first partition; 0: not known */
    bool is_config_denied;
    struct topic_config config;
};

struct kafka_facts {
    struct topic_facts topics[TOPIC_ROLES];
    bool group_denied;            /* the principal may not use the group */
    bool transactional_id_denied; /* nor its transactional id */
    const char *transactional_id; /* that was tried; NULL: none */
};

/* NULL: this client does not use such a topic. */
const char *topic_name(const struct kafka_options *options,
                       enum topic_role role);
const char *topic_key(enum topic_role role); /* of the configuration */
const char *topic_purpose(enum topic_role role);
/* Which of the topics that Waybill consumes has the name; TOPIC_ROLES: none */
enum topic_role topic_consumed_role(const struct kafka_options *options,
                                    const char *name);

void topic_config_init(struct topic_config *config);
/* The configuration of a topic on brokers with Kafka's own defaults */
void topic_config_default(struct topic_config *config);
/* Takes over one entry of the configuration, by Kafka's name of it. */
void topic_config_set(struct topic_config *config, const char *name,
                      const char *value);

#endif
