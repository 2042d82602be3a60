#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "command.h"
#include "inspect.h"
#include "waybill/alloc.h"

/* What `waybill check` asks: can the clients be created, and, with --online,
 * what do the brokers have and permit? */

/* --- what librdkafka accepts, but Waybill cannot work with --- */

static const struct bound {
    const char *key;
    int64_t min;
    int64_t max;
    const char *reason;
} bounds[] = {
    {"linger.ms", 0, 5000,
     "a transaction ends after 10 s, and so does each of its messages"},
    {"retry.backoff.ms", 1, 5000,
     "a transaction ends after 10 s, and a request must be repeated in time"},
    {"socket.timeout.ms", 1000, 300000, "a broker needs time to respond"},
    {"message.max.bytes", 2000, INT64_MAX, "no outcome would be accepted"},
    {"queue.buffering.max.messages", 100, INT64_MAX,
     "a transaction would not fit"},
    {"queue.buffering.max.kbytes", 1024, INT64_MAX,
     "a dead letter would not fit"},
    {"topic.metadata.refresh.interval.ms", 100, 900000,
     "new partitions and leaders would not be noticed"},
    {"metadata.max.age.ms", 10000, INT64_MAX,
     "topics would be forgotten between two refreshes"},
};

static int64_t number_of(const rd_kafka_conf_t *conf, const char *key)
{
    char value[64] = "";
    size_t size = sizeof(value);

    rd_kafka_conf_get(conf, key, value, &size);
    return strtoll(value, NULL, 10);
}

static int check_bounds(const rd_kafka_conf_t *conf, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
        int64_t number = number_of(conf, bounds[i].key);

        if (number < bounds[i].min || number > bounds[i].max) {
            return error_set(
                err, ERROR_CONFIG, "`%s` must be %s %lld: %s", bounds[i].key,
                number < bounds[i].min ? "at least" : "at most",
                (long long)(number < bounds[i].min ? bounds[i].min
                                                   : bounds[i].max),
                bounds[i].reason);
        }
    }
    return 0;
}

static int check_pairs(const rd_kafka_conf_t *conf, struct error *err)
{
    if (number_of(conf, "heartbeat.interval.ms") >=
        number_of(conf, "session.timeout.ms")) {
        return error_set(err, ERROR_CONFIG,
                         "`heartbeat.interval.ms` must be less than "
                         "`session.timeout.ms`: the group would remove the "
                         "member again and again");
    }
    if (number_of(conf, "fetch.wait.max.ms") >
        number_of(conf, "socket.timeout.ms") - 1000) {
        return error_set(err, ERROR_CONFIG,
                         "`fetch.wait.max.ms` must be at least 1000 less than "
                         "`socket.timeout.ms`: fetch requests would time out");
    }
    return 0;
}

/* A token for OAUTHBEARER comes from a callback, or by OIDC, which Debian's
 * librdkafka does not have. */
static int check_mechanism(const rd_kafka_conf_t *conf, struct error *err)
{
    char mechanism[64] = "";
    char method[64] = "";
    char unsecure[16] = "";
    size_t size = sizeof(mechanism);

    rd_kafka_conf_get(conf, "sasl.mechanisms", mechanism, &size);
    size = sizeof(method);
    rd_kafka_conf_get(conf, "sasl.oauthbearer.method", method, &size);
    size = sizeof(unsecure);
    rd_kafka_conf_get(conf, "enable.sasl.oauthbearer.unsecure.jwt", unsecure,
                      &size);
    if (strcasecmp(mechanism, "OAUTHBEARER") == 0 &&
        strcmp(method, "oidc") != 0 && strcmp(unsecure, "true") != 0) {
        return error_set(err, ERROR_CONFIG,
                         "`sasl.mechanism` OAUTHBEARER needs "
                         "`sasl.oauthbearer.method` oidc: Waybill has no "
                         "other source of tokens");
    }
    return 0;
}

/* Files are needed even if security.protocol does not use them: to name one is
 * to rely on it. "probe" makes librdkafka look for the certificates. */
