#include <string.h>

#include "membership.h"

/* Pausing, positions and bounds of single partitions, as librdkafka has them */

static bool is_assigned(const struct kafka *kafka,
                        const struct kafka_partition *at)
{
    return kafka->assigned != NULL &&
           rd_kafka_topic_partition_list_find(kafka->assigned, at->topic,
                                              at->partition) != NULL;
}

bool kafka_is_paused(const struct kafka *kafka)
{
    return kafka->paused || kafka->blocked;
}

void partition_set_all_paused(struct kafka *kafka,
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

void partition_set_paused(struct kafka *kafka, const struct kafka_partition *at,
                          bool pause)
{
    rd_kafka_topic_partition_list_t *list;

    if (kafka_is_paused(kafka) || !is_assigned(kafka, at)) {
        return;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition);
    partition_set_all_paused(kafka, list, pause);
    rd_kafka_topic_partition_list_destroy(list);
}

void partition_seek(struct kafka *kafka, const struct kafka_partition *at,
                    int64_t offset)
{
    rd_kafka_topic_partition_list_t *list;

    if (!is_assigned(kafka, at)) {
        return;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition)->offset =
        offset;
    /* With a timeout of 0 the call does not wait for the fetcher to seek. */
    rd_kafka_error_destroy(rd_kafka_seek_partitions(kafka->client, list, 0));
    rd_kafka_topic_partition_list_destroy(list);
}

int64_t partition_position(struct kafka *kafka,
                           const struct kafka_partition *at)
{
    rd_kafka_topic_partition_list_t *list;
    int64_t offset = -1;

    if (!is_assigned(kafka, at)) {
        return -1;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition);
    if (rd_kafka_position(kafka->client, list) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
        list->elems[0].offset >= 0) {
        offset = list->elems[0].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

void kafka_get_bounds(struct kafka *kafka, const struct kafka_partition *at,
                      struct kafka_bounds *ret_bounds)
{
    int64_t first = -1;
    int64_t end = -1;

    /* This is librdkafka's cached value; no broker is asked. */
    rd_kafka_get_watermark_offsets(kafka->client, at->topic, at->partition,
                                   &first, &end);
    if (kafka->deleted.topic != NULL &&
        at->partition == kafka->deleted.partition &&
        strcmp(at->topic, kafka->deleted.topic) == 0 &&
        kafka->first_offset > first) {
        first = kafka->first_offset;
    }
    ret_bounds->first = first >= 0 ? first : -1;
    ret_bounds->end = end >= 0 ? end : -1;
}
