#include "kafka/properties.h"

#include "asserts.h"
#include "waybill/compiler.h"

/* The configuration of each client of librdkafka */

/* `waybill check` rejects all of these; one that reaches the client
 * nevertheless is overridden. */
static const struct field_pair harmful[] = {
    {"isolation.level", "read_uncommitted"},
    {"auto.offset.reset", "latest"},
    {"enable.auto.commit", "true"},
    {"enable.auto.offset.store", "true"},
    {"allow.auto.create.topics", "true"},
    {"bootstrap.servers", "elsewhere:9092"},
    {"group.id", "another"},
    {"transactional.id", "another"},
    {"transaction.timeout.ms", "900000"},
    {"message.timeout.ms", "900000"},
};

static rd_kafka_conf_t *conf_of(enum client_role role)
{
    static const struct field_map properties = {harmful, ARRAY_SIZE(harmful)};
    const struct kafka_options options = {
        .brokers = "127.0.0.1:1",
        .group = "group",
        .transactional_id = "slot-0",
        .properties = &properties,
    };
    struct error err;
    rd_kafka_conf_t *conf = client_conf(role, &options, &err);

    assert_non_null(conf);
    return conf;
}

static void check_conf(enum client_role role, const struct field_pair *expected,
                       size_t count)
{
    rd_kafka_conf_t *conf = conf_of(role);

    for (size_t i = 0; i < count; i++) {
        char value[256];
        size_t size = sizeof(value);

        assert_int_equal(rd_kafka_conf_get(conf, expected[i].key, value, &size),
                         RD_KAFKA_CONF_OK);
        check_text(expected[i].key, value, expected[i].value);
    }
    rd_kafka_conf_destroy(conf);
}

/* Otherwise records would be lost, or those of aborted transactions would be
 * delivered. */
static void consumer__reads_committed_records_from_explicit_offsets(
    void **state)
{
    static const struct field_pair expected[] = {
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "error"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"allow.auto.create.topics", "false"},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"bootstrap.servers", "127.0.0.1:1"},
        {"group.id", "group"},
        {"check.crcs", "true"},
    };

    check_conf(CLIENT_CONSUMER, expected, ARRAY_SIZE(expected));
}

/* Shorter than the time after which a request is given up would abort
 * transactions that are being committed; longer would block the readers of the
 * outcomes after a crash. */
static void producer__is_transactional(void **state)
{
    static const struct field_pair expected[] = {
        {"transactional.id", "slot-0"},
        {"transaction.timeout.ms", "10000"},
        {"bootstrap.servers", "127.0.0.1:1"},
    };

    check_conf(CLIENT_PRODUCER, expected, ARRAY_SIZE(expected));
}

static void publisher__writes_each_message_once(void **state)
{
    static const struct field_pair expected[] = {
        {"enable.idempotence", "true"},
        {"message.timeout.ms", "20000"},
        {"bootstrap.servers", "127.0.0.1:1"},
    };

    check_conf(CLIENT_PUBLISHER, expected, ARRAY_SIZE(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            consumer__reads_committed_records_from_explicit_offsets),
        cmocka_unit_test(producer__is_transactional),
        cmocka_unit_test(publisher__writes_each_message_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
