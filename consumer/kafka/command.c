#include "command.h"
#include "outage.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "permissions.h"

#define DESTROY_TIMEOUT_S 3
/* librdkafka's default is 30 s, in which nothing is reported. */
#define CONNECTION_SETUP "socket.connection.setup.timeout.ms"
#define CONNECTION_SETUP_MS "5000"

/* What librdkafka logs is reported, too: as an error of the command. */
static void discard_log(const rd_kafka_t *client, int level,
                        const char *facility, const char *text)
{
}

rd_kafka_conf_t *command_conf(enum client_role role,
                              const struct kafka_options *options,
                              struct error *err)
{
    rd_kafka_conf_t *conf = client_conf(role, options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, discard_log);
    if (client_user_property(options, CONNECTION_SETUP) == NULL) {
        rd_kafka_conf_set(conf, CONNECTION_SETUP, CONNECTION_SETUP_MS, NULL, 0);
    }
    return conf;
}

/* --- connections --- */

static bool is_rejection(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
           code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

void diagnosis_note(struct diagnosis *diagnosis, rd_kafka_resp_err_t code,
                    const char *text)
{
    bool has_reason = diagnosis->text[0] != '\0';

    if (is_rejection(diagnosis->code) || is_denied(diagnosis->code) ||
        (has_reason && code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)) {
        return;
    }
    diagnosis->code = code;
    snprintf(diagnosis->text, sizeof(diagnosis->text), "%.*s",
             (int)outage_reason_length(text), text);
}

/* The client connects to the addresses that the brokers advertise, whatever the
 * address was that they were asked at. */
static void note_brokers(struct diagnosis *diagnosis,
                         const struct rd_kafka_metadata *metadata)
{
    size_t size = sizeof(diagnosis->advertised);
    size_t len = 0;

    for (int i = 0; i < metadata->broker_cnt && len < size; i++) {
        len +=
            (size_t)snprintf(diagnosis->advertised + len, size - len, "%s%s:%d",
                             i > 0 ? ", " : "", metadata->brokers[i].host,
                             metadata->brokers[i].port);
    }
}

int diagnosis_set_error(const struct diagnosis *diagnosis, const char *what,
                        rd_kafka_resp_err_t code, struct error *err)
{
    bool knows_brokers = diagnosis->advertised[0] != '\0';
    bool rejected = is_rejection(diagnosis->code);

    return error_set(
        err, rejected ? ERROR_AUTH : ERROR_UNREACHABLE,
        "the brokers of %s %s: %s: %s%s%s%s", diagnosis->options->brokers,
        rejected   ? "reject the credentials"
        : code > 0 ? "report an error"
                   : "cannot be reached",
        what,
        diagnosis->text[0] != '\0' ? diagnosis->text : rd_kafka_err2str(code),
        knows_brokers ? "; the brokers advertise " : "", diagnosis->advertised,
        knows_brokers ? ", which must be reachable from here" : "");
}

/* --- permissions --- */

bool is_denied(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return true;
    default:
        return false;
    }
}

int set_denied(const struct kafka_options *options, const char *resource,
               const char *name, const char *operation, struct error *err)
{
    CLEANUP(str_release) struct str grant = STR_INIT(STR_UNLIMITED);
    const struct kafka_tools tools = {.brokers = options->brokers};
    const struct kafka_permission permission = {
        .resource = resource,
        .name = name,
        .operations = {operation},
    };
    struct arena *arena = arena_new();
    const char *principal = kafka_principal(options, arena);

    kafka_append_grant(&grant, &tools,
                       principal != NULL ? principal : "User:PRINCIPAL",
                       &permission, 1);
    error_set(err, ERROR_REJECTED,
              "%s '%s': the brokers deny the operation %s to %s; grant it: %s",
              resource, name, operation,
              principal != NULL ? principal : "the principal of this client",
              grant.data);
    arena_free(arena);
    return -1;
}

/* --- topics --- */

static int check_topic(const struct rd_kafka_metadata *metadata,
                       const struct kafka_options *options, const char *topic,
                       const char *operation, struct error *err)
{
    rd_kafka_resp_err_t code = metadata->topic_cnt == 1
                                   ? metadata->topics[0].err
                                   : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;

    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return error_set(err, ERROR_REJECTED,
                         "topic '%s' does not exist: create it", topic);
    }
    if (is_denied(code)) {
        return set_denied(options, "topic", topic, operation, err);
    }
    /* A partition may have no leader for the moment; the client waits for
     * one. */
    return 0;
}

/* The metadata is requested explicitly. Otherwise a missing topic would be
 * reported only after a timeout. */
int command_find_topic(rd_kafka_t *client, struct diagnosis *diagnosis,
                       const char *name, const char *operation,
                       const struct rd_kafka_metadata **ret_metadata,
                       struct error *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG,
                         "'%s' is not a valid name of a topic", name);
    }
    code = rd_kafka_metadata(client, 0, topic, &metadata, COMMAND_REQUEST_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char what[300];

        rd_kafka_poll(client, 0); /* the errors of the connection */
        snprintf(what, sizeof(what), "topic '%s': asking for its partitions",
                 name);
        return diagnosis_set_error(diagnosis, what, code, err);
    }
    note_brokers(diagnosis, metadata);
    if (check_topic(metadata, diagnosis->options, name, operation, err) < 0) {
        rd_kafka_metadata_destroy(metadata);
        return -1;
    }
    *ret_metadata = metadata;
    return 0;
}

/* --- the end --- */

static void *run_destroy(void *client)
{
    /* No group was joined, so there is none to leave. */
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

void command_destroy(rd_kafka_t *client)
{
    /* Keeps it reachable, so that leak checkers do not report it */
    static rd_kafka_t *abandoned;
    struct timespec deadline;
    pthread_t thread;

    if (client == NULL || pthread_create(&thread, NULL, run_destroy, client)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DESTROY_TIMEOUT_S;
    if (pthread_timedjoin_np(thread, NULL, &deadline) != 0) {
        abandoned = client;
        pthread_detach(thread);
    }
    (void)abandoned;
}
