#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * The consumer, served by the loop: librdkafka signals an eventfd when its
 * queue is no longer empty, and the queue is then read until it is (it signals
 * only that edge). Single events, not consume_batch: that one loses messages
 * around pause and rebalance before librdkafka 2.1.
 */

/* Events served in one turn, so that timers and transfers get theirs */
#define BATCH 256
/* The group throws out whoever does not poll; also finds what was missed. */
#define HEARTBEAT_MS 1000
/* After this a close that hangs (librdkafka before 2.4) is given up. */
#define CLOSE_MS 10000
#define COMMITTER_END_MS 15000

struct queue {
    struct loop *loop;
    struct queue_options options;
    const struct queue_handler *handler;
    void *payload;
    rd_kafka_t *client;
    rd_kafka_queue_t *events;
    /* The final revocation comes here: the consumer's own queue cannot be
     * forwarded to itself. */
    rd_kafka_queue_t *closing_events;
    int event_fd;
    struct task more;
    struct timer heartbeat;
    struct timer close_deadline;
    struct timer refusal; /* of a commit without a generation */
    bool paused;
    bool closing;
    bool closed;
    rd_kafka_topic_partition_list_t *assigned;
    rd_kafka_topic_partition_list_t *revoking; /* until queue_release() */
    struct committer *committer;
    bool committing;
};

