/* kafka.h: writing without a group, and properties of clients */

#include "kafka_world.h"
#include "shard.h"
#include "waybill/kafka_check.h"
#include "waybill/publisher.h"

/* --- without a group -------------------------------------------------------
 */

/* The number of messages that Kafka rejected, and the error of the last one */
static struct rejected {
    size_t count;
    void *opaque;
    struct error err;
} rejected;

static void on_rejected(void *payload, void *opaque, const struct error *err)
{
    struct rejected *into = payload;

    into->count++;
    into->opaque = opaque;
    into->err = *err;
}

static void open_publisher(const char *brokers, struct publisher **publisher)
{
    struct kafka_options options = {
        .brokers = brokers, .group = "unused", .topic = OUTCOMES};
    struct error err;

    if (publisher_open(&options, on_rejected, &rejected, publisher, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void what_is_published_is_there_as_it_was(void **state)
{
    int counts[ROWS] = {0};
    struct publisher *publisher;
    struct header header;
    struct error err;

    open_publisher(world.cluster.brokers, &publisher);
    for (size_t i = 0; i < ROWS; i++) {
        struct message message = message_of(&rows[i], OUTCOMES, &header);

        assert_return_code(publisher_send(publisher, &message, &message, &err),
                           0);
    }
    assert_return_code(publisher_flush(publisher, SOON_MS, &err), 0);
    publisher_free(publisher);
    read_topic(&world.cluster, OUTCOMES, count_row, counts);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(counts[i], 1);
    }
}

static void more_messages_than_the_queue_holds_are_all_published(void **state)
{
    enum { COUNT = 100 };
    static const struct field_pair pairs[] = {
        {"queue.buffering.max.messages", "5"}};
    static const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    struct kafka_options options = {.brokers = world.cluster.brokers,
                                    .group = "unused",
                                    .topic = OUTCOMES,
                                    .properties = &map};
    int counts[ROWS] = {0};
    struct publisher *publisher = NULL;
    struct header header;
    struct message message = message_of(&rows[0], OUTCOMES, &header);
    struct error err;

    assert_return_code(
        publisher_open(&options, on_rejected, &rejected, &publisher, &err), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_return_code(publisher_send(publisher, &message, &message, &err),
                           0);
    }
    assert_return_code(publisher_flush(publisher, SOON_MS, &err), 0);
    publisher_free(publisher);
    read_topic(&world.cluster, OUTCOMES, count_row, counts);
    assert_int_equal(counts[0], COUNT);
}

static void publishing_to_nowhere_ends_in_its_time(void **state)
{
    struct kafka_options options = {
        .brokers = "127.0.0.1:1", .group = "unused", .topic = OUTCOMES};
    uint64_t began = clock_monotonic_ms(clock_system());
    struct publisher *publisher = NULL;
    struct error err;

    assert_int_equal(
        publisher_open(&options, on_rejected, NULL, &publisher, &err), -1);
    assert_null(publisher);
    assert_int_equal(err.kind, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.message, "127.0.0.1:1"));
    assert_true(clock_monotonic_ms(clock_system()) - began < 13000);
}

static void a_topic_that_is_missing_is_named(void **state)
{
    struct kafka_options options = {.group = "unused", .topic = OUTCOMES};
    struct publisher *publisher = NULL;
    struct error err;

    options.brokers = world.cluster.brokers;
    rd_kafka_mock_topic_set_error(world.cluster.mock, OUTCOMES,
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(
        publisher_open(&options, on_rejected, NULL, &publisher, &err), -1);
    assert_null(publisher);
    assert_int_equal(err.kind, ERROR_REJECTED);
    assert_non_null(strstr(err.message, "'" OUTCOMES "'"));
}

static void brokers_that_go_away_are_not_waited_for_longer_than_said(
    void **state)
{
    struct header header;
    struct message message = message_of(&rows[0], OUTCOMES, &header);
    struct publisher *publisher;
    struct error err;
    uint64_t began;

    open_publisher(world.cluster.brokers, &publisher);
    rd_kafka_mock_broker_set_down(world.cluster.mock, 1);
    began = clock_monotonic_ms(clock_system());
    assert_return_code(publisher_send(publisher, &message, &message, &err), 0);
    assert_int_equal(publisher_flush(publisher, 1000, &err), -1);
    assert_int_equal(err.kind, ERROR_UNREACHABLE);
    assert_true(err.message[0] != '\0');
    publisher_free(publisher);
    assert_true(clock_monotonic_ms(clock_system()) - began < 5000);
}

static void a_message_that_the_brokers_reject_is_reported_with_its_pointer(
    void **state)
{
    static const struct failure failure = {
        "", API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1};
    struct header header;
    struct message message = message_of(&rows[0], OUTCOMES, &header);
    struct publisher *publisher;
    struct error err;

    rejected = (struct rejected){0};
    inject(&world.cluster, &failure);
    open_publisher(world.cluster.brokers, &publisher);
    assert_return_code(publisher_send(publisher, &message, &message, &err), 0);
    assert_return_code(publisher_flush(publisher, SOON_MS, &err), 0);
    assert_int_equal(rejected.count, 1);
    assert_ptr_equal(rejected.opaque, &message);
    assert_int_equal(rejected.err.kind, ERROR_REJECTED);
    assert_non_null(strstr(rejected.err.message, "max.message.bytes"));
    publisher_free(publisher);
}

/* --- properties ------------------------------------------------------------
 */

static void a_property_is_refused_for_a_reason(void **state)
{
    static const struct {
        const char *key;
        const char *value;
        const char *says; /* NULL: the property is accepted */
    } cases[] = {
        {"security.protocol", "SASL_SSL", NULL},
        {"sasl.mechanism", "SCRAM-SHA-512", NULL},
        {"sasl.password", "Tr0ub4dor", NULL},
        {"client.rack", "a", NULL},
        {"ssl.ca.location", "/nowhere/ca.pem", NULL},
        {"session.timeout.ms", "45000", NULL},
        {"linger.ms", "5", NULL},
        {"bootstrap.servers", "a:9092", "kafka.brokers"},
        {"metadata.broker.list", "a:9092", "kafka.brokers"},
        {"group.id", "g", "kafka.group"},
        {"transactional.id", "t", "kafka.transactional_id"},
        {"enable.auto.commit", "true", "this property cannot be set"},
        {"enable.auto.offset.store", "true", "this property cannot be set"},
        {"auto.offset.reset", "latest", "this property cannot be set"},
        {"isolation.level", "read_uncommitted", "this property cannot be set"},
        {"enable.idempotence", "false", "this property cannot be set"},
        {"acks", "1", "this property cannot be set"},
        {"request.required.acks", "1", "this property cannot be set"},
        {"partition.assignment.strategy", "range",
         "this property cannot be set"},
        {"group.protocol", "consumer", "this property cannot be set"},
        {"transaction.timeout.ms", "60000", "this property cannot be set"},
        {"message.timeout.ms", "1", "this property cannot be set"},
        {"plugin.library.paths", "x.so", "this property cannot be set"},
        {"test.mock.num.brokers", "3", "this property cannot be set"},
        {"security.protocl", "SSL", "did you mean 'security.protocol'?"},
        {"sesion.timeout.ms", "5", "did you mean 'session.timeout.ms'?"},
        {"no.such.property.at.all", "x", "librdkafka has no such property"},
        {"", "x", "librdkafka has no such property"},
        {"security.protocol", "Tr0ub4dor",
         "librdkafka does not accept the value"},
        {"linger.ms", "Tr0ub4dor", "librdkafka does not accept the value"},
        {"session.timeout.ms", "-5", "librdkafka does not accept the value"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct error err = {0};
        int result = kafka_check_property(cases[i].key, cases[i].value, &err);

        if ((result == 0) != (cases[i].says == NULL)) {
            fail_msg("%s = %s: %s", cases[i].key, cases[i].value, err.message);
        }
        if (result == 0) {
            assert_int_equal(err.kind, ERROR_NONE); /* not touched */
            continue;
        }
        assert_int_equal(err.kind, ERROR_CONFIG);
        if (strstr(err.message, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].key, err.message);
        }
        assert_null(strstr(err.message, "Tr0ub4dor"));
    }
}

/* The clients accept what the check accepts. */
static void properties_reach_both_clients_without_a_word(void **state)
{
    static const struct field_pair pairs[] = {
        {"client.rack", "rack"},        {"linger.ms", "3"},
        {"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "200"},
        {"fetch.wait.max.ms", "50"},    {"compression.codec", "none"},
    };
    static const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    struct kafka_options options = {.group = "group",
                                    .topic = EVENTS,
                                    .transactional_id = "one",
                                    .properties = &map};
    struct error err;

    options.brokers = world.cluster.brokers;
    world.member = (struct member){.loop = world.loop};
    assert_return_code(kafka_open(world.loop, &options, &member_handler,
                                  &world.member, &world.member.queue, &err),
                       0);
    world.joined = true;
    await(&world.member, has_all_partitions);
    commit(&world.member);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

static void a_bad_property_keeps_the_queue_from_opening(void **state)
{
    static const struct field_pair pairs[] = {{"linger.ms", "Tr0ub4dor"}};
    static const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    struct kafka_options options = {.brokers = "127.0.0.1:1",
                                    .group = "group",
                                    .topic = EVENTS,
                                    .properties = &map};
    struct publisher *publisher = NULL;
    struct error err;

    assert_int_equal(
        publisher_open(&options, on_rejected, NULL, &publisher, &err), -1);
    assert_null(publisher);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "linger.ms"));
    assert_null(strstr(err.message, "Tr0ub4dor"));
}

static const struct CMUnitTest tests[] = {
    KAFKA_TEST(what_is_published_is_there_as_it_was),
    KAFKA_TEST(more_messages_than_the_queue_holds_are_all_published),
    cmocka_unit_test(publishing_to_nowhere_ends_in_its_time),
    KAFKA_TEST(a_topic_that_is_missing_is_named),
    KAFKA_TEST(brokers_that_go_away_are_not_waited_for_longer_than_said),
    KAFKA_TEST(a_message_that_the_brokers_reject_is_reported_with_its_pointer),
    cmocka_unit_test(a_property_is_refused_for_a_reason),
    KAFKA_TEST(properties_reach_both_clients_without_a_word),
    KAFKA_TEST(a_bad_property_keeps_the_queue_from_opening),
};

int main(void)
{
    return run_shard("publish", tests, ARRAY_SIZE(tests), NULL, NULL);
}
