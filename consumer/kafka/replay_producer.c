#include <string.h>

#include "kafka_internal.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"
#include "waybill/replay_producer.h"

#define ANSWER_MS 10000
#define PATIENCE_MS 30000
/* Of one call: so that an interruption is noticed */
#define STEP_MS 1000

struct replay_producer {
    rd_kafka_t *client;
    const char *brokers;
    rd_kafka_consumer_group_metadata_t *group;
    bool (*interrupted)(void);
    bool open;                   /* a transaction is */
    rd_kafka_resp_err_t refused; /* the first record of it that was */
    char said[256];              /* the client's last complaint */
};

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message,
                         void *opaque)
{
    struct replay_producer *replay_producer = opaque;

    if (replay_producer->refused == RD_KAFKA_RESP_ERR_NO_ERROR) {
        replay_producer->refused = message->err;
    }
}

static void on_trouble(rd_kafka_t *client, int code, const char *reason,
                       void *opaque)
{
    struct replay_producer *replay_producer = opaque;

    snprintf(replay_producer->said, sizeof(replay_producer->said), "%s",
             reason);
}

static rd_kafka_t *new_client(struct replay_producer *replay_producer,
                              const struct kafka_options *options,
                              struct error *err)
{
    rd_kafka_conf_t *conf = client_conf(CLIENT_PRODUCER, options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_error_cb(conf, on_trouble);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_conf_set_opaque(conf, replay_producer);
    return client_new(RD_KAFKA_PRODUCER, conf, err);
}

static int find_topic(struct replay_producer *replay_producer, const char *name,
                      struct error *err)
{
    rd_kafka_topic_t *topic =
        rd_kafka_topic_new(replay_producer->client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
    int result;

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG, "topic '%s' cannot be one", name);
    }
    code = rd_kafka_metadata(replay_producer->client, 0, topic, &metadata,
                             ANSWER_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_poll(replay_producer->client, 0);
        return error_set(
            err, ERROR_UNREACHABLE, "%s: %s", replay_producer->brokers,
            replay_producer->said[0] != '\0' ? replay_producer->said
                                             : rd_kafka_err2str(code));
    }
    result = kafka_check_topic(metadata, name, err);
    rd_kafka_metadata_destroy(metadata);
    return result;
}

/* Resumable: the same call goes on with what the one before has begun. */
static int init_transactions(struct replay_producer *replay_producer,
                             struct error *err)
{
    const struct clock *clock = clock_system();
    uint64_t deadline = clock_monotonic_ms(clock) + PATIENCE_MS;
    rd_kafka_error_t *error;

