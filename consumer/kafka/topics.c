#include "topics.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/str.h"

/* What is added to a record in its dead letter: the headers, of which two
 * contain an error message of up to 1 KiB, and the overhead of a batch */
#define DEAD_LETTER_BYTES 8192
/* An outcome is a few KiB: identifiers, the artifact, an error message. */
#define OUTCOME_BYTES 65536
/* Records are written with the time of writing. Clocks that differ by less are
 * common. */
#define CLOCK_DIFFERENCE_MS 60000

static const struct {
    const char *key; /* of the configuration */
    const char *operation;
    const char *create; /* further options of kafka-topics.sh */
} roles[] = {
    [TOPIC_INPUT] = {"kafka.topics.attestations", "Read", ""},
    [TOPIC_OUTCOMES] = {"kafka.topics.outcomes", "Write", ""},
    [TOPIC_DEAD_LETTERS] = {"kafka.topics.dead_letters", "Write",
                            " --config max.message.bytes=1056780"},
    [TOPIC_REPLAYS] = {"kafka.topics.replays", "Read", ""},
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

/* --- what blocks --- */

/* The principal is not named: anybody may read /readyz, where this is shown. */
static void add_denied(const struct kafka_options *options,
                       struct condition_list *list, bool blocks,
                       const char *what, const char *name, const char *key,
                       const char *operation, const char *resource)
{
    condition_add(list, blocks,
                  "%s '%s' (%s): the permission %s is missing. Grant it: "
                  "kafka-acls.sh --bootstrap-server %s --add "
                  "--allow-principal User:PRINCIPAL --operation %s %s %s",
                  what, name, key, operation, options->brokers, operation,
                  resource, name);
}

static void add_missing(const struct kafka_options *options,
                        enum topic_role role, struct condition_list *list)
{
    const char *name = topic_name(options, role);

    condition_add(list, true,
                  "topic '%s' (%s) does not exist, and Waybill creates "
                  "none. Correct the name, or create it: kafka-topics.sh "
                  "--bootstrap-server %s --create --topic %s%s",
                  name, roles[role].key, options->brokers, name,
                  roles[role].create);
}

/* Events are delivered without the replays topic, and the first replay creates
 * it. So it never blocks, and it may be missing. */
static void judge_topic(const struct kafka_options *options,
                        enum topic_role role, enum topic_fault fault,
                        struct condition_list *list)
{
    bool is_required = role != TOPIC_REPLAYS;

    switch (fault) {
    case TOPIC_USABLE:
        break;
    case TOPIC_MISSING:
        if (is_required) {
            add_missing(options, role, list);
        }
        break;
    case TOPIC_HIDDEN:
    case TOPIC_UNREADABLE:
    case TOPIC_UNWRITABLE:
        /* Read and Write include Describe. */
        add_denied(options, list, is_required, "topic",
                   topic_name(options, role), roles[role].key,
                   roles[role].operation, "--topic");
        break;
    }
}

void topics_note_replays(const struct kafka_options *options,
                         const struct kafka_facts *facts,
                         struct condition_list *list)
{
    if (facts->topics[TOPIC_REPLAYS].fault == TOPIC_MISSING) {
        condition_add(list, false,
                      "topic '%s' (%s) does not exist yet. The first `waybill "
                      "replay run` creates it, if its principal may, and it is "
                      "read from then on",
                      options->optional_topic, roles[TOPIC_REPLAYS].key);
    }
}

void topics_add_group_denied(const struct kafka_options *options,
                             struct condition_list *list)
{
    add_denied(options, list, true, "group", options->group, "kafka.group",
               "Read", "--group");
}

void topics_add_foreign_protocol(const struct kafka_options *options,
                                 struct condition_list *list)
{
    condition_add(list, true,
                  "group '%s' (kafka.group) is used by another application: "
                  "its members do not support the assignor "
                  "cooperative-sticky, or use another group protocol. Stop "
                  "them, or give Waybill a group of its own. Who they are: "
                  "kafka-consumer-groups.sh --bootstrap-server %s --describe "
                  "--group %s --members --verbose",
                  options->group, options->brokers, options->group);
}

void topics_add_newer_protocol(const struct kafka_options *options,
                               struct condition_list *list)
{
    condition_add(list, false,
                  "group '%s' (kafka.group) uses the group protocol "
                  "'consumer', because another application is or was a member. "
                  "What that consumes, Waybill does not deliver: give one of "
                  "the two a group of its own. Who the members are: "
                  "kafka-consumer-groups.sh --bootstrap-server %s --describe "
                  "--group %s --members --verbose",
                  options->group, options->brokers, options->group);
}

/* Instances may have client ids that differ at the end, such as the name of a
 * pod. */
static bool is_same_application(const char *own, const char *other)
{
    static const char fallback[] = "waybill";
    size_t common = 0;

    while (own[common] != '\0' && own[common] == other[common]) {
        common++;
    }
    return common >= sizeof(fallback) - 1 || strcmp(own, other) == 0 ||
           strncmp(other, fallback, sizeof(fallback) - 1) == 0;
}

static void judge_member(const struct kafka_options *options,
                         const char *client_id,
                         const struct group_member *member,
                         struct condition_list *list)
{
    if (member->other_topic != NULL) {
        condition_add(list, false,
                      "group '%s' (kafka.group) has a member of another "
                      "application: client '%s' on %s consumes topic '%s'. "
                      "Give one of the two a group of its own",
                      options->group, member->client_id, member->host,
                      member->other_topic);
    } else if (!is_same_application(client_id, member->client_id)) {
        condition_add(list, false,
                      "group '%s' (kafka.group) has a member that may be "
                      "another application: client '%s' on %s. What it "
                      "consumes, Waybill does not deliver: give one of the two "
                      "a group of its own, or choose a client.id that begins "
                      "with 'waybill'",
                      options->group, member->client_id, member->host);
    }
}

void group_judge(const struct kafka_options *options, const char *client_id,
                 const char *assignor, const struct group_member *members,
                 size_t count, struct condition_list *list)
{
    if (assignor[0] != '\0' && strcmp(assignor, "cooperative-sticky") != 0) {
        condition_add(list, false,
                      "group '%s' (kafka.group) uses the assignor '%s' instead "
                      "of cooperative-sticky, because another application is a "
                      "member. Give one of the two a group of its own",
                      options->group, assignor);
    }
    for (size_t i = 0; i < count; i++) {
        judge_member(options, client_id, &members[i], list);
    }
}

static void judge_access(const struct kafka_options *options,
                         const struct kafka_facts *facts,
                         struct condition_list *list)
{
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        judge_topic(options, role, facts->topics[role].fault, list);
    }
    if (facts->group_denied) {
        topics_add_group_denied(options, list);
    }
    if (facts->transactional_id_denied) {
        add_denied(options, list, true, "transactional id",
                   facts->transactional_id, "kafka.transactional_id", "Write",
                   "--transactional-id");
    }
}

