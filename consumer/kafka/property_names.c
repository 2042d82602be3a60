#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "properties.h"
#include "waybill/kafka_check.h"
#include "waybill/suggest.h"

/* The names of librdkafka's properties, and what is written in their place */

/* The properties that users may not set, and why: the guarantees depend on
 * them, or the configuration has a key of its own. */
struct reserved {
    const char *key;
    const char *reason;
};

static const struct reserved reserved[] = {
    {"bootstrap.servers", "use kafka.brokers"},
    {"metadata.broker.list", "use kafka.brokers"},
    {"group.id", "use kafka.group"},
    {"transactional.id", "use kafka.transactional_id"},
    {"group.instance.id", "use kafka.instance_id"},
    {"enable.auto.commit",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"enable.auto.offset.store",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"auto.commit.interval.ms",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"auto.offset.reset",
     "a new group starts at the earliest offset, and a group "
     "whose offset no longer exists stops, so that no "
     "event is skipped"},
    {"isolation.level", "records of aborted transactions must not be read"},
    {"enable.idempotence", "transactions require it"},
    {"acks", "transactions require the value all"},
    {"request.required.acks", "transactions require the value all"},
    {"max.in.flight", "the order within a transaction depends on it"},
    {"max.in.flight.requests.per.connection",
     "the order within a transaction depends on it"},
    {"partition.assignment.strategy",
     "all instances must use cooperative-sticky"},
    {"topic.blacklist", "use kafka.topics"},
    {"allow.auto.create.topics",
     "Waybill does not let a consumer create topics"},
    {"auto.commit.enable",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"offset.store.method",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"offset.store.path",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"offset.store.sync.interval.ms",
     "Waybill commits offsets in the transaction of their outcomes"},
    {"queuing.strategy", "the order within a transaction depends on it"},
    {"api.version.request",
     "transactions require that the version of the brokers "
     "is known"},
    {"group.protocol.type", "librdkafka chooses it for its consumer"},
    {"enabled_events", "Waybill chooses the events that it handles"},
    {"log.queue", "Waybill writes librdkafka's messages to its own log"},
    {"delivery.report.only.error",
     "Waybill requests reports of failed messages only"},
    {"group.protocol", "transactions require the group protocol classic"},
    {"transaction.timeout.ms", "it limits how long other instances wait after "
                               "one is killed"},
    {"transaction.timeout",
     "it limits how long other instances wait after one is killed"},
    {"delivery.timeout.ms", "it follows from the timeout of the transaction"},
    {"message.timeout.ms", "it follows from the timeout of the transaction"},
    {"enable.partition.eof", "Waybill does not use it"},
    {"plugin.library.paths", "it would load code into the process"},
    {"enable.gapless.guarantee", "transactions replace it"},
    {"test.mock.num.brokers", "it is for librdkafka's own tests"},
};

const char *property_reserved_reason(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
        if (strcmp(reserved[i].key, key) == 0) {
            return reserved[i].reason;
        }
    }
    return NULL;
}

/* The properties of Kafka's Java client that librdkafka does not have */
static const struct java_property {
    const char *key;
    const char *instead;
} java_properties[] = {
    {"ssl.truststore.location",
     "set ssl.ca.location to a PEM file with the certificate authorities"},
    {"ssl.truststore.password",
     "set ssl.ca.location to a PEM file, which has no password"},
    {"ssl.truststore.type", "set ssl.ca.location to a PEM file"},
    {"ssl.truststore.certificates", "use ssl.ca.pem"},
    {"ssl.keystore.type",
     "set ssl.keystore.location to a PKCS#12 file, or "
     "ssl.certificate.location and ssl.key.location to PEM files"},
    {"ssl.keystore.certificate.chain", "use ssl.certificate.pem"},
    {"ssl.keystore.key", "use ssl.key.pem"},
    {"ssl.enabled.protocols", "remove it; TLS 1.2 and later are used"},
    {"ssl.protocol", "remove it; TLS 1.2 and later are used"},
    {"sasl.jaas.config", "use sasl.username and sasl.password"},
    {"sasl.login.callback.handler.class", "use sasl.oauthbearer.method"},
    {"sasl.client.callback.handler.class", "use sasl.oauthbearer.method"},
    {"key.deserializer", "remove it; Waybill reads bytes"},
    {"value.deserializer", "remove it; Waybill reads bytes"},
    {"key.serializer", "remove it; Waybill writes bytes"},
    {"value.serializer", "remove it; Waybill writes bytes"},
    {"max.poll.records", "use delivery.max_records"},
    {"fetch.max.wait.ms", "use fetch.wait.max.ms"},
    {"max.request.size", "use message.max.bytes"},
    {"max.block.ms", "remove it"},
    {"buffer.memory", "use queue.buffering.max.kbytes"},
    {"reconnect.backoff.ms.max", "use reconnect.backoff.max.ms"},
    {"send.buffer.bytes", "use socket.send.buffer.bytes"},
    {"receive.buffer.bytes", "use socket.receive.buffer.bytes"},
    {"request.timeout.ms", "use socket.timeout.ms"},
    {"default.api.timeout.ms", "use socket.timeout.ms"},
};

/* Copies the property of that name in another spelling, or else the one that is
 * near to it, of those that librdkafka lists. */
