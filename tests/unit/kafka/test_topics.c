#include "kafka/topics.h"

#include "asserts.h"

/* Conditions of topics and permissions that are reported to an operator */

static const struct kafka_options options = {
    .brokers = "b:9092",
    .group = "g",
    .topic = "in",
    .outcomes = "out",
    .dead_letters = "dead",
    .optional_topic = "again",
};

static struct kafka_facts facts;
static struct condition_list list;

static int begin(void **state)
{
    facts = (struct kafka_facts){.transactional_id = "id"};
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        struct topic_config *config = &facts.topics[role].config;

        topic_config_init(config);
        config->max_message_bytes = role == TOPIC_DEAD_LETTERS ? 20000 : 10000;
        config->retention_ms = 1000;
        facts.topics[role].replicas = 1;
    }
    facts.topics[TOPIC_OUTCOMES].config.max_message_bytes = 100000;
    return 0;
}

static int end(void **state)
{
    condition_list_release(&list);
    return 0;
}

static void judge(void)
{
    condition_list_release(&list);
    topics_judge(&options, &facts, &list);
}

static void check_condition(bool blocks, const char *const parts[])
{
    judge();
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].blocks, blocks);
    for (size_t i = 0; parts[i] != NULL; i++) {
        check_contains(parts[0], list.items[0].text, parts[i]);
    }
}

#define CHECK_BLOCKS(...)                                                      \
    check_condition(true, (const char *[]){__VA_ARGS__, NULL})
#define CHECK_WARNS(...)                                                       \
    check_condition(false, (const char *[]){__VA_ARGS__, NULL})

static void nothing_is_said_about_topics_that_suit(void **state)
{
    judge();
    assert_int_equal(list.count, 0);
}

static void a_missing_topic_blocks_with_the_command_that_creates_it(
    void **state)
{
    facts.topics[TOPIC_INPUT].fault = TOPIC_MISSING;
    CHECK_BLOCKS("topic 'in' (kafka.topics.attestations) does not exist",
                 "kafka-topics.sh --bootstrap-server b:9092 --create "
                 "--if-not-exists --topic in --partitions 6");
    begin(NULL);
    facts.topics[TOPIC_DEAD_LETTERS].fault = TOPIC_MISSING;
    facts.topics[TOPIC_DEAD_LETTERS].config.known = false;
    CHECK_BLOCKS("--topic dead --partitions 1", "max.message.bytes=18192",
                 "retention.ms=1000");
}

static void a_missing_permission_blocks_with_the_command_that_grants_it(
    void **state)
{
    struct kafka_options configured = options;

    facts.topics[TOPIC_INPUT].fault = TOPIC_UNREADABLE;
    CHECK_BLOCKS("topic 'in' (kafka.topics.attestations)", "permission Read",
                 "kafka-acls.sh", "--operation Read --topic in");
    begin(NULL);
    facts.topics[TOPIC_OUTCOMES].fault = TOPIC_UNWRITABLE;
    CHECK_BLOCKS("topic 'out' (kafka.topics.outcomes)", "permission Write",
                 "--operation Write --topic out");
    begin(NULL);
    facts.topics[TOPIC_DEAD_LETTERS].fault = TOPIC_HIDDEN;
    CHECK_BLOCKS("topic 'dead' (kafka.topics.dead_letters)",
                 "--operation Write --topic dead");
    begin(NULL);
    facts.group_denied = true;
    CHECK_BLOCKS("group 'g' (kafka.group)", "--operation Read --group g");
    begin(NULL);
    facts.transactional_id_denied = true;
    CHECK_BLOCKS("transactional id 'id' (kafka.transactional_id)",
                 "--operation Write --transactional-id waybill-g- "
                 "--resource-pattern-type prefixed");
    configured.transactional_id = "id";
    condition_list_release(&list);
    topics_judge(&configured, &facts, &list);
    assert_int_equal(list.count, 1);
    check_contains("configured", list.items[0].text,
                   "--operation Write --transactional-id id");
    assert_null(strstr(list.items[0].text, "prefixed"));
}

static void a_name_in_a_command_is_quoted(void **state)
{
    struct kafka_options odd = options;

    odd.group = "it's $HOME";
    condition_list_release(&list);
    topics_add_group_denied(&odd, &list);
    check_contains("quoted", list.items[0].text, "--group 'it'\\''s $HOME'");
}

/* A running service does not report it. */
static void judge_and_note_one(void)
{
    judge();
    assert_int_equal(list.count, 0);
    topics_note(&options, &facts, &list);
    assert_int_equal(list.count, 1);
    assert_false(list.items[0].blocks);
}

