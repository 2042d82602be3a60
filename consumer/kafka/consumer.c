#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "membership.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"
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
#define DESTROY_S 5

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

static void hand_over(struct kafka *queue, const rd_kafka_message_t *from)
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

/* --- events
 * ------------------------------------------------------------------------ */

static void on_message_event(struct kafka *queue, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            hand_over(queue, message);
        } else {
            kafka_notice_trouble(queue, message->err,
                                 rd_kafka_message_errstr(message));
        }
    }
}

static void serve(struct kafka *queue, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        on_message_event(queue, event);
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        membership_on_rebalance(queue, event);
        break;
    case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT:
        membership_on_offsets(queue, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        kafka_notice_error(queue, event);
        break;
    case RD_KAFKA_EVENT_LOG:
        kafka_notice_log(queue, event);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
}

/* False: stopped before the queue was empty. */
static bool drain(struct kafka *queue, rd_kafka_queue_t *events)
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

static void finish_close(struct kafka *queue)
{
    queue->closed = true;
    loop_disarm(queue->loop, &queue->refusal);
    loop_disarm(queue->loop, &queue->close_deadline);
    loop_disarm(queue->loop, &queue->heartbeat);
    queue->handler->closed(queue->payload);
}

static void poll_events(void *payload)
{
    struct kafka *queue = payload;
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
    struct kafka *queue = payload;

    loop_arm(queue->loop, &queue->heartbeat,
             queue->closing ? HEARTBEAT_MS / 20 : HEARTBEAT_MS);
    poll_events(queue);
}

/* --- commits
 * -------------------------------------------------------------------------- */

static void on_committer(void *payload, int fd, unsigned events)
{
    struct kafka *queue = payload;
    struct kafka_result result;
    uint64_t count;
    char *text;

    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
        abort();
    }
    text = committer_take_notice(queue->committer);
    if (text != NULL) {
        kafka_notice(queue, LOG_WARN, "%s", text);
        mem_free(text);
    }
    if (committer_take(queue->committer, &result) && !queue->closed) {
        queue->committing = false;
        queue->handler->committed(queue->payload, &result);
    }
}

static void refuse_commit(void *payload)
{
    struct kafka *queue = payload;
    struct kafka_result result = {.verdict = KAFKA_ABORTED};

    error_set(&result.err, ERROR_UNAVAILABLE,
              "not a member of the group just now");
    queue->committing = false;
    queue->handler->committed(queue->payload, &result);
}

void kafka_commit(struct kafka *queue, struct kafka_batch *batch)
{
    queue->committing = true;
    batch->group = rd_kafka_consumer_group_metadata(queue->client);
    fault_point("submitted");
    if (fault_is_broken("skip-fencing")) {
        rd_kafka_consumer_group_metadata_destroy(batch->group);
        batch->group =
            rd_kafka_consumer_group_metadata_new(queue->options.group);
        committer_submit(queue->committer, batch);
    } else if (batch->group != NULL && group_has_generation(batch->group)) {
        committer_submit(queue->committer, batch);
    } else {
        batch_discard(batch);
        loop_arm(queue->loop, &queue->refusal, HEARTBEAT_MS);
    }
}

bool kafka_is_committing(const struct kafka *queue)
{
    return queue->committing;
}

void kafka_get_state(const struct kafka *queue, struct kafka_state *ret_state)
{
    ret_state->member = queue->member;
    ret_state->producer = committer_is_ready(queue->committer);
}

/* --- life cycle
 * ------------------------------------------------------------------------ */

static rd_kafka_t *new_consumer(const struct kafka_options *options,
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

static int subscribe(struct kafka *queue, struct error *err)
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

static void watch_events(struct kafka *queue)
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

int kafka_open(struct loop *loop, const struct kafka_options *options,
               const struct kafka_handler *handler, void *payload,
               struct kafka **ret_queue, struct error *err)
{
    struct kafka *queue = mem_zalloc(sizeof(*queue));

    queue->loop = loop;
    queue->options = *options;
    queue->handler = handler;
    queue->payload = payload;
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    task_init(&queue->more, poll_events, queue);
    timer_init(&queue->heartbeat, on_heartbeat, queue);
    timer_init(&queue->refusal, refuse_commit, queue);
    membership_init(queue);
    queue->client = new_consumer(&queue->options, err);
    if (queue->client == NULL) {
        kafka_free(queue);
        return -1;
    }
    queue->committer = committer_new(queue->client, &queue->options, err);
    if (queue->committer == NULL || subscribe(queue, err) < 0) {
        kafka_free(queue);
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
    struct kafka *queue = payload;

    kafka_notice(
        queue, LOG_WARN,
        "the group could not be left in time; it will notice by itself");
    finish_close(queue);
}

/* librdkafka before 2.3 may abort when a cooperative consumer is closed before
 * its first assignment (#4381): it is left alone, and the group notices that it
 * is gone. */
static void run_close_at_once(void *payload)
{
    finish_close(payload);
}

static void close_at_once(struct kafka *queue)
{
    timer_init(&queue->close_deadline, run_close_at_once, queue);
    loop_arm(queue->loop, &queue->close_deadline, 1);
}

void kafka_close(struct kafka *queue)
{
    static const uint64_t one = 1;
    rd_kafka_error_t *error;

    if (queue->closing) {
        return;
    }
    queue->closing = true;
    if (!queue->ever_assigned) {
        close_at_once(queue);
        return;
    }
    queue->closing_events = rd_kafka_queue_new(queue->client);
    rd_kafka_queue_io_event_enable(queue->closing_events, queue->event_fd, &one,
                                   sizeof(one));
    membership_stop(queue);
    error = rd_kafka_consumer_close_queue(queue->client, queue->closing_events);
    if (error != NULL) {
        kafka_notice(queue, LOG_WARN, "leaving the group: %s",
                     rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        /* Nothing follows: it is no member any more. */
        close_at_once(queue);
        return;
    }
    timer_init(&queue->close_deadline, on_close_deadline, queue);
    loop_arm(queue->loop, &queue->close_deadline, CLOSE_MS);
    loop_arm(queue->loop, &queue->heartbeat, 1);
}

static void unwatch(struct kafka *queue)
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

static void *run_destroy(void *client)
{
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* librdkafka from 2.0 on waits for ever for a partition that was paused or
 * resumed and whose topic was deleted then (#4362). Everything is committed by
 * now: what does not end is left to the kernel. */
static bool destroy_within(rd_kafka_t *client, time_t seconds)
{
    struct timespec deadline;
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_destroy, client) != 0) {
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += seconds;
    return pthread_timedjoin_np(thread, NULL, &deadline) == 0;
}

static bool destroy_client(struct kafka *queue)
{
    membership_free(queue);
    if (queue->closing_events != NULL) {
        rd_kafka_queue_destroy(queue->closing_events);
    }
    if (queue->events != NULL) {
        rd_kafka_queue_destroy(queue->events);
    }
    return queue->client == NULL || destroy_within(queue->client, DESTROY_S);
}

/* With its threads */
static void leave_alone(struct kafka *queue)
{
    static void *left_alone;

    queue->payload = left_alone;
    left_alone = queue;
}

void kafka_free(struct kafka *queue)
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
    if ((queue->closed && !queue->ever_assigned) || !destroy_client(queue)) {
        leave_alone(queue);
        return;
    }
    close(queue->event_fd);
    mem_free(queue);
}
