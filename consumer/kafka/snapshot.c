#include <string.h>

#include "permissions.h"
#include "snapshot_internal.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    struct snapshot *snapshot = opaque;

    diagnosis_note(&snapshot->diagnosis, (rd_kafka_resp_err_t)code, reason);
}

static uint64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

int snapshot_set_failed(struct snapshot *snapshot, const char *what,
                        rd_kafka_resp_err_t code, struct error *err)
{
    char text[320];

    snprintf(text, sizeof(text), "topic '%s': %s", snapshot->topic, what);
    return diagnosis_set_error(&snapshot->diagnosis, text, code, err);
}

/* Notes what the client has reported since. Errors of the group arrive only
 * here. */
static void take_errors(struct snapshot *snapshot)
{
    rd_kafka_message_t *message;

    while ((message = rd_kafka_consumer_poll(snapshot->client, 0)) != NULL) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            diagnosis_note(&snapshot->diagnosis, message->err,
                           rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
}

/* librdkafka looks for the coordinator of the group from the start, and reports
 * only once that it may not, for instance while records are read. */
static rd_kafka_resp_err_t group_denied(const struct snapshot *snapshot)
{
    rd_kafka_resp_err_t code = snapshot->diagnosis.code;

    return code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
               ? code
               : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* --- partitions and their bounds --- */

static int compare_partitions(const void *a, const void *b)
{
    const struct snapshot_span *left = a;
    const struct snapshot_span *right = b;

    return left->partition < right->partition
               ? -1
               : left->partition > right->partition;
}

static void copy_partitions(struct snapshot *snapshot,
                            const struct rd_kafka_metadata_topic *topic)
{
    snapshot->count = (size_t)topic->partition_cnt;
    snapshot->spans = mem_zalloc(snapshot->count * sizeof(*snapshot->spans));
    snapshot->done = mem_zalloc(snapshot->count * sizeof(*snapshot->done));
    for (size_t i = 0; i < snapshot->count; i++) {
        snapshot->spans[i].partition = topic->partitions[i].id;
    }
    qsort(snapshot->spans, snapshot->count, sizeof(*snapshot->spans),
          compare_partitions);
}

static int find_partitions(struct snapshot *snapshot, struct error *err)
{
    const struct rd_kafka_metadata *metadata;

    if (command_find_topic(snapshot->client, &snapshot->diagnosis,
                           snapshot->topic, "Read", &metadata, err) < 0) {
        return -1;
    }
    copy_partitions(snapshot, &metadata->topics[0]);
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

static rd_kafka_topic_partition_list_t *new_partition_list(
    const struct snapshot *snapshot)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)snapshot->count);

    for (size_t i = 0; i < snapshot->count; i++) {
        rd_kafka_topic_partition_list_add(list, snapshot->topic,
                                          snapshot->spans[i].partition);
    }
    return list;
}

static rd_kafka_resp_err_t first_error(
    rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err;
    }
    return code;
}

/* Sets each offset to that of the first record which is not older than the
 * time, or to a logical offset's value: RD_KAFKA_OFFSET_BEGINNING or _END
 * instead of a time. rd_kafka_query_watermark_offsets() would do for those, but
 * waits for a broker that cannot be reached without any bound. */
static int list_offsets(struct snapshot *snapshot, rd_kafka_t *client,
                        int64_t time, const char *what,
                        rd_kafka_topic_partition_list_t *list,
                        struct error *err)
{
    rd_kafka_resp_err_t code;

    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = time;
    }
    code = first_error(
        rd_kafka_offsets_for_times(client, list, COMMAND_REQUEST_MS), list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    take_errors(snapshot);
    return is_denied(code) ? set_denied(&snapshot->options, "topic",
                                        snapshot->topic, "Read", err)
                           : snapshot_set_failed(snapshot, what, code, err);
}

/* With isolation.level=read_committed the broker returns the last stable offset
 * as the end. */
