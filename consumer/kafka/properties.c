#include "properties.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "permissions.h"
#include "waybill/file.h"
#include "waybill/kafka_check.h"

static int set_property(rd_kafka_conf_t *conf, const char *key,
                        const char *value, struct error *err)
{
    char reason[256];
    rd_kafka_conf_res_t result =
        rd_kafka_conf_set(conf, key, value, reason, sizeof(reason));
    char other[64];

    if (result == RD_KAFKA_CONF_OK && !property_is_cut(conf, key, value)) {
        return 0;
    }
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        return property_refuse_unknown(key, err);
    }
    if (property_correct(conf, key, value, other, sizeof(other))) {
        return error_set(err, ERROR_CONFIG,
                         "librdkafka does not accept the value; write %s: %s",
                         key, other);
    }
    /* librdkafka's message would repeat the value, which may be a password. */
    return error_set(err, ERROR_CONFIG,
                     "librdkafka does not accept the value; see the "
                     "property's values in librdkafka's CONFIGURATION.md");
}

int kafka_check_property(const char *key, const char *value, struct error *err)
{
    const char *reason = property_reserved_reason(key);
    rd_kafka_conf_t *conf;
    int result;

    if (reason != NULL) {
        return error_set(err, ERROR_CONFIG, "this property cannot be set: %s",
                         reason);
    }
    if (property_refuse_java(key, err) < 0) {
        return -1;
    }
    conf = rd_kafka_conf_new();
    result = set_property(conf, key, value, err);
    rd_kafka_conf_destroy(conf);
    return result;
}

struct property {
    const char *key;
    const char *value;
};

/* Waybill's defaults, which the user's properties override */
static const struct property common_defaults[] = {
    {"client.id", "waybill"},
    {"socket.keepalive.enable", "true"},
    /* Nagle's algorithm would delay each of the small requests of a
     * transaction. */
    {"socket.nagle.disable", "true"},
    {"socket.timeout.ms", "10000"},
    {"reconnect.backoff.max.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "30000"},
};

static const struct property consumer_defaults[] = {
    /* The partitions of a killed instance are reassigned after this time. */
    {"session.timeout.ms", "10000"},
    {"heartbeat.interval.ms", "2000"},
    {"check.crcs", "true"},
    /* Limits of the prefetched data. One record in memory keeps the whole fetch
     * response in memory. */
    {"queued.min.messages", "1000"},
    {"queued.max.messages.kbytes", "8192"},
    {"fetch.message.max.bytes", "262144"},
    {"fetch.max.bytes", "8388608"},
    {"fetch.wait.max.ms", "100"},
};

static const struct property producer_defaults[] = {
    {"linger.ms", "1"},
    {"queue.buffering.max.kbytes", "131072"},
    /* The topic's max.message.bytes is the limit that applies: a dead letter is
     * never truncated. */
    {"message.max.bytes", "536870912"},
    {"compression.codec", "lz4"},
    /* A broker rejects a record batch as a whole. Small batches put a message
     * that is too large for its topic into a batch of its own. */
    {"batch.size", "65536"},
};

static const struct property consumer_fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    /* Every partition is assigned with an explicit offset. If that offset no
     * longer exists, the client must not choose another one. */
    {"auto.offset.reset", "error"},
    {"isolation.level", "read_committed"},
    {"partition.assignment.strategy", "cooperative-sticky"},
    {"allow.auto.create.topics", "false"},
};

static const struct property producer_fixed[] = {
    {"transaction.timeout.ms", "10000"},
    {"delivery.report.only.error", "true"},
    /* A topic that does not exist is an error of its messages once it has been
     * known for that long. They would time out before the default, 30 s, as if
     * the brokers were unreachable. */
    {"topic.metadata.propagation.max.ms", "3000"},
};

static const struct property publisher_fixed[] = {
    {"enable.idempotence", "true"},
    {"message.timeout.ms", "20000"},
};

static int set_all(rd_kafka_conf_t *conf, const struct property *properties,
                   size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (set_property(conf, properties[i].key, properties[i].value, err) <
            0) {
            return error_prefix(err, "%s", properties[i].key);
        }
    }
    return 0;
}

const char *client_user_property(const struct kafka_options *options,
                                 const char *key)
{
    const struct field_map *properties = options->properties;

    for (size_t i = 0; properties != NULL && i < properties->count; i++) {
        if (strcmp(properties->pairs[i].key, key) == 0) {
            return properties->pairs[i].value;
        }
    }
    return NULL;
}

/* Whether the client of that role uses the property. librdkafka warns of
 * consumer properties that are set on a producer, and the reverse. */
static bool applies_to(enum client_role role, const char *key)
{
    static const char *const consumer_only[] = {
        "session.",  "heartbeat.", "fetch.", "queued.",
        "max.poll.", "check.",     "group.",
    };
    static const char *const producer_only[] = {
        "linger.", "queue.buffering.", "compression.",
        "batch.",  "message.s",        "retries",
        "retry.",  "sticky.",          "partitioner",
    };
    const char *const *others =
        role == CLIENT_CONSUMER ? producer_only : consumer_only;
    size_t count = role == CLIENT_CONSUMER ? ARRAY_SIZE(producer_only)
                                           : ARRAY_SIZE(consumer_only);

    for (size_t i = 0; i < count; i++) {
        if (strncmp(key, others[i], strlen(others[i])) == 0) {
            return false;
        }
    }
    return true;
}

