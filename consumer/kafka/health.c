#include "health.h"

#include "membership.h"
#include "topics.h"

static void log_begun(struct kafka *kafka, const struct condition_list *before,
                      const struct condition_list *after)
{
    for (size_t i = 0; i < after->count; i++) {
        const struct kafka_condition *condition = &after->items[i];

        if (!condition_list_has(before, condition->text)) {
            kafka_notice(kafka, condition->blocks ? LOG_ERROR : LOG_WARN, "%s",
                         condition->text);
        }
    }
}

static void log_ended(struct kafka *kafka, const struct condition_list *before,
                      const struct condition_list *after)
{
    for (size_t i = 0; i < before->count; i++) {
        if (!condition_list_has(after, before->items[i].text)) {
            kafka_notice(kafka, LOG_INFO, "resolved: %s",
                         before->items[i].text);
        }
    }
}

/* A condition that goes on keeps the time at which it began. */
static void set_since(const struct kafka *kafka,
                      const struct condition_list *before,
                      struct condition_list *after)
{
    for (size_t i = 0; i < after->count; i++) {
        const struct kafka_condition *same =
            condition_list_find(before, after->items[i].text);

        after->items[i].since_ms = same != NULL
                                       ? same->since_ms
                                       : clock_wall_ms(loop_clock(kafka->loop));
    }
}

static bool is_blocked(const struct kafka *kafka)
{
    for (size_t i = 0; i < CONDITION_SOURCES; i++) {
        if (condition_list_blocks(&kafka->conditions[i])) {
            return true;
        }
    }
    return false;
}

void health_replace(struct kafka *kafka, enum condition_source source,
                    struct condition_list *list)
{
    struct condition_list before = kafka->conditions[source];

    kafka->conditions[source] = *list;
    *list = (struct condition_list){0};
    set_since(kafka, &before, &kafka->conditions[source]);
    log_ended(kafka, &before, &kafka->conditions[source]);
    log_begun(kafka, &before, &kafka->conditions[source]);
    condition_list_release(&before);
    pauses_set_blocked(kafka, is_blocked(kafka));
}

void health_clear(struct kafka *kafka, enum condition_source source)
{
    struct condition_list none = {0};

    if (kafka->conditions[source].count > 0) {
        health_replace(kafka, source, &none);
    }
}

void health_free(struct kafka *kafka)
{
    for (size_t i = 0; i < CONDITION_SOURCES; i++) {
        condition_list_release(&kafka->conditions[i]);
    }
}

const struct kafka_condition *kafka_get_condition(const struct kafka *kafka,
                                                  size_t index)
{
    for (size_t i = 0; i < CONDITION_SOURCES; i++) {
        const struct condition_list *list = &kafka->conditions[i];

        if (index < list->count) {
            return &list->items[index];
        }
        index -= list->count;
    }
    return NULL;
}

/* --- errors of the consumer --- */

void health_on_error(struct kafka *kafka, int code)
{
    struct condition_list list = {0};

    switch (code) {
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        topics_add_group_denied(&kafka->options, &list);
        health_replace(kafka, CONDITIONS_GROUP, &list);
        break;
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        topics_add_foreign_protocol(&kafka->options, &list);
        health_replace(kafka, CONDITIONS_GROUP, &list);
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        committer_check_access(kafka->committer);
        break;
    default:
        break;
    }
}
