#include <stdatomic.h>
#include <stdio.h>

#include "inspect.h"
#include "waybill/clock.h"

/*
 * Tries what no request of librdkafka reports before version 2.3: whether this
 * principal may read one topic and write another.
 *
 * To read, a consumer without a group fetches from the end of one partition.
 *
 * To write, a producer adds a partition of the topic to a transaction, which
 * requires the permission Write, and aborts the transaction. librdkafka adds a
 * partition only when a message for it is produced. That message is never sent:
 * linger.ms keeps it in the queue for longer than the attempt takes, and the
 * abort purges the queue. Only the abort marker is written, and consumers of
 * every isolation level skip it.
 */
#define PROBE_MS 5000
#define LINGER_MS "9000"
#define POLL_MS 5
/* How long a call that can be repeated blocks */
#define SLICE_MS 500

static uint64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

static bool may_go_on(const struct inspector *inspector, uint64_t until_ms)
{
    return now_ms() < until_ms && (inspector->is_stopping == NULL ||
                                   !inspector->is_stopping(inspector->payload));
}

static void discard_log(const rd_kafka_t *client, int level,
                        const char *facility, const char *text)
{
}

/* Otherwise librdkafka learns of them from a scan that it makes once a
 * second. */
rd_kafka_topic_t *probe_learn_topic(rd_kafka_t *client, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    const struct rd_kafka_metadata *metadata;

    if (topic != NULL &&
        rd_kafka_metadata(client, 0, topic, &metadata, PROBE_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
    }
    return topic;
}

static void forget_topic(rd_kafka_topic_t *topic)
{
    if (topic != NULL) {
        rd_kafka_topic_destroy(topic);
    }
}

/* --- reading --- */

static rd_kafka_t *new_reader(const struct inspector *inspector)
{
    struct error err;
    rd_kafka_conf_t *conf =
        client_conf(CLIENT_CONSUMER, inspector->options, &err);
    rd_kafka_t *client;

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, discard_log);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    client = client_new(RD_KAFKA_CONSUMER, conf, &err);
    if (client != NULL) {
        rd_kafka_poll_set_consumer(client);
    }
    return client;
}

/* The first answer that says something about the topic: a record or the end of
 * the partition, or an error of it */
static rd_kafka_resp_err_t poll_answer(const struct inspector *inspector,
                                       rd_kafka_t *client)
{
    uint64_t until_ms = now_ms() + PROBE_MS;

    while (may_go_on(inspector, until_ms)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
        rd_kafka_resp_err_t code =
            message != NULL ? message->err : RD_KAFKA_RESP_ERR__TIMED_OUT;

        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
            code == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
            code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            return code;
        }
    }
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

rd_kafka_resp_err_t probe_read(const struct inspector *inspector,
                               const char *topic)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_t *client = new_reader(inspector);
    rd_kafka_topic_t *known;
    rd_kafka_resp_err_t code;

    if (client == NULL) {
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    known = probe_learn_topic(client, topic);
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset =
        RD_KAFKA_OFFSET_END;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    code = poll_answer(inspector, client);
    forget_topic(known);
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return code;
}

/* --- writing --- */

/* Called on a thread of librdkafka, before it handles the response */
static rd_kafka_resp_err_t on_response(rd_kafka_t *client, int sockfd,
                                       const char *broker, int32_t broker_id,
                                       int16_t api_key, int16_t api_version,
                                       int32_t correlation_id, size_t size,
                                       int64_t rtt, rd_kafka_resp_err_t code,
                                       void *opaque)
{
    atomic_bool *answered = rd_kafka_opaque(client);

    if (api_key == 24 /* AddPartitionsToTxn */) {
        atomic_store(answered, true);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client,
                                  const rd_kafka_conf_t *conf, void *opaque,
                                  char *reason, size_t size)
{
    return rd_kafka_interceptor_add_on_response_received(client, "probe",
                                                         on_response, NULL);
}

/* Of the attempt in progress; there is one at a time in a process, on the
 * checker's thread or in a command. */
static atomic_bool has_answer;

rd_kafka_t *probe_new_producer(const struct inspector *inspector)
{
    struct kafka_options options = *inspector->options;
    struct error err;
    rd_kafka_conf_t *conf;

    options.transactional_id = inspector->transactional_id;
    conf = client_conf(CLIENT_PRODUCER, &options, &err);
    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set(conf, "linger.ms", LINGER_MS, NULL, 0);
    rd_kafka_conf_set_opaque(conf, &has_answer);
    rd_kafka_conf_interceptor_add_on_new(conf, "probe", on_new, NULL);
    return client_new(RD_KAFKA_PRODUCER, conf, &err);
}

static rd_kafka_resp_err_t take_code(rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error); /* NULL: no error */

    rd_kafka_error_destroy(error);
    return code;
}

/* A call that timed out is repeated, which continues it (rdkafka.h). Its error
 * is the last one of the coordinator, if there was one. */
rd_kafka_resp_err_t probe_start_producer(const struct inspector *inspector,
                                         rd_kafka_t *producer)
{
    uint64_t until_ms = now_ms() + PROBE_MS;
    rd_kafka_resp_err_t code;
    rd_kafka_error_t *error;
    bool is_final;

    do {
        error = rd_kafka_init_transactions(producer, SLICE_MS);
        is_final = error == NULL || !rd_kafka_error_is_retriable(error);
        code = take_code(error);
    } while (!is_final && may_go_on(inspector, until_ms));
    return code;
}

static void abort_transaction(const struct inspector *inspector,
                              rd_kafka_t *producer)
{
    uint64_t until_ms = now_ms() + PROBE_MS;

    while (take_code(rd_kafka_abort_transaction(producer, SLICE_MS)) ==
               RD_KAFKA_RESP_ERR__TIMED_OUT &&
           may_go_on(inspector, until_ms)) {
    }
}

rd_kafka_resp_err_t probe_write(const struct inspector *inspector,
                                rd_kafka_t *producer, const char *topic)
{
    uint64_t until_ms = now_ms() + PROBE_MS;
    rd_kafka_resp_err_t code;

    atomic_store(&has_answer, false);
    code = take_code(rd_kafka_begin_transaction(producer));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    code = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_END);
    while (code == RD_KAFKA_RESP_ERR_NO_ERROR && !atomic_load(&has_answer) &&
           may_go_on(inspector, until_ms)) {
        rd_kafka_poll(producer, POLL_MS);
    }
    /* A second begin fails, with the error of the transaction if it has one.
     * librdkafka executes it after the handler of the response. */
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = take_code(rd_kafka_begin_transaction(producer));
    }
    abort_transaction(inspector, producer);
    return code;
}
