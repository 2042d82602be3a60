#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "workload.h"

/* The first such header of a structured event belongs to the event itself. */
#define ID_MEMBER "\"id\":\""

/* --- the record of a message --- */

static bool is_dead_letter(const struct broker *broker,
                           const struct message *message)
{
    return strcmp(message->topic, broker->dead_letters.topic) == 0;
}

/* Parses "TOPIC/PARTITION/OFFSET..."; the result is the number of the partition
 * in the model. */
static bool read_position(const char *text, int *ret_partition,
                          long long *ret_offset)
{
    char topic[64];
    struct kafka_partition at = {.topic = topic};

    if (text == NULL || sscanf(text, "%63[^/]/%d/%lld", topic, &at.partition,
                               ret_offset) != 3) {
        return false;
    }
    *ret_partition = broker_number_of(&at);
    return true;
}

/* Returns the id of an outcome, in either mode. */
static bool position_of_outcome(struct arena *arena,
                                const struct message *message, int *partition,
                                long long *offset)
{
    const char *id = message_header_text(message, "ce_id", 1000, arena);
    const char *value = arena_printf(arena, "%.*s", (int)message->value.len,
                                     (const char *)message->value.data);
    const char *member = strstr(value, ID_MEMBER);

    return read_position(id, partition, offset) ||
           (member != NULL &&
            read_position(member + strlen(ID_MEMBER), partition, offset));
}

static long long number(struct arena *arena, const struct message *message,
                        const char *name)
{
    const char *text = message_header_text(message, name, 100, arena);

    return text != NULL ? strtoll(text, NULL, 10) : -1;
}

static bool is_cursed(const struct output_rules *rules, int64_t partition,
                      int64_t offset)
{
    return rules->one_in > 0 && (offset * 7 + partition) % rules->one_in == 0;
}

static bool is_of_cursed(const struct broker *broker,
                         const struct output_rules *rules,
                         const struct message *message)
{
    struct arena *arena = broker->sim->arena;
    struct kafka_partition at;
    int partition = -1;
    long long offset = -1;

    if (is_dead_letter(broker, message)) {
        at.topic = message_header_text(message, "waybill-topic", 100, arena);
        at.partition = (int)number(arena, message, "waybill-partition");
        partition = broker_number_of(&at);
        offset = number(arena, message, "waybill-offset");
    } else if (!position_of_outcome(arena, message, &partition, &offset)) {
        return false;
    }
    return is_cursed(rules, partition, offset);
}

bool rules_curse(const struct broker *broker, const struct expected *record)
{
    /* The dead letter of a replay names the position of the replayed record. */
    const struct expected *origin =
        record->replay_of != NULL ? record->replay_of : record;

    if (broker->rules.outcomes.max_bytes > 0 ||
        broker->rules.dead_letters.max_bytes > 0) {
        return true; /* possibly, because its size depends on its result */
    }
    return is_cursed(&broker->rules.outcomes, record->partition,
                     record->offset) ||
           is_cursed(&broker->rules.dead_letters, origin->partition,
                     origin->offset);
}

/* --- rejections --- */

static bool is_absent(const struct broker *broker,
                      const struct output_rules *rules)
{
    return rules->every_s > 0 && !chaos_is_calm(broker->sim) &&
           broker->sim->now_ms / 1000 % rules->every_s < rules->absent_s;
}

static size_t size_of(const struct message *message)
{
    size_t size = message->key.len + message->value.len;

    for (size_t i = 0; i < message->header_count; i++) {
        size +=
            strlen(message->headers[i].name) + message->headers[i].value.len;
    }
    return size;
}

/* The operator raises the limit when the faults end. */
static bool is_too_large(const struct broker *broker,
                         const struct output_rules *rules,
                         const struct message *message)
{
    return rules->max_bytes > 0 && size_of(message) > rules->max_bytes &&
           !chaos_is_calm(broker->sim);
}

/* Returns the name of the error; NULL: the message is accepted. */
static const char *judge(const struct broker *broker,
                         const struct message *message)
{
    const struct output_rules *rules = is_dead_letter(broker, message)
                                           ? &broker->rules.dead_letters
                                           : &broker->rules.outcomes;

    if (is_absent(broker, rules)) {
        return "UNKNOWN_TOPIC_OR_PART";
    }
    if (rules->needs_key && message->key.data == NULL) {
        return "INVALID_RECORD";
    }
    if (is_too_large(broker, rules, message)) {
        return "MSG_SIZE_TOO_LARGE";
    }
    return !chaos_is_calm(broker->sim) && is_of_cursed(broker, rules, message)
               ? "INVALID_TIMESTAMP"
               : NULL;
}

static struct kafka_rejection rejection_of(size_t message, const char *code,
                                           bool is_certain)
{
    return (struct kafka_rejection){
        .message = message,
        .code = code,
        .reason = "the model rejects it",
        .is_certain = is_certain,
        .is_topic_wide = strcmp(code, "UNKNOWN_TOPIC_OR_PART") == 0,
        .may_need_key = strcmp(code, "INVALID_RECORD") == 0,
    };
}

/* All messages of the topic that are not isolated are in one record batch. */
static size_t reject_batch(const struct call *call, const char *topic,
                           const char *code, struct kafka_rejection *all)
{
    size_t count = 0;

    for (size_t i = 0; i < call->message_count; i++) {
        if (!call->isolated[i] && strcmp(call->messages[i].topic, topic) == 0) {
            all[count++] = rejection_of(i, code, false);
        }
    }
    all[0].is_certain = count == 1;
    return count;
}

const struct kafka_rejection *rules_judge(const struct broker *broker,
                                          const struct call *call,
                                          size_t *ret_count)
{
    struct kafka_rejection *all = arena_alloc(
        broker->sim->arena, (call->message_count + 1) * sizeof(all[0]));
    const char *code = NULL;
    const char *topic = NULL;
    size_t count = 0;

    for (size_t i = 0; i < call->message_count && code == NULL; i++) {
        code = judge(broker, &call->messages[i]);
        topic = call->messages[i].topic;
        if (code != NULL && call->isolated[i]) {
            all[count++] = rejection_of(i, code, true);
        }
    }
    if (code != NULL && count == 0) {
        count = reject_batch(call, topic, code, all);
    }
    *ret_count = count;
    return count > 0 ? all : NULL;
}

/* --- random choices --- */

static void draw_output(struct random *random, bool mild,
                        struct output_rules *rules)
{
    rules->needs_key = draw_chance(random, 200);
    rules->one_in =
        draw_chance(random, 300) ? (unsigned)draw(random, 2, 40) : 0;
    if (!mild && draw_chance(random, 150)) {
        rules->every_s = (unsigned)draw(random, 20, 300);
        rules->absent_s = (unsigned)draw(random, 1, rules->every_s - 1);
    }
}

/* Some messages are larger than that, or most, or all. */
static void draw_size(struct random *random, struct output_rules *rules)
{
    rules->max_bytes =
        draw_chance(random, 100) ? (size_t)draw(random, 300, 2000) : 0;
}

/* It has a random stream of its own, so that everything else in the world
 * remains the same. */
void rules_draw(struct broker *broker)
{
    const struct sim_options *options = &broker->sim->options;
    struct rules *rules = &broker->rules;
    struct random random;

    random_seed(&random, options->seed ^ 0x6b61666b61);
    if (options->quiet) {
        return;
    }
    draw_output(&random, broker->sim->registries_only, &rules->outcomes);
    draw_output(&random, broker->sim->registries_only, &rules->dead_letters);
    draw_size(&random, &rules->outcomes);
    draw_size(&random, &rules->dead_letters);
}