static int find_bounds(struct snapshot *snapshot, struct error *err)
{
    rd_kafka_topic_partition_list_t *first = new_partition_list(snapshot);
    rd_kafka_topic_partition_list_t *end = new_partition_list(snapshot);
    int result =
        list_offsets(snapshot, snapshot->client, RD_KAFKA_OFFSET_BEGINNING,
                     "asking for its beginning", first, err) < 0 ||
                list_offsets(snapshot, snapshot->client, RD_KAFKA_OFFSET_END,
                             "asking for its end", end, err) < 0
            ? -1
            : 0;

    for (size_t i = 0; i < snapshot->count && result == 0; i++) {
        snapshot->spans[i].low = first->elems[i].offset;
        snapshot->spans[i].end = end->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(first);
    rd_kafka_topic_partition_list_destroy(end);
    return result;
}

static rd_kafka_t *new_client(struct snapshot *snapshot,
                              const struct kafka_options *options,
                              struct error *err)
{
    rd_kafka_conf_t *conf = command_conf(CLIENT_CONSUMER, options, err);
    rd_kafka_t *client;

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    rd_kafka_conf_set_opaque(conf, snapshot);
    /* The last offset may hold a transaction marker, which is never delivered;
     * only the end-of-partition event shows that it was reached. */
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    /* A whole topic is read at once: with the small queue of the service,
     * librdkafka before 2.2 would wait a second each time that the queue is
     * full. */
    rd_kafka_conf_set(conf, "queued.min.messages", "100000", NULL, 0);
    rd_kafka_conf_set(conf, "queued.max.messages.kbytes", "65536", NULL, 0);
    rd_kafka_conf_set(conf, "fetch.message.max.bytes", "1048576", NULL, 0);
    client = client_new(RD_KAFKA_CONSUMER, conf, err);
    if (client != NULL) {
        rd_kafka_poll_set_consumer(client);
    }
    return client;
}

int snapshot_open(const struct kafka_options *options,
                  struct snapshot **ret_snapshot, struct error *err)
{
    struct snapshot *snapshot = mem_zalloc(sizeof(*snapshot));

    snapshot->topic = options->topic;
    snapshot->group = options->group;
    snapshot->options = *options;
    snapshot->diagnosis.options = &snapshot->options;
    snapshot->client = new_client(snapshot, options, err);
    if (snapshot->client == NULL || find_partitions(snapshot, err) < 0 ||
        find_bounds(snapshot, err) < 0) {
        snapshot_free(snapshot);
        return -1;
    }
    *ret_snapshot = snapshot;
    return 0;
}

static rd_kafka_t *new_uncommitted_client(struct snapshot *snapshot,
                                          struct error *err)
{
    rd_kafka_conf_t *conf =
        command_conf(CLIENT_CONSUMER, &snapshot->options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", NULL, 0);
    return client_new(RD_KAFKA_CONSUMER, conf, err);
}

int snapshot_high_watermark(struct snapshot *snapshot, int32_t partition,
                            int64_t *ret_high, struct error *err)
{
    rd_kafka_t *client = new_uncommitted_client(snapshot, err);
    rd_kafka_topic_partition_list_t *list;
    int result;

    if (client == NULL) {
        return -1;
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, snapshot->topic, partition);
    result = list_offsets(snapshot, client, RD_KAFKA_OFFSET_END,
                          "asking for its end", list, err);
    *ret_high = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    command_destroy(client);
    return result;
}

static void drop_current(struct snapshot *snapshot)
{
    if (snapshot->current != NULL) {
        rd_kafka_message_destroy(snapshot->current);
        snapshot->current = NULL;
    }
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    drop_current(snapshot);
    command_destroy(snapshot->client);
    mem_free(snapshot->spans);
    mem_free(snapshot->done);
    mem_free(snapshot->headers);
    mem_free(snapshot);
}

const struct snapshot_span *snapshot_spans(const struct snapshot *snapshot,
                                           size_t *ret_count)
{
    *ret_count = snapshot->count;
    return snapshot->spans;
}

/* --- offsets --- */

static void copy_commits(const rd_kafka_topic_partition_list_t *list,
                         struct arena *arena,
                         struct snapshot_commit *ret_commits)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        const char *text = one->metadata != NULL ? one->metadata : "";

        ret_commits[i].offset = one->offset >= 0 ? one->offset : -1;
        ret_commits[i].text = arena_printf(
            arena, "%.*s", one->metadata != NULL ? (int)one->metadata_size : 0,
            text);
    }
}

