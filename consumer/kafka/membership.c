#include <string.h>

#include "membership.h"
#include "waybill/alloc.h"

/*
 * What is ours to read: what the group gives and takes, where each partition
 * begins, and which of them rest.
 *
 * Before a partition is read, its committed offset and metadata are asked for,
 * and asked for again while a transaction of its last owner is open (KIP-447):
 * rd_kafka_committed() would block the loop for as long as that takes. The
 * group waits for the answer to an assignment, and meanwhile goes on without
 * it: nobody is held up.
 */

#define ASK_MS 5000
#define ASK_AGAIN_MS 200

/* --- lists ------------------------------------------------------------------
 */

static void drop_list(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
        *list = NULL;
    }
}

static void report(struct kafka *queue, const char *what,
                   rd_kafka_error_t *error)
{
    if (error != NULL) {
        kafka_notice(queue, LOG_WARN, "%s: %s", what,
                     rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

static void refresh_assigned(struct kafka *queue)
{
    drop_list(&queue->assigned);
    rd_kafka_assignment(queue->client, &queue->assigned);
}

static bool is_assigned(const struct kafka *queue,
                        const struct kafka_partition *at)
{
    return queue->assigned != NULL &&
           rd_kafka_topic_partition_list_find(queue->assigned, at->topic,
                                              at->partition) != NULL;
}

/* --- resting ----------------------------------------------------------------
 */

static void set_paused(struct kafka *queue,
                       rd_kafka_topic_partition_list_t *list, bool pause)
{
    if (list == NULL || list->cnt == 0) {
        return;
    }
    if (pause) {
        rd_kafka_pause_partitions(queue->client, list);
    } else {
        rd_kafka_resume_partitions(queue->client, list);
    }
}

void kafka_pause(struct kafka *queue)
{
    if (!queue->paused) {
        queue->paused = true;
        set_paused(queue, queue->assigned, true);
    }
}

/* All but those that rest by themselves: to resume what is not paused would
 * fetch old records again (librdkafka before 2.4). */
void kafka_resume(struct kafka *queue)
{
    rd_kafka_topic_partition_list_t *list;

    if (!queue->paused) {
        return;
    }
    queue->paused = false;
    if (queue->assigned == NULL) {
        return;
    }
    list = rd_kafka_topic_partition_list_copy(queue->assigned);
    for (int i = 0; i < queue->resting->cnt; i++) {
        rd_kafka_topic_partition_list_del(list, queue->resting->elems[i].topic,
                                          queue->resting->elems[i].partition);
    }
    set_paused(queue, list, false);
    rd_kafka_topic_partition_list_destroy(list);
}

static void set_one_paused(struct kafka *queue,
                           const struct kafka_partition *at, bool pause)
{
    rd_kafka_topic_partition_list_t *list;

    if (queue->paused || !is_assigned(queue, at)) {
        return;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition);
    set_paused(queue, list, pause);
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_pause_partition(struct kafka *queue,
                           const struct kafka_partition *at)
{
    if (rd_kafka_topic_partition_list_find(queue->resting, at->topic,
                                           at->partition) == NULL) {
        rd_kafka_topic_partition_list_add(queue->resting, at->topic,
                                          at->partition);
        set_one_paused(queue, at, true);
    }
}

void kafka_resume_partition(struct kafka *queue,
                            const struct kafka_partition *at)
{
    if (rd_kafka_topic_partition_list_del(queue->resting, at->topic,
                                          at->partition) != 0) {
        set_one_paused(queue, at, false);
    }
}

void kafka_rewind(struct kafka *queue, const struct kafka_partition *at,
                  int64_t offset)
{
    rd_kafka_topic_partition_list_t *list;

    if (!is_assigned(queue, at)) {
        return;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition)->offset =
        offset;
    /* Without a timeout it does not wait for the fetcher to have moved. */
    report(queue, "going back",
           rd_kafka_seek_partitions(queue->client, list, 0));
    rd_kafka_topic_partition_list_destroy(list);
}

int64_t kafka_position(struct kafka *queue, const struct kafka_partition *at)
{
    rd_kafka_topic_partition_list_t *list;
    int64_t offset = -1;

    if (!is_assigned(queue, at)) {
        return -1;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition);
    if (rd_kafka_position(queue->client, list) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
        list->elems[0].offset >= 0) {
        offset = list->elems[0].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

void kafka_get_bounds(struct kafka *queue, const struct kafka_partition *at,
                      struct kafka_bounds *ret_bounds)
{
    int64_t first = -1;
    int64_t end = -1;

    /* What librdkafka remembers: it asks nobody. */
    rd_kafka_get_watermark_offsets(queue->client, at->topic, at->partition,
                                   &first, &end);
    ret_bounds->first = first >= 0 ? first : -1;
    ret_bounds->end = end >= 0 ? end : -1;
}

/* --- what comes -------------------------------------------------------------
 */

static void ask_offsets(void *payload)
{
    struct kafka *queue = payload;
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
        queue->client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(queue->options.group,
                                              queue->arriving);
    char why[256];

    rd_kafka_error_destroy(
        rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, why,
                                              sizeof(why));
    rd_kafka_ListConsumerGroupOffsets(queue->client, &question, 1, options,
                                      queue->events);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    rd_kafka_AdminOptions_destroy(options);
}

static void report_assigned(struct kafka *queue,
                            const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_position *positions =
        mem_zalloc((size_t)list->cnt * sizeof(*positions));
    char **texts = mem_zalloc((size_t)list->cnt * sizeof(*texts));

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &list->elems[i];

        texts[i] = mem_zalloc(from->metadata_size + 1);
        memcpy(texts[i], from->metadata_size > 0 ? from->metadata : "",
               from->metadata_size);
        positions[i].at =
            (struct kafka_partition){from->topic, from->partition};
        positions[i].offset = from->offset >= 0 ? from->offset : -1;
        positions[i].metadata = texts[i];
    }
    queue->handler->assigned(queue->payload, positions, (size_t)list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        mem_free(texts[i]);
    }
    mem_free(texts);
    mem_free(positions);
}

/* Where a record was never committed, from the first on: never by what is the
 * newest just now, and never by a reset that passes records over. */
static void begin_reading(struct kafka *queue)
{
    rd_kafka_topic_partition_list_t *list = queue->arriving;

    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    report(queue, "assigning partitions",
           rd_kafka_incremental_assign(queue->client, list));
    drop_list(&queue->arriving);
    refresh_assigned(queue);
    queue->member = true;
    if (queue->paused) {
        set_paused(queue, queue->assigned, true);
    }
}

static void on_assign(struct kafka *queue,
                      const rd_kafka_topic_partition_list_t *list)
{
    queue->ever_assigned = true;
    queue->member = false; /* until it is known where to begin */
    queue->arriving = rd_kafka_topic_partition_list_copy(list);
    if (list->cnt == 0 || queue->closing) {
        begin_reading(queue);
    } else {
        ask_offsets(queue);
    }
}

/* NULL: everything is known. */
static const char *take_offsets(struct kafka *queue,
                                const rd_kafka_topic_partition_list_t *answer)
{
    for (int i = 0; i < queue->arriving->cnt; i++) {
        rd_kafka_topic_partition_t *to = &queue->arriving->elems[i];
        const rd_kafka_topic_partition_t *from =
            rd_kafka_topic_partition_list_find(
                (rd_kafka_topic_partition_list_t *)answer, to->topic,
                to->partition);

        if (from == NULL) {
            return "an incomplete answer";
        }
        if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return rd_kafka_err2str(from->err);
        }
        rd_kafka_topic_partition_list_set_offset(queue->arriving, to->topic,
                                                 to->partition, from->offset);
    }
    return NULL;
}

static const rd_kafka_group_result_t *first_group(rd_kafka_event_t *event)
{
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        rd_kafka_event_ListConsumerGroupOffsets_result(event);
    const rd_kafka_group_result_t **groups;
    size_t count = 0;

    if (result == NULL) {
        return NULL;
    }
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
    return count == 1 ? groups[0] : NULL;
}

/* NULL: not known yet, and *why says why. */
static const rd_kafka_topic_partition_list_t *read_answer(
    struct kafka *queue, rd_kafka_event_t *event, const char **why)
{
    const rd_kafka_group_result_t *group = first_group(event);
    const rd_kafka_topic_partition_list_t *answer;

    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        *why = rd_kafka_event_error_string(event);
        return NULL;
    }
    if (group == NULL) {
        *why = "an empty answer";
        return NULL;
    }
    if (rd_kafka_group_result_error(group) != NULL) {
        *why = rd_kafka_error_string(rd_kafka_group_result_error(group));
        return NULL;
    }
    answer = rd_kafka_group_result_partitions(group);
    *why = take_offsets(queue, answer);
    return *why == NULL ? answer : NULL;
}

void membership_on_offsets(struct kafka *queue, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *answer;
    const char *why = NULL;

    if (queue->arriving == NULL) {
        return; /* taken away, or closing, since it was asked */
    }
    answer = read_answer(queue, event, &why);
    if (answer == NULL) {
        kafka_notice(queue, LOG_DEBUG, "committed offsets: %s",
                     why != NULL ? why : "none");
        loop_arm(queue->loop, &queue->ask_again, ASK_AGAIN_MS);
        return;
    }
    /* First the handler: a record may follow at once. */
    report_assigned(queue, answer);
    if (queue->arriving != NULL) {
        begin_reading(queue);
    }
}

/* --- what goes --------------------------------------------------------------
 */

static void unassign(struct kafka *queue,
                     const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_list_del(queue->resting, list->elems[i].topic,
                                          list->elems[i].partition);
    }
    report(queue, "giving partitions back",
           rd_kafka_incremental_unassign(queue->client, list));
    refresh_assigned(queue);
}

static void report_revoked(struct kafka *queue,
                           const rd_kafka_topic_partition_list_t *list,
                           bool lost)
{
    struct kafka_partition *partitions =
        mem_alloc((size_t)list->cnt * sizeof(*partitions));

    for (int i = 0; i < list->cnt; i++) {
        partitions[i].topic = list->elems[i].topic;
        partitions[i].partition = list->elems[i].partition;
    }
    queue->handler->revoked(queue->payload, partitions, (size_t)list->cnt,
                            lost);
    mem_free(partitions);
}

static void on_revoke(struct kafka *queue,
                      const rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(queue->client) != 0;

    drop_list(&queue->revoking);
    queue->revoking = rd_kafka_topic_partition_list_copy(list);
    report_revoked(queue, list, lost);
    if (lost) {
        queue->member = false;
        kafka_release(queue);
    }
}

void kafka_release(struct kafka *queue)
{
    if (queue->revoking != NULL) {
        unassign(queue, queue->revoking);
        drop_list(&queue->revoking);
    }
}

/* --- both -------------------------------------------------------------------
 */

void membership_stop(struct kafka *queue)
{
    loop_disarm(queue->loop, &queue->ask_again);
    if (queue->arriving != NULL) {
        begin_reading(queue);
    }
}

/* librdkafka waits for one answer before it says the next thing. Should it ever
 * not, what nobody was told of must not be read, and passed over, in silence.
 */
static void on_unexpected_rebalance(struct kafka *queue,
                                    rd_kafka_event_t *event)
{
    struct error err;

    membership_stop(queue);
    error_set(&err, ERROR_FATAL,
              "kafka consumer: a rebalance (%s) before the last one was "
              "answered",
              rd_kafka_event_error_string(event));
    queue->handler->failed(queue->payload, &err);
}

void membership_on_rebalance(struct kafka *queue, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_event_topic_partition_list(event);

    if (queue->arriving != NULL) {
        on_unexpected_rebalance(queue, event);
    }
    switch ((int)rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        on_assign(queue, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        on_revoke(queue, list);
        break;
    default:
        kafka_notice(queue, LOG_WARN, "rebalance: %s",
                     rd_kafka_event_error_string(event));
        rd_kafka_assign(queue->client, NULL);
        queue->member = false;
        refresh_assigned(queue);
        break;
    }
}

void membership_init(struct kafka *queue)
{
    queue->resting = rd_kafka_topic_partition_list_new(0);
    timer_init(&queue->ask_again, ask_offsets, queue);
}

void membership_free(struct kafka *queue)
{
    loop_disarm(queue->loop, &queue->ask_again);
    drop_list(&queue->arriving);
    drop_list(&queue->assigned);
    drop_list(&queue->resting);
    drop_list(&queue->revoking);
}
