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
 * The consumer, which the loop serves: librdkafka writes to an eventfd when its
 * queue becomes non-empty, and the queue is then read until it is empty,
 * because only that transition is signalled. Events are polled one by one:
 * rd_kafka_consume_batch_queue() loses messages around pause and rebalance
 * before librdkafka 2.1.
 */

/* Events handled per iteration of the loop, so that timers and HTTP transfers
 * are not delayed */
#define MAX_EVENTS 256
/* Poll interval. The group removes a member that does not poll within
 * max.poll.interval.ms; the timer also finds events whose signal was missed. */
#define HEARTBEAT_MS 1000
/* Closing hangs at times with librdkafka before 2.4, and is abandoned after
 * this. */
#define CLOSE_TIMEOUT_MS 10000
#define COMMITTER_TIMEOUT_MS 15000
#define DESTROY_TIMEOUT_S 5

/* --- records --- */

/* Their number is not limited, because a dead letter keeps all of them. They
 * are a part of the record, whose size Kafka limits. */
static size_t read_headers(struct kafka *kafka, const rd_kafka_message_t *from)
{
    rd_kafka_headers_t *list;
    size_t count;

    if (rd_kafka_message_headers(from, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    count = rd_kafka_header_cnt(list);
    kafka->headers = mem_grow(kafka->headers, &kafka->header_capacity, count,
                              sizeof(kafka->headers[0]));
    for (size_t i = 0; i < count; i++) {
        struct header *header = &kafka->headers[i];
        const void *data;

        rd_kafka_header_get_all(list, i, &header->name, &data,
                                &header->value.len);
        header->value.data = data;
    }
    return count;
}

static void pass_record(struct kafka *kafka, const rd_kafka_message_t *from)
{
    size_t header_count = read_headers(kafka, from);
    struct input input = {
        .message = {.topic = rd_kafka_topic_name(from->rkt),
                    .key = {from->key, from->key_len},
                    .value = {from->payload, from->len},
                    .headers = kafka->headers,
                    .header_count = header_count,
                    .timestamp_ms = rd_kafka_message_timestamp(from, NULL)},
        .partition = from->partition,
        .offset = from->offset,
    };

    kafka->handler->record(kafka->payload, &input);
}

/* --- events --- */

static void on_message_event(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (!hold_on_record(kafka, message) &&
                identity_on_record(kafka, message)) {
                pass_record(kafka, message);
            }
        } else {
            kafka_notice_topic_error(kafka, message->err,
                                     rd_kafka_message_errstr(message));
            health_on_error(kafka, (int)message->err);
        }
    }
}