static void permission_to_read_settings_is_only_noted_by_a_check(void **state)
{
    facts.topics[TOPIC_OUTCOMES].config = (struct topic_config){0};
    facts.topics[TOPIC_OUTCOMES].is_config_denied = true;
    judge_and_note_one();
    check_contains("denied", list.items[0].text,
                   "topic 'out' (kafka.topics.outcomes): the permission "
                   "DescribeConfigs is missing");
    check_contains("denied", list.items[0].text,
                   "--operation DescribeConfigs --topic out");
}

static void no_topic_is_compacted(void **state)
{
    static const char *const names[] = {"'in'", "'out'", "'dead'", "'again'"};

    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        begin(NULL);
        facts.topics[role].config.compacted = true;
        CHECK_WARNS(names[role], "is compacted",
                    "--add-config cleanup.policy=delete");
    }
}

static void the_replays_topic_takes_what_the_input_topic_takes(void **state)
{
    facts.topics[TOPIC_REPLAYS].config.max_message_bytes = 9999;
    CHECK_WARNS("topic 'again'", "9999 bytes", "max.message.bytes=18192");
    begin(NULL);
    facts.topics[TOPIC_REPLAYS].config.max_age_ms = 0;
    CHECK_WARNS("topic 'again'", "message.timestamp.before.max.ms");
}

static void a_replays_topic_that_cannot_be_read_blocks_nothing(void **state)
{
    static const enum topic_fault faults[] = {TOPIC_UNREADABLE, TOPIC_HIDDEN};

    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        facts.topics[TOPIC_REPLAYS].fault = faults[i];
        CHECK_WARNS("topic 'again' (kafka.topics.replays)", "permission Read",
                    "kafka-acls.sh", "--operation Read --topic again");
    }
}

static void a_replays_topic_that_is_missing_is_only_noted_by_a_check(
    void **state)
{
    facts.topics[TOPIC_REPLAYS].fault = TOPIC_MISSING;
    judge_and_note_one();
    check_contains("missing", list.items[0].text,
                   "topic 'again' (kafka.topics.replays) does not exist yet");
    begin(NULL);
    judge();
    topics_note(&options, &facts, &list);
    assert_int_equal(list.count, 0);
}

static void members_may_consume_both_topics_that_waybill_consumes(void **state)
{
    struct kafka_options without = options;

    without.optional_topic = NULL;
    assert_int_equal(topic_consumed_role(&options, "in"), TOPIC_INPUT);
    assert_int_equal(topic_consumed_role(&options, "again"), TOPIC_REPLAYS);
    assert_int_equal(topic_consumed_role(&options, "out"), TOPIC_ROLES);
    assert_int_equal(topic_consumed_role(&options, "orders"), TOPIC_ROLES);
    assert_int_equal(topic_consumed_role(&without, "again"), TOPIC_ROLES);
}

static void a_dead_letter_topic_takes_what_the_input_topic_takes(void **state)
{
    struct topic_config *dead = &facts.topics[TOPIC_DEAD_LETTERS].config;

    dead->max_message_bytes = 10000 + 8191;
    CHECK_WARNS("topic 'dead' (kafka.topics.dead_letters)", "18191 bytes",
                "max.message.bytes=18192");
    begin(NULL);
    dead->retention_ms = 999;
    CHECK_WARNS("after 999 ms", "retention.ms=1000");
    dead->deletes = false;
    judge();
    assert_int_equal(list.count, 0);
    begin(NULL);
    facts.topics[TOPIC_INPUT].config.retention_ms = INT64_MAX;
    CHECK_WARNS("after 1000 ms", "retention.ms=-1");
    begin(NULL);
    dead->compacted = true;
    CHECK_WARNS("is compacted", "cleanup.policy=delete");
}

static void topics_that_are_written_accept_a_clock_that_differs(void **state)
{
    struct topic_config *out = &facts.topics[TOPIC_OUTCOMES].config;

    out->max_age_ms = 59999;
    CHECK_WARNS("topic 'out'", "message.timestamp.before.max.ms");
    out->broker_timestamps = true;
    judge();
    assert_int_equal(list.count, 0);
    begin(NULL);
    facts.topics[TOPIC_DEAD_LETTERS].config.max_ahead_ms = 0;
    CHECK_WARNS("topic 'dead'", "message.timestamp.after.max.ms");
}

static void topics_that_cannot_be_written_are_named(void **state)
{
    facts.topics[TOPIC_OUTCOMES].config.min_insync_replicas = 2;
    CHECK_WARNS("topic 'out'", "min.insync.replicas=1");
    begin(NULL);
    facts.topics[TOPIC_OUTCOMES].config.max_message_bytes = 65535;
    CHECK_WARNS("topic 'out'", "max.message.bytes=65536");
}

