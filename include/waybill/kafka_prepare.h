#ifndef WAYBILL_KAFKA_PREPARE_H
#define WAYBILL_KAFKA_PREPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/str.h"

/*
 * What Waybill needs on a Kafka cluster, for `waybill kafka prepare`: topics
 * with their settings, and the permissions of each principal.
 *
 * The readiness checks (kafka_check.h) use the same tables, so that a cluster
 * that was prepared accordingly passes them.
 */

/* How Kafka's own tools reach the brokers, in the commands that are printed */
struct kafka_tools {
    const char *brokers;
    const char *command_config; /* their --command-config; NULL: none */
};

/* "run", "replay", ... */
const char *kafka_user_name(enum kafka_user user);

/* The group whose offsets are the progress of replays, and the transactional id
 * of replays */
const char *kafka_replay_group(const char *group, struct arena *arena);
const char *kafka_replay_id(const char *group, struct arena *arena);

/* --- permissions --- */

#define KAFKA_MAX_OPERATIONS 3

/* What one principal may do with one resource. The names are those of
 * kafka-acls.sh. */
struct kafka_permission {
    enum kafka_user user;
    const char *resource; /* "topic", "group" or "transactional-id" */
    const char *name;
    bool is_prefix; /* all names that begin with `name` */
    const char *operations[KAFKA_MAX_OPERATIONS]; /* NULL: no more */
    const char *key;                              /* of the configuration */
    const char *reason;
};

/* Without this operation on a topic its settings are not compared, and
 * everything else works. */
#define KAFKA_DESCRIBE_CONFIGS "DescribeConfigs"

/* Sets *ret_permissions to all of them, allocated from the arena, in the order
 * of the users, and returns their number. */
size_t kafka_permissions(const struct kafka_options *options,
                         struct arena *arena,
                         const struct kafka_permission **ret_permissions);
/* The number of permissions from the first on that one command can grant: they
 * have the same user, kind of resource, and operations. */
size_t kafka_permissions_together(const struct kafka_permission *permissions,
                                  size_t count);
/* Appends the kafka-acls.sh command that grants them. */
void kafka_append_grant(struct str *out, const struct kafka_tools *tools,
                        const char *principal,
                        const struct kafka_permission *permissions,
                        size_t count);
/* The principal of the configured credentials, as "User:waybill"; NULL: it is
 * not known from the configuration */
const char *kafka_principal(const struct kafka_options *options,
                            struct arena *arena);

/* --- topics --- */

#define KAFKA_MAX_SETTINGS 4

struct kafka_setting {
    const char *name; /* as Kafka names it */
    char value[24];
    const char *reason;
};

struct kafka_topic_plan {
    const char *name;
    const char *key; /* of the configuration */
    const char *purpose;
    const char *partitions_reason;
    int partitions;
    int replicas; /* -1: the brokers' default */
    struct kafka_setting settings[KAFKA_MAX_SETTINGS];
    size_t setting_count;
};

#define KAFKA_TOPICS 4

/* The numbers that the operator has chosen; 0: none */
struct kafka_sizes {
    int partitions; /* of all topics but that of the dead letters */
    int replicas;
};

/* The topics for a cluster about which nothing is known, with the settings that
 * suit Kafka's defaults. The attestations topic comes first. */
void kafka_plan_topics(const struct kafka_options *options,
                       const struct kafka_sizes *sizes,
                       struct kafka_topic_plan ret_plans[KAFKA_TOPICS]);
/* Appends the kafka-topics.sh command that creates the topic unless it
 * exists. */
void kafka_append_create(struct str *out, const struct kafka_tools *tools,
                         const struct kafka_topic_plan *plan);

/* --- applying it --- */

enum kafka_topic_result {
    KAFKA_TOPIC_CREATED,
    KAFKA_TOPIC_SUITS,
    KAFKA_TOPIC_DIFFERS,
    KAFKA_TOPIC_UNKNOWN, /* it exists, but its settings may not be read */
    KAFKA_TOPIC_FAILED,  /* it could not be created */
};

/* What was found about a topic. One that differs in several respects has
 * several findings. */
struct kafka_topic_finding {
    const char *topic;
    const char *key;
    enum kafka_topic_result result;
    const char *setting; /* that differs; NULL: none */
    const char *value;   /* what it should be; NULL: none */
    const char *text;
    const char *command; /* that changes it; NULL: none */
};

/* Creates the topics that do not exist, and compares the settings of the others
 * and of the new ones with what Waybill needs. It blocks, for up to a minute,
 * and changes no topic that exists. Fails if no broker answers. *ret_findings
 * is allocated from the arena. */
int kafka_prepare(const struct kafka_options *options,
                  const struct kafka_tools *tools,
                  const struct kafka_sizes *sizes, struct arena *arena,
                  const struct kafka_topic_finding **ret_findings,
                  size_t *ret_count, struct error *err) NODISCARD;

#endif
