#include <string.h>

#include "membership.h"
#include "waybill/alloc.h"

/*
 * The assignment of the member: rebalances, the offset at which each partition
 * starts.
 *
 * Before a partition is fetched, its committed offset and metadata are
 * requested, and requested again while a transaction of its previous owner is
 * open (KIP-447). rd_kafka_committed() would block the loop for as long as that
 * takes. Meanwhile librdkafka waits for the answer to the assignment, but the
 * group has finished its rebalance and no other member is delayed.
 *
 * A thread that calls rd_kafka_committed() is no way out: groups were seen to
 * stop for a minute, because a timed-out call leaves requests behind that
 * librdkafka repeats without an end.
 */

#define OFFSETS_TIMEOUT_MS 5000
#define OFFSETS_RETRY_MS 200

/* --- partition lists --- */

static void drop_list(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
        *list = NULL;
    }
}

static void warn_if_failed(struct kafka *kafka, const char *what,
                           rd_kafka_error_t *error)
{
    if (error != NULL) {
        kafka_notice(kafka, LOG_WARN, "%s: %s", what,
                     rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

static void refresh_assigned(struct kafka *kafka)
{
    drop_list(&kafka->assigned);
    rd_kafka_assignment(kafka->client, &kafka->assigned);
}

/* --- positions --- */

void kafka_rewind(struct kafka *kafka, const struct kafka_partition *at,
                  int64_t offset)
{
    int64_t from = identity_rewound(kafka, at, offset);

    hold_rewound(kafka, at);
    partition_seek(kafka, at, from);
}

int64_t kafka_position(struct kafka *kafka, const struct kafka_partition *at)
{
    return hold_limit_position(kafka, at, partition_position(kafka, at));
}

/* --- assignment --- */

/* `purpose` is the address of what the answer is for. */
static void request_offsets_of(struct kafka *kafka,
                               rd_kafka_topic_partition_list_t *list,
                               void *purpose)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
        kafka->client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(kafka->options.group, list);
    char reason[256];

    rd_kafka_error_destroy(
        rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    rd_kafka_AdminOptions_set_request_timeout(options, OFFSETS_TIMEOUT_MS,
                                              reason, sizeof(reason));
    rd_kafka_AdminOptions_set_opaque(options, purpose);
    rd_kafka_ListConsumerGroupOffsets(kafka->client, &request, 1, options,
                                      kafka->events);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
}

static void request_offsets(void *payload)
{
    struct kafka *kafka = payload;

    request_offsets_of(kafka, kafka->assigning, &kafka->assigning);
}

static void report_assigned(struct kafka *kafka,
                            const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_position *positions =
        mem_zalloc((size_t)list->cnt * sizeof(*positions));
    char **metadata = mem_zalloc((size_t)list->cnt * sizeof(*metadata));

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &list->elems[i];

        metadata[i] = mem_zalloc(from->metadata_size + 1);
        memcpy(metadata[i], from->metadata_size > 0 ? from->metadata : "",
               from->metadata_size);
        positions[i].at =
            (struct kafka_partition){from->topic, from->partition};
        positions[i].offset = from->offset >= 0 ? from->offset : -1;
        positions[i].metadata = metadata[i];
    }
    kafka->handler->assigned(kafka->payload, positions, (size_t)list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        mem_free(metadata[i]);
    }
    mem_free(metadata);
    mem_free(positions);
}

/* A partition without a committed offset is read from its first record.
 * Starting at the latest offset, or a reset, would skip records. */
static void assign_partitions(struct kafka *kafka)
{
    rd_kafka_topic_partition_list_t *list = kafka->assigning;
    rd_kafka_topic_partition_list_t *added =
        rd_kafka_topic_partition_list_copy(list);

    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    warn_if_failed(kafka, "assigning partitions",
                   rd_kafka_incremental_assign(kafka->client, list));
    drop_list(&kafka->assigning);
    refresh_assigned(kafka);
    kafka->member = true;
    pauses_apply(kafka);
    identity_assign(kafka, added);
    rd_kafka_topic_partition_list_destroy(added);
}

static void on_assign(struct kafka *kafka,
                      const rd_kafka_topic_partition_list_t *list)
{
    kafka->ever_assigned = true;
    kafka->member = false; /* until the start offsets are known */
    kafka->assigning = rd_kafka_topic_partition_list_copy(list);
    if (list->cnt == 0 || kafka->closing) {
        assign_partitions(kafka);
    } else {
        request_offsets(kafka);
    }
}

/* Copies the committed offsets into the pending assignment. Returns NULL, or
 * the reason why an offset is not known yet. */
static const char *copy_offsets(struct kafka *kafka,
                                const rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < kafka->assigning->cnt; i++) {
        rd_kafka_topic_partition_t *to = &kafka->assigning->elems[i];
        const rd_kafka_topic_partition_t *from =
            rd_kafka_topic_partition_list_find(
                (rd_kafka_topic_partition_list_t *)offsets, to->topic,
                to->partition);

        if (from == NULL) {
            return "an incomplete answer";
        }
        if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return rd_kafka_err2str(from->err);
        }
        rd_kafka_topic_partition_list_set_offset(kafka->assigning, to->topic,
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

/* Returns the committed offsets, or NULL with the cause in *reason. */
static const rd_kafka_topic_partition_list_t *read_response(
    struct kafka *kafka, rd_kafka_event_t *event, const char **reason)
{
    const rd_kafka_group_result_t *group = first_group(event);
    const rd_kafka_topic_partition_list_t *offsets;

    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        *reason = rd_kafka_event_error_string(event);
        return NULL;
    }
    if (group == NULL) {
        *reason = "an empty answer";
        return NULL;
    }
    if (rd_kafka_group_result_error(group) != NULL) {
        *reason = rd_kafka_error_string(rd_kafka_group_result_error(group));
        return NULL;
    }
    offsets = rd_kafka_group_result_partitions(group);
    *reason = copy_offsets(kafka, offsets);
    return *reason == NULL ? offsets : NULL;
}

static void check_committed(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_group_result_t *group = first_group(event);

    if (group != NULL && rd_kafka_group_result_error(group) == NULL &&
        rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        identity_on_committed(kafka, rd_kafka_group_result_partitions(group));
    }
}

void membership_on_offsets(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *offsets;
    const char *reason = NULL;

    if (rd_kafka_event_opaque(event) == &kafka->asking_committed) {
        kafka->asking_committed = false;
        check_committed(kafka, event);
        return;
    }
    if (kafka->assigning == NULL) {
        return; /* the partitions were revoked since */
    }
    offsets = read_response(kafka, event, &reason);
    if (offsets == NULL) {
        kafka_notice(kafka, LOG_DEBUG, "committed offsets: %s",
                     reason != NULL ? reason : "none");
        loop_arm(kafka->loop, &kafka->offsets_retry, OFFSETS_RETRY_MS);
        return;
    }
    /* The handler comes first, because a record may be fetched at once. */
    report_assigned(kafka, offsets);
    if (kafka->assigning != NULL) {
        assign_partitions(kafka);
    }
}

/* --- revocation --- */

static void unassign(struct kafka *kafka,
                     const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_list_del(kafka->paused_partitions,
                                          list->elems[i].topic,
                                          list->elems[i].partition);
        hold_forget(kafka, &(struct kafka_partition){list->elems[i].topic,
                                                     list->elems[i].partition});
    }
    warn_if_failed(kafka, "giving partitions back",
                   rd_kafka_incremental_unassign(kafka->client, list));
    refresh_assigned(kafka);
    identity_unassign(kafka, list);
}

static void report_revoked(struct kafka *kafka,
                           const rd_kafka_topic_partition_list_t *list,
                           bool lost)
{
    struct kafka_partition *partitions =
        mem_alloc((size_t)list->cnt * sizeof(*partitions));

    for (int i = 0; i < list->cnt; i++) {
        partitions[i].topic = list->elems[i].topic;
        partitions[i].partition = list->elems[i].partition;
    }
    kafka->handler->revoked(kafka->payload, partitions, (size_t)list->cnt,
                            lost);
    mem_free(partitions);
}

static bool are_all_missing(const struct kafka *kafka,
                            const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (!identity_is_missing(
                kafka, &(struct kafka_partition){list->elems[i].topic,
                                                 list->elems[i].partition})) {
            return false;
        }
    }
    return list->cnt > 0;
}