/* While a transaction is open the broker answers UNSTABLE_OFFSET_COMMIT
 * (KIP-447), which librdkafka may return or turn into a timeout. The request is
 * repeated until the transaction has ended. */
int snapshot_committed(struct snapshot *snapshot, struct arena *arena,
                       struct snapshot_commit *ret_commits, struct error *err)
{
    uint64_t deadline = now_ms() + COMMAND_WAIT_MS;
    rd_kafka_resp_err_t denied;
    rd_kafka_resp_err_t code;

    do {
        rd_kafka_topic_partition_list_t *list = new_partition_list(snapshot);

        code =
            first_error(rd_kafka_committed(snapshot->client, list, 5000), list);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            copy_commits(list, arena, ret_commits);
        }
        rd_kafka_topic_partition_list_destroy(list);
        take_errors(snapshot);
        denied = is_denied(code) ? code : group_denied(snapshot);
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR &&
             denied == RD_KAFKA_RESP_ERR_NO_ERROR && now_ms() < deadline);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    return denied != RD_KAFKA_RESP_ERR_NO_ERROR
               ? set_denied(&snapshot->options, "group", snapshot->group,
                            permission_group_operation(snapshot->options.user),
                            err)
               : snapshot_set_failed(snapshot, "asking for the group's offsets",
                                     code, err);
}

int snapshot_at_time(struct snapshot *snapshot, int64_t wall_ms,
                     int64_t *ret_from, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = new_partition_list(snapshot);
    int result =
        list_offsets(snapshot, snapshot->client, wall_ms > 0 ? wall_ms : 0,
                     "asking for offsets of a time", list, err);

    for (size_t i = 0; i < snapshot->count; i++) {
        int64_t offset = list->elems[i].offset;

        ret_from[i] = offset >= 0 ? offset : snapshot->spans[i].end;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

/* --- reading --- */

int snapshot_begin(struct snapshot *snapshot, const int64_t *from, bool follow,
                   struct error *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)snapshot->count);
    rd_kafka_resp_err_t code;

    drop_current(snapshot);
    snapshot->follow = follow;
    snapshot->received_ms = now_ms();
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct snapshot_span *span = &snapshot->spans[i];
        int64_t start = from[i] > span->low ? from[i] : span->low;

        snapshot->done[i] =
            from[i] == SNAPSHOT_SKIP || (!follow && start >= span->end);
        if (!snapshot->done[i]) {
            rd_kafka_topic_partition_list_add(list, snapshot->topic,
                                              span->partition)
                ->offset = start;
        }
    }
    code = rd_kafka_assign(snapshot->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : snapshot_set_failed(snapshot, "reading", code, err);
}

static size_t index_of(const struct snapshot *snapshot, int32_t partition)
{
    size_t index = 0;

    while (index < snapshot->count &&
           snapshot->spans[index].partition != partition) {
        index++;
    }
    return index;
}

/* Notes the progress in the partition; true if the message belongs to the
 * snapshot. */
static bool accept_message(struct snapshot *snapshot,
                           const rd_kafka_message_t *message)
{
    size_t index = index_of(snapshot, message->partition);
    bool past;

    if (index == snapshot->count) {
        return false;
    }
    past = !snapshot->follow && message->offset >= snapshot->spans[index].end;
    snapshot->done[index] |= past;
    snapshot->received_ms = now_ms();
    return !past && message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool is_at_end(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        if (!snapshot->done[i]) {
            return false;
        }
    }
    return true;
}

