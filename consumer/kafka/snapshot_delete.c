#include "snapshot_internal.h"

/* Deletes the records of a topic before given offsets (DeleteRecords) */

static int check_deleted(struct snapshot *snapshot, rd_kafka_event_t *event,
                         struct error *err)
{
    const rd_kafka_DeleteRecords_result_t *result;
    const rd_kafka_topic_partition_list_t *list;

    if (event == NULL ||
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return snapshot_set_failed(snapshot, "deleting",
                                   event != NULL ? rd_kafka_event_error(event)
                                                 : RD_KAFKA_RESP_ERR__TIMED_OUT,
                                   err);
    }
    result = rd_kafka_event_DeleteRecords_result(event);
    list = rd_kafka_DeleteRecords_result_offsets(result);
    for (int i = 0; i < list->cnt; i++) {
        if (is_denied(list->elems[i].err)) {
            return set_denied(&snapshot->options, "topic", snapshot->topic,
                              "Delete", err);
        }
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return error_set(err, ERROR_REJECTED,
                             "topic '%s', partition %d: deleting: %s",
                             snapshot->topic, list->elems[i].partition,
                             rd_kafka_err2str(list->elems[i].err));
        }
    }
    return 0;
}

static int delete_before(struct snapshot *snapshot,
                         const rd_kafka_topic_partition_list_t *list,
                         struct error *err)
{
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *responses = rd_kafka_queue_new(snapshot->client);
    rd_kafka_event_t *event;
    int result;

    rd_kafka_DeleteRecords(snapshot->client, &request, 1, NULL, responses);
    event = rd_kafka_queue_poll(responses, COMMAND_WAIT_MS);
    result = check_deleted(snapshot, event, err);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(responses);
    rd_kafka_DeleteRecords_destroy(request);
    return result;
}

int snapshot_delete(struct snapshot *snapshot, const int64_t *before,
                    struct error *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)snapshot->count);
    int result = 0;

    for (size_t i = 0; i < snapshot->count; i++) {
        if (before[i] > snapshot->spans[i].low) {
            rd_kafka_topic_partition_list_add(list, snapshot->topic,
                                              snapshot->spans[i].partition)
                ->offset = before[i];
        }
    }
    if (list->cnt > 0) {
        result = delete_before(snapshot, list, err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}