/* Takes the partition away from the handler and assigns it again, from its
 * first record on. */
static void start_anew(struct kafka *kafka, const struct kafka_partition *at)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    kafka_notice(kafka, LOG_ERROR,
                 "topic '%s' was deleted and created again while partition %d "
                 "of it was read: reading the new one from its beginning; "
                 "records of the old one that were not finished have no "
                 "outcome",
                 at->topic, (int)at->partition);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition);
    rd_kafka_topic_partition_list_del(kafka->paused_partitions, at->topic,
                                      at->partition);
    hold_forget(kafka, at);
    report_revoked(kafka, list, true);
    warn_if_failed(kafka, "leaving a deleted topic",
                   rd_kafka_incremental_unassign(kafka->client, list));
    list->elems[0].offset = RD_KAFKA_OFFSET_BEGINNING;
    report_assigned(kafka, list);
    warn_if_failed(kafka, "reading a new topic",
                   rd_kafka_incremental_assign(kafka->client, list));
    refresh_assigned(kafka);
    pauses_apply(kafka);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Offsets of a topic that does not exist any more must not be committed: they
 * would apply to a later topic of the same name. */
static void on_revoke(struct kafka *kafka,
                      const rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(kafka->client) != 0 ||
                are_all_missing(kafka, list);

    drop_list(&kafka->revoking);
    kafka->revoking = rd_kafka_topic_partition_list_copy(list);
    report_revoked(kafka, list, lost);
    if (lost) {
        kafka->member = false;
        kafka_complete_revocation(kafka);
    }
}

