#include "membership.h"

/* Which partitions are paused: all of them by kafka_pause(), or while a
 * condition blocks, and each individually */

bool kafka_is_assigned(const struct kafka *kafka,
                       const struct kafka_partition *at)
{
    return kafka->assigned != NULL &&
           rd_kafka_topic_partition_list_find(kafka->assigned, at->topic,
                                              at->partition) != NULL;
}

static void set_paused(struct kafka *kafka,
                       rd_kafka_topic_partition_list_t *list, bool pause)
{
    if (list == NULL || list->cnt == 0) {
        return;
    }
    if (pause) {
        rd_kafka_pause_partitions(kafka->client, list);
    } else {
        rd_kafka_resume_partitions(kafka->client, list);
    }
}

bool kafka_is_paused(const struct kafka *kafka)
{
    return kafka->paused || kafka->blocked;
}

/* Resumes all partitions except those that are paused individually. Resuming a
 * partition that is not paused would fetch old records again (librdkafka before
 * 2.4). */
static void resume(struct kafka *kafka)
{
    rd_kafka_topic_partition_list_t *list;

    if (kafka->assigned == NULL) {
        return;
    }
    list = rd_kafka_topic_partition_list_copy(kafka->assigned);
    for (int i = 0; i < kafka->paused_partitions->cnt; i++) {
        rd_kafka_topic_partition_list_del(
            list, kafka->paused_partitions->elems[i].topic,
            kafka->paused_partitions->elems[i].partition);
    }
    for (int i = list->cnt - 1; i >= 0; i--) {
        if (hold_is_paused(
                kafka, &(struct kafka_partition){list->elems[i].topic,
                                                 list->elems[i].partition})) {
            rd_kafka_topic_partition_list_del_by_idx(list, i);
        }
    }
    set_paused(kafka, list, false);
    rd_kafka_topic_partition_list_destroy(list);
    identity_resumed(kafka);
}

static void set_pauses(struct kafka *kafka, bool paused, bool blocked)
{
    bool was_paused = kafka_is_paused(kafka);

    kafka->paused = paused;
    kafka->blocked = blocked;
    if (!was_paused && kafka_is_paused(kafka)) {
        identity_paused(kafka);
        set_paused(kafka, kafka->assigned, true);
    } else if (was_paused && !kafka_is_paused(kafka)) {
        resume(kafka);
    }
}

void kafka_pause(struct kafka *kafka)
{
    set_pauses(kafka, true, kafka->blocked);
}

void kafka_resume(struct kafka *kafka)
{
    set_pauses(kafka, false, kafka->blocked);
}

void pauses_apply(struct kafka *kafka)
{
    if (kafka_is_paused(kafka)) {
        set_paused(kafka, kafka->assigned, true);
    }
}

void pauses_set_blocked(struct kafka *kafka, bool blocked)
{
    set_pauses(kafka, kafka->paused, blocked);
}

void pauses_set(struct kafka *kafka, const struct kafka_partition *at,
                bool pause)
{
    rd_kafka_topic_partition_list_t *list;

    if (kafka_is_paused(kafka) || !kafka_is_assigned(kafka, at)) {
        return;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition);
    set_paused(kafka, list, pause);
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_pause_partition(struct kafka *kafka,
                           const struct kafka_partition *at)
{
    if (rd_kafka_topic_partition_list_find(kafka->paused_partitions, at->topic,
                                           at->partition) == NULL) {
        rd_kafka_topic_partition_list_add(kafka->paused_partitions, at->topic,
                                          at->partition);
        pauses_set(kafka, at, true);
    }
}

void kafka_resume_partition(struct kafka *kafka,
                            const struct kafka_partition *at)
{
    if (rd_kafka_topic_partition_list_del(kafka->paused_partitions, at->topic,
                                          at->partition) != 0) {
        if (!hold_is_paused(kafka, at)) {
            pauses_set(kafka, at, false);
        }
        identity_resumed_partition(kafka, at);
    }
}
