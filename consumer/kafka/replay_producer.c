#include <string.h>

#include "command.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"
#include "waybill/replay_producer.h"

/* Timeout of one call, after which an interruption is noticed */
#define CALL_TIMEOUT_MS 1000

struct replay_producer {
    rd_kafka_t *client;
    struct kafka_options options;
    struct diagnosis diagnosis;
    rd_kafka_consumer_group_metadata_t *group;
    bool (*interrupted)(void);
    bool open; /* a transaction is open */
    /* the first delivery error of the transaction */
    rd_kafka_resp_err_t delivery_error;
};

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message,
                         void *opaque)
{
    struct replay_producer *producer = opaque;

    if (producer->delivery_error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        producer->delivery_error = message->err;
    }
}

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    struct replay_producer *producer = opaque;

    diagnosis_note(&producer->diagnosis, (rd_kafka_resp_err_t)code, reason);
}

static rd_kafka_t *new_client(struct replay_producer *producer,
                              const struct kafka_options *options,
                              struct error *err)
{
    rd_kafka_conf_t *conf = command_conf(CLIENT_PRODUCER, options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_conf_set_opaque(conf, producer);
    return client_new(RD_KAFKA_PRODUCER, conf, err);
}

static int find_topic(struct replay_producer *producer, struct error *err)
{
    const struct rd_kafka_metadata *metadata;

    if (command_find_topic(producer->client, &producer->diagnosis,
                           producer->options.topic, "Write", &metadata,
                           err) < 0) {
        return -1;
    }
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

/* Sets the error of a call that was denied. */
static int set_producer_denied(const struct replay_producer *producer,
                               rd_kafka_resp_err_t code, struct error *err)
{
    const struct kafka_options *options = &producer->options;

    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return set_denied(options, "topic", options->topic, "Write", err);
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return set_denied(options, "group", options->group, "Read", err);
    default:
        return set_denied(options, "transactional-id",
                          options->transactional_id, "Write", err);
    }
}

static int set_init_error(const struct replay_producer *producer,
                          const rd_kafka_error_t *error, struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    if (is_denied(code)) {
        return set_producer_denied(producer, code, err);
    }
    if (rd_kafka_error_is_retriable(error)) {
        return diagnosis_set_error(&producer->diagnosis,
                                   "the producer does not start", code, err);
    }
    return error_set(err, ERROR_REJECTED, "%s: the producer does not start: %s",
                     producer->options.brokers, rd_kafka_error_string(error));
}

/* rd_kafka_init_transactions() is resumable: calling it again continues where
 * the previous call timed out. */
static int init_transactions(struct replay_producer *producer,
                             struct error *err)
{
    const struct clock *clock = clock_system();
    uint64_t deadline = clock_monotonic_ms(clock) + COMMAND_WAIT_MS;
    rd_kafka_error_t *error;

    while ((error = rd_kafka_init_transactions(producer->client,
                                               CALL_TIMEOUT_MS)) != NULL) {
        bool again = rd_kafka_error_is_retriable(error) &&
                     !producer->interrupted() &&
                     clock_monotonic_ms(clock) < deadline;

        rd_kafka_poll(producer->client, 0); /* the errors of the connection */
        set_init_error(producer, error, err);
        rd_kafka_error_destroy(error);
        if (!again) {
            return -1;
        }
    }
    return 0;
}

int replay_producer_open(const struct kafka_options *options,
                         bool (*interrupted)(void),
                         struct replay_producer **ret_producer,
                         struct error *err)
{
    struct replay_producer *producer = mem_zalloc(sizeof(*producer));

