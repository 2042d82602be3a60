#include "topics.h"

#include <string.h>

#include "permissions.h"
#include "topic_plan.h"
#include "topic_settings.h"
#include "waybill/str.h"

/* --- what blocks --- */

/* The principal is not named: anybody may read /readyz, where this is shown. */
static void add_denied(const struct kafka_options *options,
                       struct condition_list *list, bool blocks,
                       const char *what, const char *name,
                       const struct kafka_permission *needed)
{
    CLEANUP(str_release) struct str grant = STR_INIT(STR_UNLIMITED);
    const struct kafka_tools tools = {.brokers = options->brokers};

    kafka_append_grant(&grant, &tools, "User:PRINCIPAL", needed, 1);
    condition_add(list, blocks,
                  "%s '%s' (%s): the permission %s is missing. Grant it: %s",
                  what, name, needed->key, needed->operations[0], grant.data);
}

static void add_topic_denied(const struct kafka_options *options,
                             struct condition_list *list, bool blocks,
                             enum topic_role role)
{
    const char *name = topic_name(options, role);
    const struct kafka_permission needed = {
        .resource = "topic",
        .name = name,
        .key = topic_key(role),
        .operations = {permission_operation(KAFKA_RUN, (enum subject)role)},
    };

    add_denied(options, list, blocks, "topic", name, &needed);
}

static void add_missing(const struct kafka_options *options,
                        enum topic_role role, const struct topic_config *input,
                        struct condition_list *list)
{
    CLEANUP(str_release) struct str create = STR_INIT(STR_UNLIMITED);
    const struct kafka_tools tools = {.brokers = options->brokers};
    const struct kafka_sizes sizes = {0};
    struct topic_config usual;
    struct kafka_topic_plan plan;

    topic_config_default(&usual);
    topic_plan(options, &sizes, role, input->known ? input : &usual, &plan);
    kafka_append_create(&create, &tools, &plan);
    condition_add(list, true,
                  "topic '%s' (%s) does not exist, and Waybill creates "
                  "none. Correct the name, or create it: %s",
                  plan.name, plan.key, create.data);
}

/* Events are delivered without the replays topic, and the first replay creates
 * it. So it never blocks, and it may be missing. */
static void judge_topic(const struct kafka_options *options,
                        const struct kafka_facts *facts, enum topic_role role,
                        struct condition_list *list)
{
    bool is_required = role != TOPIC_REPLAYS;

    switch (facts->topics[role].fault) {
    case TOPIC_USABLE:
        break;
    case TOPIC_MISSING:
        if (is_required) {
            add_missing(options, role, &facts->topics[TOPIC_INPUT].config,
                        list);
        }
        break;
    case TOPIC_HIDDEN:
    case TOPIC_UNREADABLE:
    case TOPIC_UNWRITABLE:
        /* Read and Write include Describe. */
        add_topic_denied(options, list, is_required, role);
        break;
    }
}

static void note_replays(const struct kafka_options *options,
                         const struct kafka_facts *facts,
                         struct condition_list *list)
{
    if (facts->topics[TOPIC_REPLAYS].fault == TOPIC_MISSING) {
        condition_add(list, false,
                      "topic '%s' (%s) does not exist yet. The first `waybill "
                      "replay run` creates it, if its principal may, and it is "
                      "read from then on",
                      options->optional_topic, topic_key(TOPIC_REPLAYS));
    }
}

static void note_configs(const struct kafka_options *options,
                         const struct kafka_facts *facts,
                         struct condition_list *list)
{
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        const char *name = topic_name(options, role);
        CLEANUP(str_release) struct str grant = STR_INIT(STR_UNLIMITED);
        const struct kafka_tools tools = {.brokers = options->brokers};
        const struct kafka_permission needed = {
            .resource = "topic",
            .name = name,
            .operations = {KAFKA_DESCRIBE_CONFIGS},
        };

