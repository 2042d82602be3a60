#ifndef WAYBILL_KAFKA_TOPICS_H
#define WAYBILL_KAFKA_TOPICS_H

#include <stdint.h>

#include "conditions.h"
#include "waybill/kafka.h"

/*
 * Judges whether Waybill can work with the configured topics. inspect.c asks
 * the brokers and collects the facts; topics.c turns them into conditions that
 * are reported to the operator, and does no I/O.
 */
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
/* Takes over one entry of the configuration, by Kafka's name of it. */
void topic_config_set(struct topic_config *config, const char *name,
                      const char *value);

/* Appends everything that is wrong with the facts: missing topics and
 * permissions, which block, and then what is doubtful in the configuration. */
void topics_judge(const struct kafka_options *options,
                  const struct kafka_facts *facts, struct condition_list *list);
/* Appends what is no fault: that the replays topic does not exist yet, and that
 * settings could not be compared. A check mentions it once, and a running
 * client says nothing. */
void topics_note(const struct kafka_options *options,
                 const struct kafka_facts *facts, struct condition_list *list);

/* A member of the group, as the coordinator describes it */
struct group_member {
    const char *client_id;
    const char *host;
    const char *other_topic; /* that it is assigned; NULL: none */
};

/* Appends what suggests that the group is not Waybill's alone: members of
 * another application, and an assignor other than Waybill's. `client_id` is our
 * own; `assignor` may be "". */
void group_judge(const struct kafka_options *options, const char *client_id,
                 const char *assignor, const struct group_member *members,
                 size_t count, struct condition_list *list);

/* The reasons why the group cannot be joined */
void topics_add_group_denied(const struct kafka_options *options,
                             struct condition_list *list);
void topics_add_foreign_protocol(const struct kafka_options *options,
                                 struct condition_list *list);
/* Waybill is a member, but of a group of the newer protocol (KIP-848). */
void topics_add_newer_protocol(const struct kafka_options *options,
                               struct condition_list *list);

#endif
