#include <stdio.h>

#include "asserts.h"
#include "waybill/compiler.h"
#include "waybill/kafka_check.h"

/* Settings with which the clients cannot be created, or cannot work. No broker
 * is contacted. */

static int check_one(const char *key, const char *value, const char **ret_key,
                     struct error *err)
{
    const struct field_pair pairs[] = {{"client.rack", "a"}, {key, value}};
    const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    const struct kafka_options options = {
        .brokers = "127.0.0.1:1",
        .group = "group",
        .topic = "in",
        .properties = &map,
    };

    return kafka_check_clients(&options, ret_key, err);
}

static void what_the_clients_cannot_work_with_is_named(void **state)
{
    static const struct field_pair cases[] = {
        {"retries", "0"},
        {"message.send.max.retries", "0"},
        {"linger.ms", "60000"},
        {"queue.buffering.max.ms", "60000"},
        {"max.poll.interval.ms", "5000"},
        {"session.timeout.ms", "400000"},
        {"heartbeat.interval.ms", "10000"},
        {"fetch.max.bytes", "1000"},
        {"fetch.wait.max.ms", "9500"},
        {"receive.message.max.bytes", "1000"},
        {"message.max.bytes", "1000"},
        {"socket.timeout.ms", "60000"},
        {"socket.timeout.ms", "10"},
        {"retry.backoff.ms", "300000"},
        {"queue.buffering.max.messages", "1"},
        {"queue.buffering.max.kbytes", "1"},
        {"topic.metadata.refresh.interval.ms", "-1"},
        {"metadata.max.age.ms", "10"},
        {"ssl.ca.location", "/nonexistent/ca.pem"},
        {"ssl.certificate.location", "/nonexistent/crt.pem"},
        {"ssl.key.location", "/nonexistent/key.pem"},
        {"ssl.keystore.location", "/nonexistent/store"},
        {"ssl.crl.location", "/nonexistent/crl.pem"},
        {"sasl.mechanism", "OAUTHBEARER"},
        {"sasl.mechanisms", "OAUTHBEARER"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *key = NULL;
        struct error err;

        check(cases[i].key,
              check_one(cases[i].key, cases[i].value, &key, &err) < 0);
        check_number(cases[i].key, err.kind, ERROR_CONFIG);
        check_text(cases[i].key, key, cases[i].key);
    }
}

static void what_contradicts_itself_is_rejected_as_a_whole(void **state)
{
    static const struct field_pair pairs[] = {
        {"security.protocol", "SASL_SSL"},
        {"sasl.mechanism", "PLAIN"},
    };
    static const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    const struct kafka_options options = {
        .brokers = "127.0.0.1:1", .group = "group", .properties = &map};
    const char *key;
    struct error err;

    assert_true(kafka_check_clients(&options, &key, &err) < 0);
    check_contains("no user name", err.message, "sasl.username");
}

static void what_they_can_work_with_is_accepted(void **state)
{
    static const struct field_pair cases[] = {
        {"linger.ms", "5000"},        {"heartbeat.interval.ms", "9999"},
        {"security.protocol", "SSL"}, {"ssl.ca.location", "probe"},
        {"debug", "broker"},          {"compression.codec", "zstd"},
        {"client.id", "other"},       {"message.max.bytes", "2000"},
        {"partitioner", "murmur2"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *key;
        struct error err = {0};

        if (check_one(cases[i].key, cases[i].value, &key, &err) < 0) {
            fail_msg("%s: %s", cases[i].key, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_clients_cannot_work_with_is_named),
        cmocka_unit_test(what_contradicts_itself_is_rejected_as_a_whole),
        cmocka_unit_test(what_they_can_work_with_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