    producer->options = *options;
    producer->diagnosis.options = &producer->options;
    producer->interrupted = interrupted;
    producer->group = rd_kafka_consumer_group_metadata_new(options->group);
    producer->client = new_client(producer, options, err);
    if (producer->client == NULL || find_topic(producer, err) < 0 ||
        init_transactions(producer, err) < 0) {
        replay_producer_free(producer);
        return -1;
    }
    *ret_producer = producer;
    return 0;
}

static void abort_transaction(struct replay_producer *producer)
{
    rd_kafka_error_t *error =
        rd_kafka_abort_transaction(producer->client, COMMAND_REQUEST_MS);

    /* the start of the next producer ends the transaction */
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    producer->open = false;
}

void replay_producer_free(struct replay_producer *producer)
{
    if (producer == NULL) {
        return;
    }
    if (producer->open) {
        abort_transaction(producer);
    }
    rd_kafka_consumer_group_metadata_destroy(producer->group);
    command_destroy(producer->client);
    mem_free(producer);
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool was_fenced(const struct replay_producer *producer,
                       rd_kafka_resp_err_t code)
{
    char reason[256];

    return is_fenced(code) || is_fenced(rd_kafka_fatal_error(
                                  producer->client, reason, sizeof(reason)));
}

static enum error_kind kind_of(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return ERROR_TOO_LARGE;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
        return ERROR_REJECTED;
    default:
        return ERROR_UNREACHABLE;
    }
}

/* Reacts to an error of a transactional call (rdkafka.h, "Transactional
 * producer API"). After a timeout the outcome of the transaction is unknown,
 * and a late request could end the next one: that producer must not be used
 * again. */
static enum producer_result abort_after(struct replay_producer *producer,
                                        rd_kafka_error_t *error,
                                        const char *step, struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool abortable = rd_kafka_error_txn_requires_abort(error) != 0;
    rd_kafka_resp_err_t cause =
        producer->delivery_error != RD_KAFKA_RESP_ERR_NO_ERROR
            ? producer->delivery_error
            : code;

    if (is_denied(cause)) {
        set_producer_denied(producer, cause, err);
    } else {
        error_set(err, kind_of(cause), "%s: %s", step,
                  cause == code ? rd_kafka_error_string(error)
                                : rd_kafka_err2str(cause));
    }
    rd_kafka_error_destroy(error);
    if (was_fenced(producer, code)) {
        producer->open = false;
        return PRODUCER_FENCED;
    }
    if (!abortable) {
        producer->open = false;
        return PRODUCER_LOST;
    }
    error = rd_kafka_abort_transaction(producer->client, -1);
    producer->open = false;
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return PRODUCER_LOST;
    }
    return PRODUCER_ABORTED;
}

static enum producer_result begin_transaction(struct replay_producer *producer,
                                              struct error *err)
{
    rd_kafka_error_t *error;

    if (producer->open) {
        return PRODUCER_OK;
    }
    producer->delivery_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    error = rd_kafka_begin_transaction(producer->client);
    if (error != NULL) {
        return abort_after(producer, error, "beginning a transaction", err);
    }
    producer->open = true;
    return PRODUCER_OK;
}

enum producer_result replay_producer_send(struct replay_producer *producer,
                                          const struct message *message,
                                          struct error *err)
{
    enum producer_result result = begin_transaction(producer, err);
    rd_kafka_resp_err_t code;

    if (result != PRODUCER_OK) {
        return result;
    }
    while ((code = kafka_produce(producer->client, message, NULL)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(producer->client, 100);
    }
    rd_kafka_poll(producer->client, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PRODUCER_OK;
    }
    if (was_fenced(producer, code)) {
        error_set(err, ERROR_REJECTED, "the producer was fenced");
        return PRODUCER_FENCED;
    }
    error_set(err, kind_of(code), "writing %zu byte%s to topic '%s': %s",
              message->value.len, plural_s(message->value.len), message->topic,
              rd_kafka_err2str(code));
    abort_transaction(producer);
    return PRODUCER_LOST;
}

enum producer_result replay_producer_commit(
    struct replay_producer *producer, const struct kafka_position *offsets,
    size_t count, struct error *err)
{
    enum producer_result result = begin_transaction(producer, err);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_error_t *error;

    if (result != PRODUCER_OK) {
        return result;
    }
    list = kafka_offset_list(offsets, count);
    error = rd_kafka_send_offsets_to_transaction(producer->client, list,
                                                 producer->group, -1);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != NULL) {
        return abort_after(producer, error, "writing the progress", err);
    }
    error = rd_kafka_commit_transaction(producer->client, -1);
    if (error != NULL) {
        return abort_after(producer, error, "committing", err);
    }
    producer->open = false;
    return PRODUCER_OK;
}