static void copy_name(char *buffer, size_t size, const char *key,
                      struct suggestion *near)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    size_t count;
    const char **all = rd_kafka_conf_dump(conf, &count);

    buffer[0] = '\0';
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (buffer[0] == '\0' && suggest_is_same_word(all[i], key)) {
            snprintf(buffer, size, "%s", all[i]);
        }
        suggest_offer(near, all[i]);
    }
    if (buffer[0] == '\0' && near->nearest != NULL) {
        snprintf(buffer, size, "%s", near->nearest);
        near->nearest = buffer;
    } else {
        near->nearest = NULL;
    }
    rd_kafka_conf_dump_free(all, count);
    rd_kafka_conf_destroy(conf);
}

/* The property that is meant, exactly or by its spelling */
static const char *find_name(const char *key, char *buffer, size_t size,
                             bool *ret_same)
{
    struct suggestion near;

    suggest_init(&near, key);
    copy_name(buffer, size, key, &near);
    *ret_same = buffer[0] != '\0' && near.nearest == NULL;
    return buffer[0] != '\0' ? buffer : NULL;
}

/* "saslPassword", "sasl_password" and "sasl-password" with dots */
static void write_dotted(const char *key, char *out, size_t size)
{
    size_t len = 0;
    char before = '\0';

    for (; *key != '\0' && len + 2 < size; before = *key++) {
        bool is_capital = isupper((unsigned char)*key);
        bool is_separator = strchr("_-", *key) != NULL;

        if (is_capital && islower((unsigned char)before)) {
            out[len++] = '.';
        }
        out[len++] = is_separator ? '.' : (char)tolower((unsigned char)*key);
    }
    out[len] = '\0';
}

/* A property that has no default is not among those that can be listed. */
static bool is_property(const char *key)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[64];
    bool is = rd_kafka_conf_set(conf, key, "", reason, sizeof(reason)) !=
              RD_KAFKA_CONF_UNKNOWN;

    rd_kafka_conf_destroy(conf);
    return is || property_reserved_reason(key) != NULL;
}

const char *kafka_find_property(const char *key, const char **ret_reason)
{
    /* One thread reads configurations. */
    static char buffer[128];
    bool same;

    snprintf(buffer, sizeof(buffer), "%s", key);
    if (!is_property(buffer)) {
        write_dotted(key, buffer, sizeof(buffer));
    }
    if (!is_property(buffer) &&
        (find_name(key, buffer, sizeof(buffer), &same) == NULL || !same)) {
        return NULL;
    }
    *ret_reason = property_reserved_reason(buffer);
    return buffer;
}

int property_refuse_java(const char *key, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(java_properties); i++) {
        if (suggest_is_same_word(java_properties[i].key, key)) {
            return error_set(err, ERROR_CONFIG,
                             "librdkafka has no such property; it is one of "
                             "Kafka's Java client: %s",
                             java_properties[i].instead);
        }
    }
    return 0;
}

int property_refuse_unknown(const char *key, struct error *err)
{
    char buffer[128];
    bool same = true;
    const char *name = buffer;

    write_dotted(key, buffer, sizeof(buffer));
    if (!is_property(buffer)) {
        name = find_name(key, buffer, sizeof(buffer), &same);
    }
    if (name == NULL) {
        return error_set(err, ERROR_CONFIG,
                         "librdkafka has no such property; see its "
                         "CONFIGURATION.md");
    }
    return error_set(err, ERROR_CONFIG,
                     same ? "librdkafka spells this property '%s'"
                          : "librdkafka has no such property; did you mean "
                            "'%s'?",
                     name);
}

/* yes and on are true, no and off are false. */
static const char *truth_of(const char *value)
{
    static const char *const words[][2] = {
        {"yes", "true"}, {"on", "true"},   {"y", "true"},
        {"no", "false"}, {"off", "false"}, {"n", "false"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i][0], value) == 0) {
            return words[i][1];
        }
    }
    return NULL;
}

/* "30s" as milliseconds or seconds, as the property's name says */
static void write_duration(const char *key, const char *value, char *out,
                           size_t size)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    size_t key_len = strlen(key);
    size_t digits = strspn(value, "0123456789");
    const char *unit = value + digits + strspn(value + digits, " ");

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (digits > 0 && digits < 7 && key_len > 3 &&
            strcmp(key + key_len - 3, ".ms") == 0 &&
            strcmp(unit, units[i].unit) == 0) {
            snprintf(out, size, "%llu",
                     strtoull(value, NULL, 10) * units[i].ms);
        }
    }
}

static void replace_character(char *text, char from, char to)
{
    for (; *text != '\0'; text++) {
        *text = *text == from ? to : *text;
    }
}

bool property_is_cut(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char number[64] = "";
    size_t size = sizeof(number);
    size_t len;

    if (rd_kafka_conf_get(conf, key, number, &size) != RD_KAFKA_CONF_OK) {
        return false;
    }
    len = strlen(number);
    return len > 0 && number[strspn(number, "0123456789")] == '\0' &&
           strncmp(value, number, len) == 0 && value[len] != '\0';
}

bool property_correct(rd_kafka_conf_t *conf, const char *key, const char *value,
                      char *ret_other, size_t size)
{
    const char *truth = truth_of(value);
    char reason[64];

    if (strlen(value) >= size) {
        return false;
    }
    for (int attempt = 0; attempt < 3; attempt++) {
        snprintf(ret_other, size, "%s",
                 attempt == 0 && truth != NULL ? truth : value);
        if (attempt == 1) {
            replace_character(ret_other, '-', '_');
            replace_character(ret_other, ' ', '_');
        } else if (attempt == 2) {
            write_duration(key, value, ret_other, size);
        }
        if (rd_kafka_conf_set(conf, key, ret_other, reason, sizeof(reason)) ==
                RD_KAFKA_CONF_OK &&
            !property_is_cut(conf, key, ret_other)) {
            return true;
        }
    }
    return false;
}