/* --- what is doubtful --- */

static void add_doubt(const struct kafka_options *options, enum topic_role role,
                      struct condition_list *list, const char *problem,
                      const char *remedy)
{
    const char *name = topic_name(options, role);

    condition_add(list, false,
                  "topic '%s' (%s) %s. Change it: kafka-configs.sh "
                  "--bootstrap-server %s --alter --entity-type topics "
                  "--entity-name %s --add-config %s",
                  name, roles[role].key, problem, options->brokers, name,
                  remedy);
}

static void judge_size(const struct kafka_options *options,
                       const struct topic_config *input,
                       const struct topic_config *dead_letters,
                       struct condition_list *list)
{
    CLEANUP(str_release) struct str problem = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str remedy = STR_INIT(STR_UNLIMITED);
    int64_t needed;

    /* The limit is an int in Kafka. */
    if (!input->known || input->max_message_bytes > INT32_MAX ||
        dead_letters->max_message_bytes >=
            input->max_message_bytes + DEAD_LETTER_BYTES) {
        return;
    }
    needed = input->max_message_bytes + DEAD_LETTER_BYTES;
    str_printf(&problem,
               "accepts messages of %lld bytes, but topic '%s' accepts %lld, "
               "and a dead letter adds up to %d: a dead letter that is too "
               "large is held",
               (long long)dead_letters->max_message_bytes, options->topic,
               (long long)input->max_message_bytes, DEAD_LETTER_BYTES);
    str_printf(&remedy, "max.message.bytes=%lld", (long long)needed);
    add_doubt(options, TOPIC_DEAD_LETTERS, list, problem.data, remedy.data);
}