static void handle_event(struct kafka *kafka, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        on_message_event(kafka, event);
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        outage_end(kafka);
        membership_on_rebalance(kafka, event);
        break;
    case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT:
        membership_on_offsets(kafka, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        if (!hold_on_error(kafka, event)) {
            kafka_notice_error(kafka, event);
            health_on_error(kafka, (int)rd_kafka_event_error(event));
        }
        break;
    case RD_KAFKA_EVENT_LOG:
        kafka_notice_log(kafka, event);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
}

/* Returns false if it stopped before the queue was empty. */
static bool drain(struct kafka *kafka, rd_kafka_queue_t *events)
{
    for (int served = 0; events != NULL && served < MAX_EVENTS; served++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(events, 0);

        if (event == NULL) {
            return true;
        }
        handle_event(kafka, event);
    }
    return events == NULL;
}

static void finish_close(struct kafka *kafka)
{
    kafka->closed = true;
    loop_disarm(kafka->loop, &kafka->reject_timer);
    loop_disarm(kafka->loop, &kafka->first_deadline);
    loop_disarm(kafka->loop, &kafka->close_deadline);
    outage_stop(kafka);
    loop_disarm(kafka->loop, &kafka->heartbeat);
    kafka->handler->closed(kafka->payload);
}

static void poll_events(void *payload)
{
    struct kafka *kafka = payload;
    bool empty;

    if (kafka->closed) {
        return;
    }
    empty = drain(kafka, kafka->events);
    empty = drain(kafka, kafka->closing_events) && empty;
    if (!empty) {
        loop_defer(kafka->loop, &kafka->poll_again);
    }
    if (kafka->member) {
        health_clear(kafka, CONDITIONS_GROUP);
    }
    if (kafka->closing && rd_kafka_consumer_closed(kafka->client)) {
        finish_close(kafka);
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
    struct kafka *kafka = payload;

    loop_arm(kafka->loop, &kafka->heartbeat,
             kafka->closing ? HEARTBEAT_MS / 20 : HEARTBEAT_MS);
    poll_events(kafka);
}

/* --- the committer --- */

static int subscribe(struct kafka *kafka, struct error *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new(2);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(topics, kafka->options.topic,
                                      RD_KAFKA_PARTITION_UA);
    if (kafka->options.optional_topic != NULL) {
        rd_kafka_topic_partition_list_add(topics, kafka->options.optional_topic,
                                          RD_KAFKA_PARTITION_UA);
    }
    code = rd_kafka_subscribe(kafka->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(err, ERROR_CONFIG, "subscribing to '%s': %s",
                         kafka->options.topic, rd_kafka_err2str(code));
    }
    kafka->subscribed = true;
    return 0;
}

/* The group is joined once nothing is missing. */
static void on_report(struct kafka *kafka, struct condition_list *report)
{
    struct error err;

    if (kafka->closing) {
        condition_list_release(report);
        return;
    }
    outage_end(kafka);
    health_replace(kafka, CONDITIONS_TOPICS, report);
    if (!kafka->subscribed) {
        /* The check has asked for the group itself, and the consumer, which
         * looks for its coordinator from the start, reports an error of it only
         * once. */
        health_clear(kafka, CONDITIONS_GROUP);
    }
    if (!kafka->subscribed && !kafka->blocked && subscribe(kafka, &err) < 0) {
        kafka->handler->failed(kafka->payload, &err);
    }
}

static void on_committer(void *payload, int fd, unsigned events)
{
    struct kafka *kafka = payload;
    struct condition_list report;
    struct kafka_result result;
    struct kafka_partition at;
    int64_t first;
    uint64_t count;
    char *text;

    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
        abort();
    }
    text = committer_take_notice(kafka->committer);
    if (text != NULL) {
        outage_on_notice(kafka, text);
        mem_free(text);
    }
    if (committer_take_report(kafka->committer, &report)) {
        on_report(kafka, &report);
    }
    if (committer_take_first(kafka->committer, &at, &first)) {
        kafka->deleted = at;
        kafka->first_offset = first;
        kafka_fail_out_of_range(kafka);
    }
    if (committer_take(kafka->committer, &result) && !kafka->closed) {
        kafka->committing = false;
        if (result.verdict == KAFKA_COMMITTED) {
            outage_end(kafka);
        }
        kafka->handler->committed(kafka->payload, &result);
    }
}

static void reject_commit(void *payload)
{
    struct kafka *kafka = payload;
    struct kafka_result result = {.verdict = KAFKA_ABORTED};

    error_set(
        &result.err, ERROR_UNAVAILABLE,
        "not a member of the group at present, or the topic does not exist");
    kafka->committing = false;
    kafka->handler->committed(kafka->payload, &result);
}

/* The group coordinator deletes the offsets of a deleted topic, and would keep
 * those that are committed afterwards. */
static bool is_for_another_topic(const struct kafka *kafka,
                                 const struct kafka_batch *batch)
{
    for (size_t i = 0; i < batch->offset_count; i++) {
        const struct kafka_partition *at = &batch->offsets[i].at;

        if (identity_is_missing(kafka, at) || identity_is_doubtful(kafka, at)) {
            return true;
        }
    }
    return false;
}

void kafka_commit(struct kafka *kafka, struct kafka_batch *batch)
{
    kafka->committing = true;
    batch->group = rd_kafka_consumer_group_metadata(kafka->client);
    fault_point("submitted");
    if (fault_is_broken("skip-fencing")) {
        rd_kafka_consumer_group_metadata_destroy(batch->group);
        batch->group =
            rd_kafka_consumer_group_metadata_new(kafka->options.group);
        committer_submit(kafka->committer, batch);
    } else if (!is_for_another_topic(kafka, batch) && batch->group != NULL &&
               group_has_generation(batch->group)) {
        committer_submit(kafka->committer, batch);
    } else {
        batch_discard(batch);
        loop_arm(kafka->loop, &kafka->reject_timer, HEARTBEAT_MS);
    }
}

bool kafka_is_committing(const struct kafka *kafka)
{
    return kafka->committing;
}

void kafka_get_state(const struct kafka *kafka, struct kafka_state *ret_state)
{
    ret_state->member = kafka->member;
    ret_state->producer = committer_is_ready(kafka->committer);
}

/* --- life cycle --- */

static rd_kafka_t *new_consumer(const struct kafka_options *options,
                                struct error *err)
{
    rd_kafka_conf_t *conf = client_conf(CLIENT_CONSUMER, options, err);
    char reason[256];

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_events(conf,
                             RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH |
                                 RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rd_kafka_conf_set(conf, "log.queue", "true", reason, sizeof(reason));
    return client_new(RD_KAFKA_CONSUMER, conf, err);
}

static void watch_events(struct kafka *kafka)
{
    static const uint64_t one = 1;

    rd_kafka_poll_set_consumer(kafka->client);
    kafka->events = rd_kafka_queue_get_consumer(kafka->client);
    rd_kafka_set_log_queue(kafka->client, kafka->events);
    rd_kafka_queue_io_event_enable(kafka->events, kafka->event_fd, &one,
                                   sizeof(one));
    loop_watch(kafka->loop, kafka->event_fd, LOOP_IN, on_event_fd, kafka);
    loop_arm(kafka->loop, &kafka->heartbeat, HEARTBEAT_MS);
}

int kafka_open(struct loop *loop, const struct kafka_options *options,
               const struct kafka_handler *handler, void *payload,
               struct kafka **ret_kafka, struct error *err)
{
    struct kafka *kafka = mem_zalloc(sizeof(*kafka));
    const char *key;

    kafka->loop = loop;
    kafka->options = *options;
    kafka->handler = handler;
    kafka->payload = payload;
    kafka->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    task_init(&kafka->poll_again, poll_events, kafka);
    outage_init(kafka);
    timer_init(&kafka->heartbeat, on_heartbeat, kafka);
    timer_init(&kafka->first_deadline, kafka_fail_out_of_range, kafka);
    timer_init(&kafka->reject_timer, reject_commit, kafka);
    membership_init(kafka);
    /* The committer would find out on its thread, when it is too late to
     * reject the configuration. */
    kafka->client = kafka_check_clients(options, &key, err) == 0
                        ? new_consumer(&kafka->options, err)
                        : NULL;
    if (kafka->client == NULL) {
        kafka_free(kafka);
        return -1;
    }
    kafka->committer = committer_new(kafka->client, &kafka->options, err);
    if (kafka->committer == NULL ||
        (options->outcomes == NULL && subscribe(kafka, err) < 0)) {
        kafka_free(kafka);
        return -1;
    }
    watch_events(kafka);
    loop_watch(loop, committer_done_fd(kafka->committer), LOOP_IN, on_committer,
               kafka);
    *ret_kafka = kafka;
    return 0;
}

static void on_close_deadline(void *payload)
{
    struct kafka *kafka = payload;

    kafka_notice(kafka, LOG_WARN,
                 "the group could not be left in time; it will remove this "
                 "member by itself");
    finish_close(kafka);
}

/* librdkafka before 2.3 may call abort() when a cooperative consumer is closed
 * before its first assignment (#4381). Such a consumer is not closed; the group
 * removes it after session.timeout.ms. */
static void run_close_at_once(void *payload)
{
    finish_close(payload);
}

static void close_at_once(struct kafka *kafka)
{
    timer_init(&kafka->close_deadline, run_close_at_once, kafka);
    loop_arm(kafka->loop, &kafka->close_deadline, 1);
}

void kafka_stop_checks(struct kafka *kafka)
{
    committer_stop_checks(kafka->committer);
}

void kafka_close(struct kafka *kafka)
{
    static const uint64_t one = 1;
    rd_kafka_error_t *error;

    if (kafka->closing) {
        return;
    }
    kafka->closing = true;
    kafka_stop_checks(kafka);
    if (!kafka->ever_assigned) {
        close_at_once(kafka);
        return;
    }
    kafka->closing_events = rd_kafka_queue_new(kafka->client);
    rd_kafka_queue_io_event_enable(kafka->closing_events, kafka->event_fd, &one,
                                   sizeof(one));
    membership_stop(kafka);
    error = rd_kafka_consumer_close_queue(kafka->client, kafka->closing_events);
    if (error != NULL) {
        kafka_notice(kafka, LOG_WARN, "leaving the group: %s",
                     rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        /* No event follows: the consumer is not a member any more. */
        close_at_once(kafka);
        return;
    }
    timer_init(&kafka->close_deadline, on_close_deadline, kafka);
    loop_arm(kafka->loop, &kafka->close_deadline, CLOSE_TIMEOUT_MS);
    loop_arm(kafka->loop, &kafka->heartbeat, 1);
}

static void unwatch(struct kafka *kafka)
{
    loop_disarm(kafka->loop, &kafka->heartbeat);
    loop_disarm(kafka->loop, &kafka->close_deadline);
    loop_disarm(kafka->loop, &kafka->reject_timer);
    loop_disarm(kafka->loop, &kafka->first_deadline);
    loop_cancel(kafka->loop, &kafka->poll_again);
    loop_unwatch(kafka->loop, kafka->event_fd);
    if (kafka->committer != NULL) {
        loop_unwatch(kafka->loop, committer_done_fd(kafka->committer));
    }
}

static void *run_destroy(void *client)
{
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

/* librdkafka from 2.0 on waits forever for a partition that was paused or
 * resumed and whose topic was then deleted (#4362). Everything is committed
 * by now, so a client that cannot be destroyed is left to the end of the
 * process. */
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

static bool destroy_client(struct kafka *kafka)
{
    membership_free(kafka);
    health_free(kafka);
    if (kafka->closing_events != NULL) {
        rd_kafka_queue_destroy(kafka->closing_events);
    }
    if (kafka->events != NULL) {
        rd_kafka_queue_destroy(kafka->events);
    }
    return kafka->client == NULL ||
           destroy_within(kafka->client, DESTROY_TIMEOUT_S);
}

/* Keeps a client whose threads still run reachable, so that leak checkers do
 * not report it. */
static void leak_client(struct kafka *kafka)
{
    static void *leaked;

    kafka->payload = leaked;
    leaked = kafka;
}

void kafka_free(struct kafka *kafka)
{
    if (kafka == NULL) {
        return;
    }
    unwatch(kafka);
    /* A committer thread that still waits for a broker uses all of the client.
     * The process is about to end, so its memory is not freed. */
    if (!committer_free(kafka->committer, COMMITTER_TIMEOUT_MS)) {
        return;
    }
    if ((kafka->closed && !kafka->ever_assigned) || !destroy_client(kafka)) {
        leak_client(kafka);
        return;
    }
    close(kafka->event_fd);
    mem_free(kafka->headers);
    mem_free(kafka);
}