        if (facts->topics[role].is_config_denied) {
            kafka_append_grant(&grant, &tools, "User:PRINCIPAL", &needed, 1);
            condition_add(list, false,
                          "topic '%s' (%s): the permission %s is missing, so "
                          "that its settings are not compared with those that "
                          "Waybill needs. Grant it: %s",
                          name, topic_key(role), KAFKA_DESCRIBE_CONFIGS,
                          grant.data);
        }
    }
}

void topics_note(const struct kafka_options *options,
                 const struct kafka_facts *facts, struct condition_list *list)
{
    note_replays(options, facts, list);
    note_configs(options, facts, list);
}

void topics_add_group_denied(const struct kafka_options *options,
                             struct condition_list *list)
{
    const struct kafka_permission needed = {
        .resource = "group",
        .name = options->group,
        .key = "kafka.group",
        .operations = {permission_operation(KAFKA_RUN, SUBJECT_GROUP)},
    };

    add_denied(options, list, true, "group", options->group, &needed);
}

/* An id that is unique to the process is of no use in a grant, which is for all
 * processes of the group. */
static void add_id_denied(const struct kafka_options *options,
                          const struct kafka_facts *facts,
                          struct condition_list *list)
{
    struct arena *arena = arena_new();
    const char *configured = options->transactional_id;
    const struct kafka_permission needed = {
        .resource = "transactional-id",
        .name = configured != NULL
                    ? configured
                    : arena_printf(arena, PERMISSION_ID_PREFIX, options->group),
        .is_prefix = configured == NULL,
        .key = "kafka.transactional_id",
        .operations = {permission_operation(KAFKA_RUN,
                                            SUBJECT_TRANSACTIONAL_ID)},
    };

    add_denied(options, list, true, "transactional id", facts->transactional_id,
               &needed);
    arena_free(arena);
}

void topics_add_foreign_protocol(const struct kafka_options *options,
                                 struct condition_list *list)
{
    condition_add(
        list, true,
        "group '%s' (kafka.group) is used by another application: its members "
        "do not support the assignor cooperative-sticky, or use another group "
        "protocol. Stop them, or give Waybill a group of its own. To list "
        "them: kafka-consumer-groups.sh --bootstrap-server %s --describe "
        "--group %s --members --verbose",
        options->group, options->brokers, options->group);
}

void topics_add_newer_protocol(const struct kafka_options *options,
                               struct condition_list *list)
{
    condition_add(
        list, false,
        "group '%s' (kafka.group) uses the group protocol 'consumer', because "
        "another application is or was a member. Waybill does not deliver what "
        "that application consumes: give one of the two a group of its own. To "
        "list the members: kafka-consumer-groups.sh --bootstrap-server %s "
        "--describe --group %s --members --verbose",
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
        condition_add(
            list, false,
            "group '%s' (kafka.group) has a member that may be another "
            "application: client '%s' on %s. Waybill does not deliver what it "
            "consumes: give one of the two a group of its own, or choose a "
            "client.id that begins with 'waybill'",
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
        judge_topic(options, facts, role, list);
    }
    if (facts->group_denied) {
        topics_add_group_denied(options, list);
    }
    if (facts->transactional_id_denied) {
        add_id_denied(options, facts, list);
    }
}

/* --- settings --- */

struct judgement {
    const struct kafka_options *options;
    struct condition_list *list;
};

static void add_difference(void *payload, const struct topic_difference *what)
{
    CLEANUP(str_release) struct str change = STR_INIT(STR_UNLIMITED);
    const struct judgement *judgement = payload;
    const struct kafka_tools tools = {.brokers = judgement->options->brokers};
    const char *name = topic_name(judgement->options, what->role);

    topic_settings_append_change(&change, &tools, name, &what->setting);
    condition_add(judgement->list, false, "topic '%s' (%s) %s. Change it: %s",
                  name, topic_key(what->role), what->problem, change.data);
}

void topics_judge(const struct kafka_options *options,
                  const struct kafka_facts *facts, struct condition_list *list)
{
    struct judgement judgement = {options, list};

    judge_access(options, facts, list);
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        topic_settings_compare(options, facts, role, add_difference,
                               &judgement);
    }
}