static void what_is_not_known_is_not_judged(void **state)
{
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        facts.topics[role].config = (struct topic_config){0};
    }
    judge();
    assert_int_equal(list.count, 0);
    begin(NULL);
    facts.topics[TOPIC_INPUT].config = (struct topic_config){0};
    judge();
    assert_int_equal(list.count, 0);
}

static void a_member_of_another_application_is_named(void **state)
{
    static const struct {
        const char *own;
        struct group_member member;
        const char *part; /* NULL: it is an instance of Waybill */
    } rows[] = {
        {"waybill", {"waybill", "/10.0.0.1", NULL}, NULL},
        {"waybill", {"waybill-7f9c", "/10.0.0.1", NULL}, NULL},
        {"delivery-1", {"delivery-2", "/10.0.0.1", NULL}, NULL},
        {"delivery-1", {"waybill", "/10.0.0.1", NULL}, NULL},
        {"a", {"a", "/10.0.0.1", NULL}, NULL},
        {"a", {"b", "/10.0.0.1", NULL}, "client 'b' on /10.0.0.1"},
        {"waybill", {"sarama", "/h", NULL}, "client 'sarama' on /h"},
        {"waybill", {"waybill", "/h", "orders"}, "consumes topic 'orders'"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        condition_list_release(&list);
        group_judge(&options, rows[i].own, "cooperative-sticky",
                    &rows[i].member, 1, &list);
        check_number(rows[i].member.client_id, list.count,
                     rows[i].part != NULL);
        if (rows[i].part != NULL) {
            check_contains(rows[i].own, list.items[0].text, rows[i].part);
            assert_false(list.items[0].blocks);
        }
    }
    condition_list_release(&list);
    group_judge(&options, "waybill", "range", NULL, 0, &list);
    check_contains("assignor", list.items[0].text, "assignor 'range'");
}

static void a_configuration_is_read_as_kafka_writes_it(void **state)
{
    struct topic_config config;

    topic_config_init(&config);
    topic_config_set(&config, "cleanup.policy", "compact,delete");
    topic_config_set(&config, "max.message.bytes", "1048588");
    topic_config_set(&config, "retention.ms", "-1");
    topic_config_set(&config, "retention.bytes", "x");
    topic_config_set(&config, "message.timestamp.type", "LogAppendTime");
    topic_config_set(&config, "message.timestamp.difference.max.ms", "9");
    topic_config_set(&config, "message.timestamp.before.max.ms",
                     "9223372036854775807");
    topic_config_set(&config, "message.timestamp.after.max.ms", "5");
    topic_config_set(&config, "min.insync.replicas", "2");
    topic_config_set(&config, "unknown", "");
    assert_true(config.known && config.compacted && config.deletes);
    assert_true(config.broker_timestamps);
    assert_int_equal(config.max_message_bytes, 1048588);
    assert_true(config.retention_ms == INT64_MAX);
    assert_true(config.retention_bytes == INT64_MAX);
    assert_int_equal(config.max_age_ms, 9);
    assert_int_equal(config.max_ahead_ms, 5);
    assert_int_equal(config.min_insync_replicas, 2);
    topic_config_set(&config, "message.timestamp.difference.max.ms", "3");
    assert_int_equal(config.max_age_ms, 3);
    assert_int_equal(config.max_ahead_ms, 3);
    topic_config_set(&config, "cleanup.policy", "compact");
    assert_false(config.deletes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_about_topics_that_suit),
        TEST(a_missing_topic_blocks_with_the_command_that_creates_it),
        TEST(a_missing_permission_blocks_with_the_command_that_grants_it),
        TEST(a_name_in_a_command_is_quoted),
        TEST(permission_to_read_settings_is_only_noted_by_a_check),
        TEST(no_topic_is_compacted),
        TEST(the_replays_topic_takes_what_the_input_topic_takes),
        TEST(a_replays_topic_that_cannot_be_read_blocks_nothing),
        TEST(a_replays_topic_that_is_missing_is_only_noted_by_a_check),
        TEST(members_may_consume_both_topics_that_waybill_consumes),
        TEST(a_dead_letter_topic_takes_what_the_input_topic_takes),
        TEST(topics_that_are_written_accept_a_clock_that_differs),
        TEST(topics_that_cannot_be_written_are_named),
        TEST(what_is_not_known_is_not_judged),
        TEST(a_member_of_another_application_is_named),
        TEST(a_configuration_is_read_as_kafka_writes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