static int check_files(const struct field_map *properties, struct error *err)
{
    static const char end[] = ".location";

    for (size_t i = 0; properties != NULL && i < properties->count; i++) {
        const struct field_pair *pair = &properties->pairs[i];
        size_t len = strlen(pair->key);

        if (len > strlen(end) &&
            strcmp(pair->key + len - strlen(end), end) == 0 &&
            strcmp(pair->value, "probe") != 0 && pair->value[0] != '\0' &&
            access(pair->value, R_OK) < 0) {
            return error_set(err, ERROR_CONFIG, "`%s`: '%s' cannot be read: %s",
                             pair->key, pair->value, strerror(errno));
        }
    }
    return 0;
}

/* --- creating the clients --- */

static void discard_log(const rd_kafka_t *client, int level,
                        const char *facility, const char *text)
{
}

/* Some contradictions are found only when a topic is used. */
static int check_topic(rd_kafka_t *client, struct error *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, "any", NULL);

    if (topic == NULL) {
        return error_set(err, ERROR_CONFIG, "%s",
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_topic_destroy(topic);
    return 0;
}

static int create_client(enum client_role role, rd_kafka_conf_t *conf,
                         struct error *err)
{
    bool consumes = role == CLIENT_CONSUMER;
    char reason[256];
    rd_kafka_t *client;
    int result;

    rd_kafka_conf_set_log_cb(conf, discard_log);
    client = rd_kafka_new(consumes ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                          conf, reason, sizeof(reason));
    if (client == NULL) {
        rd_kafka_conf_destroy(conf); /* it has no interceptors */
        return error_set(err, ERROR_CONFIG, "kafka %s: %s",
                         consumes ? "consumer" : "producer", reason);
    }
    result = check_topic(client, err);
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return result;
}

static int client_check(enum client_role role,
                        const struct kafka_options *options, struct error *err)
{
    struct kafka_options offline = *options;
    rd_kafka_conf_t *conf;

    offline.brokers = NULL; /* so that nothing is connected to */
    conf = client_conf(role, &offline, err);
    if (conf == NULL) {
        return -1;
    }
    if (check_bounds(conf, err) < 0 || check_pairs(conf, err) < 0 ||
        check_mechanism(conf, err) < 0 ||
        check_files(options->properties, err) < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    return create_client(role, conf, err);
}

/* --- which property is at fault --- */

/* Whether the text contains the name as a whole: "ssl.key.location" is in
 * "`ssl.key.location` failed", but not in "ssl.key.location2". */
static const char *find_name(const char *text, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._";
    size_t len = strlen(name);
    const char *at = text;

    while ((at = strstr(at, name)) != NULL) {
        if ((at == text || strchr(letters, at[-1]) == NULL) &&
            (at[len] == '\0' || strchr(letters, at[len]) == NULL)) {
            return at;
        }
        at += len;
    }
    return NULL;
}

/* librdkafka's messages use one of two names. */
static const char *other_name(const char *key)
{
    static const char *const aliases[][2] = {
        {"message.send.max.retries", "retries"},
        {"queue.buffering.max.ms", "linger.ms"},
        {"sasl.mechanisms", "sasl.mechanism"},
        {"max.partition.fetch.bytes", "fetch.message.max.bytes"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcmp(key, aliases[i][0]) == 0 ||
            strcmp(key, aliases[i][1]) == 0) {
            return aliases[i][strcmp(key, aliases[i][0]) == 0];
        }
    }
    return key;
}

static const char *first_mentioned(const struct field_map *properties,
                                   const char *text)
{
    const char *first = NULL;
    const char *key = NULL;

    for (size_t i = 0; properties != NULL && i < properties->count; i++) {
        const char *name = properties->pairs[i].key;
        const char *at = find_name(text, name);

        at = at != NULL ? at : find_name(text, other_name(name));
        if (at != NULL && (first == NULL || at < first)) {
            first = at;
            key = properties->pairs[i].key;
        }
    }
    return key;
}

int kafka_check_clients(const struct kafka_options *options,
                        const char **ret_key, struct error *err)
{
    *ret_key = NULL;
    if (client_check(CLIENT_CONSUMER, options, err) < 0 ||
        client_check(CLIENT_PRODUCER, options, err) < 0) {
        *ret_key = first_mentioned(options->properties, err->message);
        return -1;
    }
    return 0;
}

/* --- with brokers --- */

struct kafka_report {
    struct condition_list list;
};

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    diagnosis_note(opaque, (rd_kafka_resp_err_t)code, reason);
}

static rd_kafka_t *new_client(const struct kafka_options *options,
                              struct diagnosis *diagnosis, struct error *err)
{
    rd_kafka_conf_t *conf = command_conf(CLIENT_CONSUMER, options, err);

    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    rd_kafka_conf_set_opaque(conf, diagnosis);
    return client_new(RD_KAFKA_CONSUMER, conf, err);
}

static bool is_unreachable(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__RESOLVE ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

/* Any broker has the metadata of a topic, but only the leader of a partition,
 * at the address that it advertises, has its records. */
static int reach_leader(const struct inspector *inspector,
                        struct diagnosis *diagnosis, const char *topic,
                        struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
    int64_t end;
    char what[300];

    if (command_find_topic(inspector->client, diagnosis, topic, "Describe",
                           &metadata, err) < 0) {
        return -1;
    }
    rd_kafka_metadata_destroy(metadata);
    code = inspect_offset(inspector->client, topic, 0, RD_KAFKA_OFFSET_END,
                          COMMAND_REQUEST_MS, &end);
    if (!is_unreachable(code)) {
        return 0;
    }
    rd_kafka_poll(inspector->client, 0); /* the errors of the connection */
    snprintf(what, sizeof(what), "topic '%s': asking for its end", topic);
    return diagnosis_set_error(diagnosis, what, code, err);
}

static int reach_leaders(const struct inspector *inspector,
                         const struct kafka_facts *facts,
                         struct diagnosis *diagnosis, struct error *err)
{
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        const char *name = topic_name(inspector->options, role);

        if (name != NULL && facts->topics[role].fault == TOPIC_USABLE &&
            reach_leader(inspector, diagnosis, name, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static struct kafka_report *make_report(const struct inspector *inspector,
                                        struct kafka_facts *facts)
{
    struct kafka_report *report = mem_zalloc(sizeof(*report));

    inspect_access(inspector, facts);
    inspect_group_access(inspector, facts);
    topics_judge(inspector->options, facts, &report->list);
    topics_note(inspector->options, facts, &report->list);
    inspect_group(inspector, &report->list);
    return report;
}

int kafka_inspect(const struct kafka_options *options,
                  struct kafka_report **ret_report, struct error *err)
{
    char id[CLIENT_ID_SIZE];
    struct diagnosis diagnosis = {.options = options};
    struct inspector inspector = {
        .options = options,
        .client = new_client(options, &diagnosis, err),
        .transactional_id = options->transactional_id == NULL
                                ? client_transactional_id(options, id)
                                : NULL,
    };
    struct kafka_facts facts;
    int result;

    if (inspector.client == NULL) {
        return -1;
    }
    result = inspect_topics(&inspector, &facts, err);
    if (result < 0 && err->kind == ERROR_UNREACHABLE) {
        rd_kafka_poll(inspector.client, 0); /* the errors of the connections */
        diagnosis_set_error(&diagnosis, "asking for the topics",
                            RD_KAFKA_RESP_ERR__TRANSPORT, err);
    }
    if (result == 0) {
        result = reach_leaders(&inspector, &facts, &diagnosis, err);
    }
    if (result == 0) {
        *ret_report = make_report(&inspector, &facts);
    }
    command_destroy(inspector.client);
    return result;
}

const struct kafka_condition *kafka_report_condition(
    const struct kafka_report *report, size_t index)
{
    return index < report->list.count ? &report->list.items[index] : NULL;
}

void kafka_report_free(struct kafka_report *report)
{
    if (report != NULL) {
        condition_list_release(&report->list);
        mem_free(report);
    }
}