/* librdkafka opens these when a client is created, and would wait for the
 * other end of a FIFO. */
static bool is_file(const char *name)
{
    static const char suffix[] = ".location";
    size_t len = strlen(name);

    return len >= sizeof(suffix) &&
           strcmp(name + len - (sizeof(suffix) - 1), suffix) == 0;
}

static int set_user_properties(rd_kafka_conf_t *conf, enum client_role role,
                               const struct field_map *properties,
                               struct error *err)
{
    for (size_t i = 0; properties != NULL && i < properties->count; i++) {
        const struct field_pair *pair = &properties->pairs[i];

        if (is_file(pair->key) && file_may_block(pair->value)) {
            return error_set(err, ERROR_CONFIG,
                             "kafka.properties.%s: '%s' cannot be read: it is "
                             "not a regular file",
                             pair->key, pair->value);
        }
        if (applies_to(role, pair->key) &&
            set_property(conf, pair->key, pair->value, err) < 0) {
            return error_prefix(err, "kafka.properties.%s", pair->key);
        }
    }
    return 0;
}

/* The default transactional id is unique to each instance, also among those
 * that share a host or a container image: two producers with the same id would
 * fence each other forever. */
const char *client_transactional_id(const struct kafka_options *options,
                                    char buffer[CLIENT_ID_SIZE])
{
    char host[64] = "";

    if (options->transactional_id != NULL) {
        return options->transactional_id;
    }
    gethostname(host, sizeof(host) - 1);
    snprintf(buffer, CLIENT_ID_SIZE, PERMISSION_ID_PREFIX "%s-%d-%08x",
             options->group, host, (int)getpid(), (unsigned)options->random);
    return buffer;
}

static int set_transactional_id(rd_kafka_conf_t *conf,
                                const struct kafka_options *options,
                                struct error *err)
{
    char buffer[CLIENT_ID_SIZE];

    return set_property(conf, "transactional.id",
                        client_transactional_id(options, buffer), err);
}

static int set_consumer(rd_kafka_conf_t *conf,
                        const struct kafka_options *options, struct error *err)
{
    if (options->instance_id != NULL &&
        set_property(conf, "group.instance.id", options->instance_id, err) <
            0) {
        return error_prefix(err, "kafka.instance_id");
    }
    return set_all(conf, consumer_fixed, ARRAY_SIZE(consumer_fixed), err) < 0 ||
                   set_property(conf, "group.id", options->group, err) < 0
               ? -1
               : 0;
}

static int set_fixed(rd_kafka_conf_t *conf, enum client_role role,
                     const struct kafka_options *options, struct error *err)
{
    if (options->brokers != NULL &&
        set_property(conf, "bootstrap.servers", options->brokers, err) < 0) {
        return error_prefix(err, "kafka.brokers");
    }
    switch (role) {
    case CLIENT_CONSUMER:
        return set_consumer(conf, options, err);
    case CLIENT_PRODUCER:
        return set_all(conf, producer_fixed, ARRAY_SIZE(producer_fixed), err) <
                       0
                   ? -1
                   : set_transactional_id(conf, options, err);
    case CLIENT_PUBLISHER:
        return set_all(conf, publisher_fixed, ARRAY_SIZE(publisher_fixed), err);
    }
    return 0;
}

static int set_defaults(rd_kafka_conf_t *conf, enum client_role role,
                        struct error *err)
{
    if (set_all(conf, common_defaults, ARRAY_SIZE(common_defaults), err) < 0) {
        return -1;
    }
    if (role == CLIENT_CONSUMER) {
        return set_all(conf, consumer_defaults, ARRAY_SIZE(consumer_defaults),
                       err);
    }
    return set_all(conf, producer_defaults, ARRAY_SIZE(producer_defaults), err);
}

rd_kafka_conf_t *client_conf(enum client_role role,
                             const struct kafka_options *options,
                             struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (set_defaults(conf, role, err) < 0 ||
        set_user_properties(conf, role, options->properties, err) < 0 ||
        set_fixed(conf, role, options, err) < 0) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

/* Without a callback, librdkafka logs to stderr in a format of its own. */
static void discard_log(const rd_kafka_t *client, int level,
                        const char *facility, const char *text)
{
}

rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                       struct error *err)
{
    bool consumes = type == RD_KAFKA_CONSUMER;
    char reason[256];
    rd_kafka_t *client;

    if (!consumes) { /* a consumer's log messages arrive as events */
        rd_kafka_conf_set_log_cb(conf, discard_log);
    }
    client = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (client == NULL) {
        /* When rd_kafka_new() fails, a configuration with interceptors must not
         * be destroyed: librdkafka before 2.12 has freed it already. */
        if (consumes) {
            rd_kafka_conf_destroy(conf);
        }
        error_set(err, ERROR_CONFIG, "kafka %s: %s",
                  consumes ? "consumer" : "producer", reason);
    }
    return client;
}

const char *kafka_library_version(void)
{
    return rd_kafka_version_str();
}