static void PRINTF(3, 4)
    notice(struct queue *queue, enum log_level level, const char *format, ...)
{
    char text[LIMIT_MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    queue->handler->notice(queue->payload, level, text);
}

/* --- records
 * ------------------------------------------------------------------- */

static size_t read_headers(const rd_kafka_message_t *from,
                           struct header headers[LIMIT_RECORD_HEADERS + 1])
{
    rd_kafka_headers_t *list;
    size_t count = 0;

    if (rd_kafka_message_headers(from, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    /* One more than is allowed, which is enough to be refused for. */
    while (count < LIMIT_RECORD_HEADERS + 1) {
        struct header *header = &headers[count];
        const void *data;

        if (rd_kafka_header_get_all(list, count, &header->name, &data,
                                    &header->value.len) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            break;
        }
        header->value.data = data;
        count++;
    }
    return count;
}

static void hand_over(struct queue *queue, const rd_kafka_message_t *from)
{
    struct header headers[LIMIT_RECORD_HEADERS + 1];
    struct input input = {
        .message = {.topic = rd_kafka_topic_name(from->rkt),
                    .key = {from->key, from->key_len},
                    .value = {from->payload, from->len},
                    .headers = headers,
                    .header_count = read_headers(from, headers),
                    .timestamp_ms = rd_kafka_message_timestamp(from, NULL)},
        .partition = from->partition,
        .offset = from->offset,
    };

    queue->handler->record(queue->payload, &input);
}

/* --- rebalance
 * ------------------------------------------------------------------ */

static void tell(struct queue *queue,
                 const rd_kafka_topic_partition_list_t *list, bool assigned,
                 bool lost)
{
    struct queue_partition *partitions =
        mem_alloc((size_t)list->cnt * sizeof(*partitions));

    for (int i = 0; i < list->cnt; i++) {
        partitions[i].topic = list->elems[i].topic;
        partitions[i].partition = list->elems[i].partition;
    }
    if (assigned) {
        queue->handler->assigned(queue->payload, partitions, (size_t)list->cnt);
    } else {
        queue->handler->revoked(queue->payload, partitions, (size_t)list->cnt,
                                lost);
    }
    mem_free(partitions);
}

static void report(struct queue *queue, const char *what,
                   rd_kafka_error_t *error)
{
    if (error != NULL) {
        notice(queue, LOG_WARN, "%s: %s", what, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

static void drop_list(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
        *list = NULL;
    }
}

static void refresh_assigned(struct queue *queue)
{
    drop_list(&queue->assigned);
    rd_kafka_assignment(queue->client, &queue->assigned);
}

static void pause_assigned(struct queue *queue, bool pause)
{
    if (queue->assigned == NULL || queue->assigned->cnt == 0) {
        return;
    }
    if (pause) {
        rd_kafka_pause_partitions(queue->client, queue->assigned);
    } else {
        rd_kafka_resume_partitions(queue->client, queue->assigned);
    }
}

static void on_assign(struct queue *queue,
                      const rd_kafka_topic_partition_list_t *list)
{
    /* First the handler: a record may follow at once. */
    tell(queue, list, true, false);
    report(queue, "assigning partitions",
           rd_kafka_incremental_assign(queue->client, list));
    refresh_assigned(queue);
    if (queue->paused) {
        pause_assigned(queue, true);
    }
}

static void unassign(struct queue *queue,
                     const rd_kafka_topic_partition_list_t *list)
{
    report(queue, "giving partitions back",
           rd_kafka_incremental_unassign(queue->client, list));
    refresh_assigned(queue);
}

static void on_revoke(struct queue *queue,
                      const rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(queue->client) != 0;

    drop_list(&queue->revoking);
    queue->revoking = rd_kafka_topic_partition_list_copy(list);
    tell(queue, list, false, lost);
    if (lost) {
        queue_release(queue);
    }
}

void queue_release(struct queue *queue)
{
    if (queue->revoking != NULL) {
        unassign(queue, queue->revoking);
        drop_list(&queue->revoking);
    }
}

static void rebalance(struct queue *queue, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_event_topic_partition_list(event);

    switch ((int)rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        on_assign(queue, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        on_revoke(queue, list);
        break;
    default:
        notice(queue, LOG_WARN, "rebalance: %s",
               rd_kafka_event_error_string(event));
        rd_kafka_assign(queue->client, NULL);
        refresh_assigned(queue);
        break;
    }
}

/* --- events
 * ------------------------------------------------------------------------ */

static void on_error(struct queue *queue, rd_kafka_resp_err_t code,
                     const char *text)
{
    struct error err;

    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        error_set(&err, ERROR_FATAL, "kafka consumer: %s", text);
        queue->handler->failed(queue->payload, &err);
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        notice(queue, LOG_ERROR,
               "topic '%s' does not exist: create it (Waybill creates none), "
               "or mend kafka.topics.attestations",
               queue->options.topic);
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        notice(queue, LOG_ERROR, "%s", text);
        break;
    default:
        notice(queue, LOG_WARN, "%s", text);
        break;
    }
}

static void on_message_event(struct queue *queue, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            hand_over(queue, message);
        } else {
            on_error(queue, message->err, rd_kafka_message_errstr(message));
        }
    }
}

/* syslog(3)'s numbers. What is an error there (3) comes as an event of its own
 * as well, once. */
static enum log_level level_of(int syslog_level)
{
    if (syslog_level <= 2) {
        return LOG_ERROR;
    }
    return syslog_level == 4 ? LOG_WARN : LOG_DEBUG;
}

static void on_log(struct queue *queue, rd_kafka_event_t *event)
{
    const char *facility;
    const char *text;
    int level;

    if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
        notice(queue, level_of(level), "%s: %s", facility, text);
    }
}

static void serve(struct queue *queue, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        on_message_event(queue, event);
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        rebalance(queue, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(queue, rd_kafka_event_error(event),
                 rd_kafka_event_error_string(event));
        break;
    case RD_KAFKA_EVENT_LOG:
        on_log(queue, event);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
}

/* False: stopped before the queue was empty. */
static bool drain(struct queue *queue, rd_kafka_queue_t *events)
{
    for (int served = 0; events != NULL && served < BATCH; served++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(events, 0);

        if (event == NULL) {
            return true;
        }
        serve(queue, event);
    }
    return events == NULL;
}

static void finish_close(struct queue *queue)
{
    queue->closed = true;
    loop_disarm(queue->loop, &queue->refusal);
    loop_disarm(queue->loop, &queue->close_deadline);
    loop_disarm(queue->loop, &queue->heartbeat);
    queue->handler->closed(queue->payload);
}

static void poll_events(void *payload)
{
    struct queue *queue = payload;
    bool empty;

    if (queue->closed) {
        return;
    }
    empty = drain(queue, queue->events);
    empty = drain(queue, queue->closing_events) && empty;
    if (!empty) {
        loop_defer(queue->loop, &queue->more);
    }
    if (queue->closing && rd_kafka_consumer_closed(queue->client)) {
        finish_close(queue);
    }
}

static void on_event_fd(void *payload, int fd, unsigned events)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
        abort();
    }
    poll_events(payload);
}

static void on_heartbeat(void *payload)
{
    struct queue *queue = payload;

    loop_arm(queue->loop, &queue->heartbeat,
             queue->closing ? HEARTBEAT_MS / 20 : HEARTBEAT_MS);
    poll_events(queue);
}

/* --- commits
 * -------------------------------------------------------------------------- */

static void on_committer(void *payload, int fd, unsigned events)
{
    struct queue *queue = payload;
    struct commit_result result;
    uint64_t count;
    char *text;

    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
        abort();
    }
    text = committer_take_notice(queue->committer);
    if (text != NULL) {
        notice(queue, LOG_WARN, "%s", text);
        mem_free(text);
    }
    if (committer_take(queue->committer, &result) && !queue->closed) {
        queue->committing = false;
        queue->handler->committed(
            queue->payload, result.result,
            result.result == QUEUE_COMMITTED ? NULL : &result.err);
    }
}

static void refuse_commit(void *payload)
{
    struct queue *queue = payload;
    struct error err;

    error_set(&err, ERROR_UNAVAILABLE, "not a member of the group just now");
    queue->committing = false;
    queue->handler->committed(queue->payload, QUEUE_ABORTED, &err);
}

void queue_commit(struct queue *queue, struct queue_batch *batch)
{
    queue->committing = true;
    batch->group = rd_kafka_consumer_group_metadata(queue->client);
    if (batch->group != NULL && group_has_generation(batch->group)) {
        committer_submit(queue->committer, batch);
    } else {
        batch_discard(batch);
        loop_arm(queue->loop, &queue->refusal, HEARTBEAT_MS);
    }
}