    while ((error = rd_kafka_init_transactions(replay_producer->client,
                                               STEP_MS)) != NULL) {
        bool again = rd_kafka_error_is_retriable(error) &&
                     !replay_producer->interrupted() &&
                     clock_monotonic_ms(clock) < deadline;

        error_set(err,
                  rd_kafka_error_is_retriable(error) ? ERROR_UNREACHABLE
                                                     : ERROR_REJECTED,
                  "%s: the producer does not start: %s",
                  replay_producer->brokers, rd_kafka_error_string(error));
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
    struct replay_producer *replay_producer =
        mem_zalloc(sizeof(*replay_producer));

    replay_producer->brokers = options->brokers;
    replay_producer->interrupted = interrupted;
    replay_producer->group =
        rd_kafka_consumer_group_metadata_new(options->group);
    replay_producer->client = new_client(replay_producer, options, err);
    if (replay_producer->client == NULL ||
        find_topic(replay_producer, options->topic, err) < 0 ||
        init_transactions(replay_producer, err) < 0) {
        replay_producer_free(replay_producer);
        return -1;
    }
    *ret_producer = replay_producer;
    return 0;
}

static void abort_open(struct replay_producer *replay_producer)
{
    rd_kafka_error_t *error =
        rd_kafka_abort_transaction(replay_producer->client, ANSWER_MS);

    if (error != NULL) { /* the next one's start makes an end of it */
        rd_kafka_error_destroy(error);
    }
    replay_producer->open = false;
}

void replay_producer_free(struct replay_producer *replay_producer)
{
    if (replay_producer == NULL) {
        return;
    }
    if (replay_producer->open) {
        abort_open(replay_producer);
    }
    rd_kafka_consumer_group_metadata_destroy(replay_producer->group);
    if (replay_producer->client != NULL) {
        rd_kafka_destroy(replay_producer->client);
    }
    mem_free(replay_producer);
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool was_fenced(const struct replay_producer *replay_producer,
                       rd_kafka_resp_err_t code)
{
    char why[256];

    return is_fenced(code) || is_fenced(rd_kafka_fatal_error(
                                  replay_producer->client, why, sizeof(why)));
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

/* What is to be done about an error (rdkafka.h, "Transactional producer API").
 * After a time-out nobody knows how the transaction ended, and a request that
 * is late could end the next one: that producer is not used again. */
static enum copy_result undo(struct replay_producer *replay_producer,
                             rd_kafka_error_t *error, const char *step,
                             struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool abortable = rd_kafka_error_txn_requires_abort(error) != 0;
    rd_kafka_resp_err_t cause =
        replay_producer->refused != RD_KAFKA_RESP_ERR_NO_ERROR
            ? replay_producer->refused
            : code;

    error_set(err, kind_of(cause), "%s: %s", step,
              cause == code ? rd_kafka_error_string(error)
                            : rd_kafka_err2str(cause));
    rd_kafka_error_destroy(error);
    if (was_fenced(replay_producer, code)) {
        replay_producer->open = false;
        return COPY_FENCED;
    }
    if (!abortable) {
        replay_producer->open = false;
        return COPY_LOST;
    }
    error = rd_kafka_abort_transaction(replay_producer->client, -1);
    replay_producer->open = false;
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return COPY_LOST;
    }
    return COPY_ABORTED;
}

static enum copy_result begin(struct replay_producer *replay_producer,
                              struct error *err)
{
    rd_kafka_error_t *error;

    if (replay_producer->open) {
        return COPY_COMMITTED;
    }
    replay_producer->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    error = rd_kafka_begin_transaction(replay_producer->client);
    if (error != NULL) {
        return undo(replay_producer, error, "beginning a transaction", err);
    }
    replay_producer->open = true;
    return COPY_COMMITTED;
}

enum copy_result replay_producer_send(struct replay_producer *replay_producer,
                                      const struct message *message,
                                      struct error *err)
{
    enum copy_result result = begin(replay_producer, err);
    rd_kafka_resp_err_t code;

    if (result != COPY_COMMITTED) {
        return result;
    }
    while ((code = kafka_produce(replay_producer->client, message, NULL)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(replay_producer->client, 100);
    }
    rd_kafka_poll(replay_producer->client, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return COPY_COMMITTED;
    }
    if (was_fenced(replay_producer, code)) {
        error_set(err, ERROR_REJECTED, "the producer was fenced");
        return COPY_FENCED;
    }
    error_set(err, kind_of(code), "writing %zu bytes to topic '%s': %s",
              message->value.len, message->topic, rd_kafka_err2str(code));
    abort_open(replay_producer);
    return COPY_LOST;
}

enum copy_result replay_producer_commit(struct replay_producer *replay_producer,
                                        const struct kafka_position *offsets,
                                        size_t count, struct error *err)
{
    enum copy_result result = begin(replay_producer, err);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_error_t *error;

    if (result != COPY_COMMITTED) {
        return result;
    }
    list = kafka_offset_list(offsets, count);
    error = rd_kafka_send_offsets_to_transaction(replay_producer->client, list,
                                                 replay_producer->group, -1);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != NULL) {
        return undo(replay_producer, error, "writing the progress", err);
    }
    error = rd_kafka_commit_transaction(replay_producer->client, -1);
    if (error != NULL) {
        return undo(replay_producer, error, "committing", err);
    }
    replay_producer->open = false;
    return COPY_COMMITTED;
}
