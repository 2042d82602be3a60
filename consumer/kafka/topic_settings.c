#include "topic_settings.h"

#include <stdio.h>

#include "permissions.h"
#include "waybill/alloc.h"

/* What is added to a record in its dead letter: the headers, of which two
 * contain an error message of up to 1 KiB, and the overhead of a batch. A
 * replay adds less. */
#define DEAD_LETTER_BYTES 8192
/* An outcome is a few KiB: identifiers, the artifact, an error message. */
#define OUTCOME_BYTES 65536
/* Records are written with the time of writing. Clocks that differ by less are
 * common. */
#define CLOCK_DIFFERENCE_MS 60000
#define HOUR_MS 3600000

#define BIT(role) (1U << (role))
#define ALL_TOPICS                                                             \
    (BIT(TOPIC_INPUT) | BIT(TOPIC_OUTCOMES) | BIT(TOPIC_DEAD_LETTERS) |        \
     BIT(TOPIC_REPLAYS))
#define WRITTEN_TOPICS                                                         \
    (BIT(TOPIC_OUTCOMES) | BIT(TOPIC_DEAD_LETTERS) | BIT(TOPIC_REPLAYS))

/* A topic that is compared with its rules */
struct comparison {
    enum topic_role role;
    const char *input_name;
    const struct topic_config *input;
    const struct topic_config *config;
    int replicas;
};

static int64_t ms_of(int64_t limit)
{
    return limit == INT64_MAX ? -1 : limit; /* -1: Kafka's "no limit" */
}

/* --- cleanup.policy --- */

static bool is_not_compacted(const struct comparison *comparison)
{
    return !comparison->config->compacted;
}

static void append_delete(struct str *out, const struct comparison *comparison)
{
    str_append_text(out, "delete");
}

static void append_compacted(struct str *out,
                             const struct comparison *comparison)
{
    static const char *const records[] = {
        [TOPIC_INPUT] = "events",
        [TOPIC_OUTCOMES] = "outcomes",
        [TOPIC_DEAD_LETTERS] = "dead letters",
        [TOPIC_REPLAYS] = "replayed records",
    };

    str_printf(out,
               "is compacted: of the %s with the same key only the last one is "
               "kept",
               records[comparison->role]);
}

/* --- max.message.bytes --- */

/* The limit is an int in Kafka. */
static int64_t size_needed(const struct comparison *comparison)
{
    return comparison->input->max_message_bytes > INT32_MAX - DEAD_LETTER_BYTES
               ? INT32_MAX
               : comparison->input->max_message_bytes + DEAD_LETTER_BYTES;
}

static void append_size(struct str *out, const struct comparison *comparison)
{
    str_printf(out, "%lld", (long long)size_needed(comparison));
}

static bool accepts_dead_letter(const struct comparison *comparison)
{
    return comparison->input->max_message_bytes > INT32_MAX ||
           comparison->config->max_message_bytes >= size_needed(comparison);
}

/* Only an event that almost has the maximum size does not fit into a topic with
 * the same limit, so that this is accepted. */
static bool accepts_replay(const struct comparison *comparison)
{
    return comparison->config->max_message_bytes >=
           comparison->input->max_message_bytes;
}

static void append_too_small(struct str *out,
                             const struct comparison *comparison)
{
    bool is_replay = comparison->role == TOPIC_REPLAYS;

    str_printf(out,
               "accepts messages of %lld bytes, but topic '%s' accepts %lld, "
               "and a %s adds up to %d: a %s that is too large is %s",
               (long long)comparison->config->max_message_bytes,
               comparison->input_name,
               (long long)comparison->input->max_message_bytes,
               is_replay ? "replay" : "dead letter", DEAD_LETTER_BYTES,
               is_replay ? "record" : "dead letter",
               is_replay ? "not replayed" : "held");
}

static bool accepts_outcome(const struct comparison *comparison)
{
    return comparison->config->max_message_bytes >= OUTCOME_BYTES;
}

static void append_outcome_size(struct str *out,
                                const struct comparison *comparison)
{
    str_printf(out, "%d", OUTCOME_BYTES);
}

static void append_outcome_too_small(struct str *out,
                                     const struct comparison *comparison)
{
    str_append_text(out, "accepts messages of less than 64 KiB: an outcome "
                         "that is too large is held");
}

/* --- retention.ms --- */

static int64_t retention_needed(const struct comparison *comparison)
{
    return comparison->input->deletes ? comparison->input->retention_ms
                                      : INT64_MAX;
}

static bool is_kept_long_enough(const struct comparison *comparison)
{
    return !comparison->config->deletes ||
           comparison->config->retention_ms >= retention_needed(comparison);
}

static void append_retention(struct str *out,
                             const struct comparison *comparison)
{
    str_printf(out, "%lld", (long long)ms_of(retention_needed(comparison)));
}

static void append_short_retention(struct str *out,
                                   const struct comparison *comparison)
{
    str_printf(out,
               "deletes dead letters after %lld ms, before topic '%s' deletes "
               "its records: they can be replayed for a shorter time",
               (long long)comparison->config->retention_ms,
               comparison->input_name);
}

/* --- message.timestamp.* --- */

static bool accepts_slow_clock(const struct comparison *comparison)
{
    return comparison->config->broker_timestamps ||
           comparison->config->max_age_ms >= CLOCK_DIFFERENCE_MS;
}

static bool accepts_fast_clock(const struct comparison *comparison)
{
    return comparison->config->broker_timestamps ||
           comparison->config->max_ahead_ms >= CLOCK_DIFFERENCE_MS;
}