bool queue_is_committing(const struct queue *queue)
{
    return queue->committing;
}

/* --- life cycle
 * ------------------------------------------------------------------------ */

void queue_pause(struct queue *queue)
{
    if (!queue->paused) {
        queue->paused = true;
        pause_assigned(queue, true);
    }
}

void queue_resume(struct queue *queue)
{
    if (queue->paused) {
        queue->paused = false;
        pause_assigned(queue, false);
    }
}

static rd_kafka_t *new_consumer(const struct queue_options *options,
                                struct error *err)
{
    rd_kafka_conf_t *conf = client_conf(CLIENT_CONSUMER, options, err);
    char why[256];

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_events(conf,
                             RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH |
                                 RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rd_kafka_conf_set(conf, "log.queue", "true", why, sizeof(why));
    return client_new(RD_KAFKA_CONSUMER, conf, err);
}

static int subscribe(struct queue *queue, struct error *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(topics, queue->options.topic,
                                      RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(queue->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(err, ERROR_CONFIG, "subscribing to '%s': %s",
                         queue->options.topic, rd_kafka_err2str(code));
    }
    return 0;
}

static void watch_events(struct queue *queue)
{
    static const uint64_t one = 1;

    rd_kafka_poll_set_consumer(queue->client);
    queue->events = rd_kafka_queue_get_consumer(queue->client);
    rd_kafka_set_log_queue(queue->client, queue->events);
    rd_kafka_queue_io_event_enable(queue->events, queue->event_fd, &one,
                                   sizeof(one));
    loop_watch(queue->loop, queue->event_fd, LOOP_IN, on_event_fd, queue);
    loop_arm(queue->loop, &queue->heartbeat, HEARTBEAT_MS);
}

int queue_open(struct loop *loop, const struct queue_options *options,
               const struct queue_handler *handler, void *payload,
               struct queue **ret_queue, struct error *err)
{
    struct queue *queue = mem_zalloc(sizeof(*queue));

    queue->loop = loop;
    queue->options = *options;
    queue->handler = handler;
    queue->payload = payload;
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    task_init(&queue->more, poll_events, queue);
    timer_init(&queue->heartbeat, on_heartbeat, queue);
    timer_init(&queue->refusal, refuse_commit, queue);
    queue->client = new_consumer(&queue->options, err);
    if (queue->client == NULL) {
        queue_free(queue);
        return -1;
    }
    queue->committer = committer_new(queue->client, &queue->options, err);
    if (queue->committer == NULL || subscribe(queue, err) < 0) {
        queue_free(queue);
        return -1;
    }
    watch_events(queue);
    loop_watch(loop, committer_done_fd(queue->committer), LOOP_IN, on_committer,
               queue);
    *ret_queue = queue;
    return 0;
}

static void on_close_deadline(void *payload)
{
    struct queue *queue = payload;

    notice(queue, LOG_WARN,
           "the group could not be left in time; it will notice by itself");
    finish_close(queue);
}

void queue_close(struct queue *queue)
{
    static const uint64_t one = 1;
    rd_kafka_error_t *error;

    if (queue->closing) {
        return;
    }
    queue->closing = true;
    queue->closing_events = rd_kafka_queue_new(queue->client);
    rd_kafka_queue_io_event_enable(queue->closing_events, queue->event_fd, &one,
                                   sizeof(one));
    error = rd_kafka_consumer_close_queue(queue->client, queue->closing_events);
    report(queue, "leaving the group", error);
    timer_init(&queue->close_deadline, on_close_deadline, queue);
    loop_arm(queue->loop, &queue->close_deadline, CLOSE_MS);
    loop_arm(queue->loop, &queue->heartbeat, 1);
}

static void unwatch(struct queue *queue)
{
    loop_disarm(queue->loop, &queue->heartbeat);
    loop_disarm(queue->loop, &queue->close_deadline);
    loop_disarm(queue->loop, &queue->refusal);
    loop_cancel(queue->loop, &queue->more);
    loop_unwatch(queue->loop, queue->event_fd);
    if (queue->committer != NULL) {
        loop_unwatch(queue->loop, committer_done_fd(queue->committer));
    }
}

static void destroy_client(struct queue *queue)
{
    drop_list(&queue->assigned);
    drop_list(&queue->revoking);
    if (queue->closing_events != NULL) {
        rd_kafka_queue_destroy(queue->closing_events);
    }
    if (queue->events != NULL) {
        rd_kafka_queue_destroy(queue->events);
    }
    if (queue->client != NULL) {
        rd_kafka_destroy_flags(queue->client,
                               RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
}

void queue_free(struct queue *queue)
{
    if (queue == NULL) {
        return;
    }
    unwatch(queue);
    /* A thread that still waits for a broker uses all of it; the process is
     * about to end, and the kernel frees better than we could. */
    if (!committer_free(queue->committer, COMMITTER_END_MS)) {
        return;
    }
    destroy_client(queue);
    close(queue->event_fd);
    mem_free(queue);
}
