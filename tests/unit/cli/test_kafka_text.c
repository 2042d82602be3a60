#include "cli/kafka_text.h"

#include "asserts.h"

/* The output of `waybill kafka prepare` */

static struct kafka_options options;
static struct prepare_request request;
static struct str text = STR_INIT(STR_UNLIMITED);

static int begin(void **state)
{
    options = (struct kafka_options){
        .brokers = "kafka.example.com:9092",
        .group = "waybill",
        .topic = "attestations",
        .outcomes = "attestation-outcomes",
        .dead_letters = "attestation-dead-letters",
        .optional_topic = "attestation-replays",
    };
    request = (struct prepare_request){
        .kafka = &options,
        .tools = {.brokers = options.brokers},
        .principals = {"User:a", "User:b", "User:c", "User:d"},
        .config = "config.yaml",
    };
    return 0;
}

static int end(void **state)
{
    str_release(&text);
    return 0;
}

/* Every line is a comment, a command, or the continuation of one. */
static void check_lines(void)
{
    const char *line = text.data;
    bool continues = false;

    while (*line != '\0') {
        size_t len = strcspn(line, "\n");

        assert_true(len <= 80);
        if (!continues) {
            assert_true(len == 0 || line[0] == '#' ||
                        strncmp(line, "kafka-", 6) == 0 ||
                        strncmp(line, "set -e", len) == 0);
        }
        continues = len > 0 && line[len - 1] == '\\';
        line += len + 1;
    }
}

static void the_script_names_all_topics_and_principals(void **state)
{
    static const char *const parts[] = {
        "--topic attestations --partitions 6",
        "--topic attestation-dead-letters --partitions 1",
        "--config max.message.bytes=1056780",
        "# --- The principal of `waybill run`: User:a ---",
        "# --- The principal of `waybill replay`: User:b ---",
        "# --- The principal of `waybill explain`: User:c ---",
        "# --- The principal of `waybill publish`: User:d ---",
        "--allow-principal User:d",
    };

    append_prepare_script(&text, &request);
    check_lines();
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        check_contains("script", text.data, parts[i]);
    }
}

static void a_name_can_end_neither_a_comment_nor_a_word(void **state)
{
    options.group = "x\nkafka-topics.sh --delete' --y";
    append_prepare_script(&text, &request);
    check_contains("comment", text.data, "# Read on group 'x");
    assert_null(strstr(text.data, "# Read on group 'x\n"));
    check_contains("word", text.data,
                   "--group 'x\nkafka-topics.sh --delete'\\'' --y'");
}

static void a_principal_that_is_not_known_is_left_to_the_reader(void **state)
{
    request.principals[KAFKA_RUN] = NULL;
    append_prepare_script(&text, &request);
    check_contains("script", text.data, "--allow-principal User:PRINCIPAL");
    check_contains("script", text.data, "Replace PRINCIPAL");
}

static void findings_say_what_differs_and_how_to_change_it(void **state)
{
    static const struct kafka_topic_finding findings[] = {
        {"in", "kafka.topics.attestations", KAFKA_TOPIC_CREATED, NULL, NULL,
         "created with 6 partitions", NULL},
        {"out", "kafka.topics.outcomes", KAFKA_TOPIC_DIFFERS, "cleanup.policy",
         "delete", "is compacted", "kafka-configs.sh ..."},
    };

    assert_true(findings_are_ok(findings, 1));
    assert_false(findings_are_ok(findings, 2));
    append_findings_table(&text, findings, 2);
    assert_string_equal(text.data,
                        "TOPIC  RESULT   DETAIL\n"
                        "in     created  created with 6 partitions\n"
                        "out    differs  is compacted: kafka-configs.sh ...\n");
    str_clear(&text);
    append_findings_json(&text, findings, 2);
    assert_string_equal(
        text.data,
        "{\"ok\":false,\"topics\":[{\"topic\":\"in\",\"key\":"
        "\"kafka.topics.attestations\",\"result\":\"created\",\"detail\":"
        "\"created with 6 partitions\"},{\"topic\":\"out\",\"key\":"
        "\"kafka.topics.outcomes\",\"result\":\"differs\",\"setting\":"
        "\"cleanup.policy\",\"value\":\"delete\",\"detail\":\"is compacted\","
        "\"command\":\"kafka-configs.sh ...\"}]}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_script_names_all_topics_and_principals),
        TEST(a_name_can_end_neither_a_comment_nor_a_word),
        TEST(a_principal_that_is_not_known_is_left_to_the_reader),
        TEST(findings_say_what_differs_and_how_to_change_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