static size_t read_headers(struct snapshot *snapshot)
{
    rd_kafka_headers_t *list;
    size_t count = 0;

    if (rd_kafka_message_headers(snapshot->current, &list) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    for (;; count++) {
        struct header header;
        const void *data;

        if (rd_kafka_header_get_all(list, count, &header.name, &data,
                                    &header.value.len) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            return count;
        }
        header.value.data = data;
        snapshot->headers =
            mem_grow(snapshot->headers, &snapshot->header_capacity, count + 1,
                     sizeof(header));
        snapshot->headers[count] = header;
    }
}

static void set_input(struct snapshot *snapshot, rd_kafka_message_t *message,
                      struct input *ret_input)
{
    size_t count;

    snapshot->current = message;
    count = read_headers(snapshot);
    *ret_input = (struct input){
        .message = {.topic = snapshot->topic,
                    .key = {message->key, message->key_len},
                    .value = {message->payload, message->len},
                    .headers = snapshot->headers,
                    .header_count = count,
                    .timestamp_ms = rd_kafka_message_timestamp(message, NULL)},
        .partition = message->partition,
        .offset = message->offset,
    };
}

/* Errors that retrying does not resolve */
static bool is_permanent(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__FATAL;
}

/* Handles an event that is not a record: the end of a partition, or an
 * error. */
static enum snapshot_step on_error(struct snapshot *snapshot,
                                   const rd_kafka_message_t *message,
                                   struct error *err)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        accept_message(snapshot, message);
        return SNAPSHOT_WAITING;
    }
    diagnosis_note(&snapshot->diagnosis, message->err,
                   rd_kafka_message_errstr(message));
    if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        set_denied(&snapshot->options, "topic", snapshot->topic, "Read", err);
        return SNAPSHOT_FAILED;
    }
    if (is_permanent(message->err)) {
        error_set(err, ERROR_REJECTED, "topic '%s': %s", snapshot->topic,
                  rd_kafka_message_errstr(message));
        return SNAPSHOT_FAILED;
    }
    return SNAPSHOT_WAITING;
}

static enum snapshot_step poll_once(struct snapshot *snapshot, int timeout_ms,
                                    struct input *ret_input, struct error *err)
{
    rd_kafka_message_t *message =
        rd_kafka_consumer_poll(snapshot->client, timeout_ms);
    enum snapshot_step step = SNAPSHOT_WAITING;

    if (message == NULL) {
        if (snapshot->follow ||
            now_ms() - snapshot->received_ms < COMMAND_WAIT_MS) {
            return SNAPSHOT_WAITING;
        }
        snapshot_set_failed(snapshot, "nothing comes",
                            RD_KAFKA_RESP_ERR__TIMED_OUT, err);
        return SNAPSHOT_FAILED;
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
        accept_message(snapshot, message)) {
        set_input(snapshot, message, ret_input);
        return SNAPSHOT_RECORD;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        step = on_error(snapshot, message, err);
    }
    rd_kafka_message_destroy(message);
    return step;
}

enum snapshot_step snapshot_next(struct snapshot *snapshot, int timeout_ms,
                                 struct input *ret_input, struct error *err)
{
    uint64_t until = now_ms() + (uint64_t)timeout_ms;
    enum snapshot_step step;
    uint64_t now;

    drop_current(snapshot);
    do {
        if (!snapshot->follow && is_at_end(snapshot)) {
            return SNAPSHOT_END;
        }
        now = now_ms();
        step = poll_once(snapshot, now < until ? (int)(until - now) : 0,
                         ret_input, err);
    } while (step == SNAPSHOT_WAITING && now < until);
    return step;
}