void kafka_complete_revocation(struct kafka *kafka)
{
    if (kafka->revoking != NULL) {
        unassign(kafka, kafka->revoking);
        drop_list(&kafka->revoking);
    }
}

/* --- rebalances --- */

void membership_stop(struct kafka *kafka)
{
    loop_disarm(kafka->loop, &kafka->offsets_retry);
    if (kafka->assigning != NULL) {
        assign_partitions(kafka);
    }
}

/* librdkafka waits for the answer to one rebalance before it reports the
 * next. If it ever did not, partitions that were not announced to the
 * handler could be read and their records skipped silently. Therefore this
 * is a fatal error. */
static void on_unexpected_rebalance(struct kafka *kafka,
                                    rd_kafka_event_t *event)
{
    struct error err;

    membership_stop(kafka);
    error_set(&err, ERROR_FATAL,
              "kafka consumer: a rebalance (%s) before the last one was "
              "answered",
              rd_kafka_event_error_string(event));
    kafka->handler->failed(kafka->payload, &err);
}

void membership_on_rebalance(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_event_topic_partition_list(event);

    if (kafka->assigning != NULL) {
        on_unexpected_rebalance(kafka, event);
    }
    switch ((int)rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        on_assign(kafka, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        on_revoke(kafka, list);
        break;
    default:
        kafka_notice(kafka, LOG_WARN, "rebalance: %s",
                     rd_kafka_event_error_string(event));
        rd_kafka_assign(kafka->client, NULL);
        kafka->member = false;
        refresh_assigned(kafka);
        break;
    }
}

/* A failed fetch is repeated after fetch.error.backoff.ms (500), so it is
 * noticed at this interval. */
#define IDENTITY_MS 200

static void ask_committed(struct kafka *kafka)
{
    if (kafka->assigned != NULL && !kafka->asking_committed &&
        identity_wants_committed(kafka)) {
        kafka->asking_committed = true;
        identity_asking(kafka);
        request_offsets_of(kafka, kafka->assigned, &kafka->asking_committed);
    }
}

static void check_identities(void *payload)
{
    struct kafka *kafka = payload;
    struct kafka_partition at;

    loop_arm(kafka->loop, &kafka->identity_timer, IDENTITY_MS);
    if (!kafka->closing && kafka->revoking == NULL &&
        kafka->assigning == NULL) {
        identity_check(kafka);
        if (identity_take_replaced(kafka, &at)) {
            start_anew(kafka, &at);
        }
    }
    ask_committed(kafka); /* the last commits wait for it, too */
}

void membership_init(struct kafka *kafka)
{
    kafka->paused_partitions = rd_kafka_topic_partition_list_new(0);
    timer_init(&kafka->offsets_retry, request_offsets, kafka);
    timer_init(&kafka->identity_timer, check_identities, kafka);
    loop_arm(kafka->loop, &kafka->identity_timer, IDENTITY_MS);
    identity_init(kafka);
    hold_init(kafka);
}

void membership_free(struct kafka *kafka)
{
    loop_disarm(kafka->loop, &kafka->identity_timer);
    identity_free(kafka);
    hold_free(kafka);
    loop_disarm(kafka->loop, &kafka->offsets_retry);
    drop_list(&kafka->assigning);
    drop_list(&kafka->assigned);
    drop_list(&kafka->paused_partitions);
    drop_list(&kafka->revoking);
}