static void append_hour(struct str *out, const struct comparison *comparison)
{
    str_printf(out, "%d", HOUR_MS);
}

static void append_slow_clock(struct str *out,
                              const struct comparison *comparison)
{
    str_append_text(out, "rejects timestamps that are less than a minute old, "
                         "as a clock that is slow produces them");
}

static void append_fast_clock(struct str *out,
                              const struct comparison *comparison)
{
    str_append_text(out, "rejects timestamps that are less than a minute "
                         "ahead, as a clock that is fast produces them");
}

/* --- min.insync.replicas --- */

static bool has_enough_replicas(const struct comparison *comparison)
{
    return comparison->replicas == 0 ||
           comparison->config->min_insync_replicas <= comparison->replicas;
}

static void append_replicas(struct str *out,
                            const struct comparison *comparison)
{
    str_printf(out, "%d", comparison->replicas);
}

static void append_few_replicas(struct str *out,
                                const struct comparison *comparison)
{
    str_append_text(out, "has fewer replicas than min.insync.replicas "
                         "demands, so that nothing can be written to it");
}

/* --- the table --- */

static const struct rule {
    const char *setting;
    unsigned topics;
    bool is_relative; /* to the settings of the attestations topic */
    bool (*suits)(const struct comparison *comparison);
    void (*append_value)(struct str *out, const struct comparison *comparison);
    void (*append_problem)(struct str *out,
                           const struct comparison *comparison);
    /* Of the setting of a new topic; NULL: Kafka's default suits */
    const char *reason;
} rules[] = {
    {"cleanup.policy", ALL_TOPICS, false, is_not_compacted, append_delete,
     append_compacted,
     "a compacted topic keeps only the last record of each key"},
    {"max.message.bytes", BIT(TOPIC_DEAD_LETTERS), true, accepts_dead_letter,
     append_size, append_too_small,
     "what the attestations topic accepts, and 8 KiB for the headers of a dead "
     "letter"},
    {"max.message.bytes", BIT(TOPIC_REPLAYS), true, accepts_replay, append_size,
     append_too_small,
     "what the attestations topic accepts, and 8 KiB for the headers of a "
     "replay"},
    {"max.message.bytes", BIT(TOPIC_OUTCOMES), false, accepts_outcome,
     append_outcome_size, append_outcome_too_small, NULL},
    {"retention.ms", BIT(TOPIC_DEAD_LETTERS), true, is_kept_long_enough,
     append_retention, append_short_retention,
     "dead letters are kept at least as long as events"},
    {"message.timestamp.before.max.ms", WRITTEN_TOPICS, false,
     accepts_slow_clock, append_hour, append_slow_clock, NULL},
    {"message.timestamp.after.max.ms", WRITTEN_TOPICS, false,
     accepts_fast_clock, append_hour, append_fast_clock, NULL},
    {"min.insync.replicas", WRITTEN_TOPICS, false, has_enough_replicas,
     append_replicas, append_few_replicas, NULL},
};

static bool applies(const struct rule *rule,
                    const struct comparison *comparison)
{
    return (rule->topics & BIT(comparison->role)) != 0 &&
           (!rule->is_relative || comparison->input->known);
}

static void fill_setting(const struct rule *rule,
                         const struct comparison *comparison,
                         struct kafka_setting *ret_setting)
{
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);

    rule->append_value(&value, comparison);
    ret_setting->name = rule->setting;
    ret_setting->reason = rule->reason;
    snprintf(ret_setting->value, sizeof(ret_setting->value), "%s", value.data);
}

/* --- new topics --- */

size_t topic_settings_new(enum topic_role role,
                          const struct topic_config *input,
                          struct kafka_setting ret_settings[KAFKA_MAX_SETTINGS])
{
    const struct comparison comparison = {.role = role, .input = input};
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].reason != NULL && applies(&rules[i], &comparison) &&
            count < KAFKA_MAX_SETTINGS) {
            fill_setting(&rules[i], &comparison, &ret_settings[count++]);
        }
    }
    return count;
}

/* --- existing topics --- */

void topic_settings_compare(const struct kafka_options *options,
                            const struct kafka_facts *facts,
                            enum topic_role role,
                            void (*found)(void *payload,
                                          const struct topic_difference *what),
                            void *payload)
{
    const struct comparison comparison = {
        .role = role,
        .input_name = options->topic,
        .input = &facts->topics[TOPIC_INPUT].config,
        .config = &facts->topics[role].config,
        .replicas = facts->topics[role].replicas,
    };

    for (size_t i = 0; i < ARRAY_SIZE(rules) && comparison.config->known; i++) {
        CLEANUP(str_release) struct str problem = STR_INIT(STR_UNLIMITED);
        struct topic_difference what = {.role = role};

        if (applies(&rules[i], &comparison) && !rules[i].suits(&comparison)) {
            fill_setting(&rules[i], &comparison, &what.setting);
            rules[i].append_problem(&problem, &comparison);
            what.problem = problem.data;
            found(payload, &what);
        }
    }
}

void topic_settings_append_change(struct str *out,
                                  const struct kafka_tools *tools,
                                  const char *topic,
                                  const struct kafka_setting *setting)
{
    append_tool(out, tools, "kafka-configs.sh");
    str_append_text(out, " --alter --entity-type topics --entity-name ");
    str_append_shell_word(out, topic);
    str_printf(out, " --add-config %s=%s", setting->name, setting->value);
}
