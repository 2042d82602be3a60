#include "topic_plan.h"

#include "permissions.h"
#include "topic_settings.h"

#define DEFAULT_PARTITIONS 6
#define DEAD_LETTER_PARTITIONS 1

static const char *const partitions_reasons[] = {
    [TOPIC_INPUT] =
        "partitions: at most as many instances can share the work. The number "
        "can be increased later, but then most keys move to another partition",
    [TOPIC_OUTCOMES] = "partitions: any number. Records with the same key are "
                       "in the same one",
    [TOPIC_DEAD_LETTERS] = "partitions: one suffices, because dead letters are "
                           "few",
    [TOPIC_REPLAYS] = "partitions: as many as the attestations topic has, so "
                      "that the same instances share the work",
};

void topic_plan(const struct kafka_options *options,
                const struct kafka_sizes *sizes, enum topic_role role,
                const struct topic_config *input,
                struct kafka_topic_plan *ret_plan)
{
    *ret_plan = (struct kafka_topic_plan){
        .name = topic_name(options, role),
        .key = topic_key(role),
        .purpose = topic_purpose(role),
        .partitions = role == TOPIC_DEAD_LETTERS ? DEAD_LETTER_PARTITIONS
                      : sizes->partitions > 0    ? sizes->partitions
                                                 : DEFAULT_PARTITIONS,
        .partitions_reason = partitions_reasons[role],
        .replicas = sizes->replicas > 0 ? sizes->replicas : -1,
    };
    ret_plan->setting_count =
        topic_settings_new(role, input, ret_plan->settings);
}

void kafka_plan_topics(const struct kafka_options *options,
                       const struct kafka_sizes *sizes,
                       struct kafka_topic_plan ret_plans[KAFKA_TOPICS])
{
    struct topic_config input;

    _Static_assert(KAFKA_TOPICS == TOPIC_ROLES, "each topic has a role");
    topic_config_default(&input);
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        topic_plan(options, sizes, role, &input, &ret_plans[role]);
    }
}

void kafka_append_create(struct str *out, const struct kafka_tools *tools,
                         const struct kafka_topic_plan *plan)
{
    append_tool(out, tools, "kafka-topics.sh");
    str_append_text(out, " --create --if-not-exists --topic ");
    str_append_shell_word(out, plan->name);
    str_printf(out, " --partitions %d", plan->partitions);
    if (plan->replicas > 0) {
        str_printf(out, " --replication-factor %d", plan->replicas);
    }
    for (size_t i = 0; i < plan->setting_count; i++) {
        str_printf(out, " --config %s=%s", plan->settings[i].name,
                   plan->settings[i].value);
    }
}