static void judge_retention(const struct kafka_options *options,
                            const struct topic_config *input,
                            const struct topic_config *dead_letters,
                            struct condition_list *list)
{
    CLEANUP(str_release) struct str problem = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str remedy = STR_INIT(STR_UNLIMITED);
    int64_t wanted = input->deletes ? input->retention_ms : INT64_MAX;

    if (!input->known || !dead_letters->deletes ||
        dead_letters->retention_ms >= wanted) {
        return;
    }
    str_printf(&problem,
               "deletes dead letters after %lld ms, before topic '%s' deletes "
               "its records: they can be replayed for a shorter time",
               (long long)dead_letters->retention_ms, options->topic);
    str_printf(&remedy, "retention.ms=%lld",
               wanted == INT64_MAX ? -1LL : (long long)wanted);
    add_doubt(options, TOPIC_DEAD_LETTERS, list, problem.data, remedy.data);
}

static void judge_dead_letters(const struct kafka_options *options,
                               const struct kafka_facts *facts,
                               struct condition_list *list)
{
    const struct topic_config *input = &facts->topics[TOPIC_INPUT].config;
    const struct topic_config *dead_letters =
        &facts->topics[TOPIC_DEAD_LETTERS].config;

    judge_size(options, input, dead_letters, list);
    judge_retention(options, input, dead_letters, list);
    if (dead_letters->compacted) {
        add_doubt(options, TOPIC_DEAD_LETTERS, list,
                  "is compacted: of the dead letters with the same key only "
                  "the last one is kept",
                  "cleanup.policy=delete");
    }
}

static void judge_timestamps(const struct kafka_options *options,
                             enum topic_role role,
                             const struct topic_config *config,
                             struct condition_list *list)
{
    if (config->broker_timestamps) {
        return;
    }
    if (config->max_age_ms < CLOCK_DIFFERENCE_MS) {
        add_doubt(options, role, list,
                  "rejects timestamps that are less than a minute old, as a "
                  "clock that is slow produces them",
                  "message.timestamp.before.max.ms=3600000");
    }
    if (config->max_ahead_ms < CLOCK_DIFFERENCE_MS) {
        add_doubt(options, role, list,
                  "rejects timestamps that are less than a minute ahead, as a "
                  "clock that is fast produces them",
                  "message.timestamp.after.max.ms=3600000");
    }
}

static void judge_replicas(const struct kafka_options *options,
                           enum topic_role role,
                           const struct topic_facts *facts,
                           struct condition_list *list)
{
    CLEANUP(str_release) struct str remedy = STR_INIT(STR_UNLIMITED);

    if (facts->replicas == 0 ||
        facts->config.min_insync_replicas <= facts->replicas) {
        return;
    }
    str_printf(&remedy, "min.insync.replicas=%d", facts->replicas);
    add_doubt(options, role, list,
              "has fewer replicas than min.insync.replicas demands, so that "
              "nothing can be written to it",
              remedy.data);
}

static void judge_written(const struct kafka_options *options,
                          enum topic_role role, const struct topic_facts *facts,
                          struct condition_list *list)
{
    if (!facts->config.known) {
        return;
    }
    judge_timestamps(options, role, &facts->config, list);
    judge_replicas(options, role, facts, list);
}

void topics_judge(const struct kafka_options *options,
                  const struct kafka_facts *facts, struct condition_list *list)
{
    const struct topic_config *outcomes = &facts->topics[TOPIC_OUTCOMES].config;

    judge_access(options, facts, list);
    if (facts->topics[TOPIC_DEAD_LETTERS].config.known) {
        judge_dead_letters(options, facts, list);
    }
    if (outcomes->known && outcomes->max_message_bytes < OUTCOME_BYTES) {
        add_doubt(options, TOPIC_OUTCOMES, list,
                  "accepts messages of less than 64 KiB: an outcome that is "
                  "too large is held",
                  "max.message.bytes=65536");
    }
    judge_written(options, TOPIC_OUTCOMES, &facts->topics[TOPIC_OUTCOMES],
                  list);
    judge_written(options, TOPIC_DEAD_LETTERS,
                  &facts->topics[TOPIC_DEAD_LETTERS], list);
}
