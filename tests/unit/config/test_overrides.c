#include "config_file.h"
#include "waybill/log.h"

#define FILE_TEXT                                                              \
    "kafka: {brokers: \"h:1\", group: g}\n"                                    \
    "registrations:\n"                                                         \
    "  - {name: gh-cr.1, repository: ghcr.io/acme/a}\n"                        \
    "  - {name: other, repository: reg.example.com/acme/b}\n"                  \
    "attachments:\n"                                                           \
    "  - {registration: gh-cr.1, workflow: {id: w}}\n"

/* The first members of the integration's struct, in their order */
struct options {
    const char *repository;
    const char *username;
    const char *password;
};

static void overrides__win_over_the_file_and_the_defaults(void **state)
{
    const struct settings *settings;

    setenv("WAYBILL_KAFKA_BROKERS", "other:1", 1);
    setenv("WAYBILL_KAFKA_TOPICS_DEAD_LETTERS", "dead", 1);
    setenv("WAYBILL_KAFKA_OUTCOME_MODE", "structured", 1);
    setenv("WAYBILL_DELIVERY_MAX_AGE", "7d", 1);
    setenv("WAYBILL_DELIVERY_MAX_BYTES", "2MiB", 1);
    setenv("WAYBILL_LOG_LEVEL", "debug", 1);
    settings = config_of(*state, FILE_TEXT);
    assert_string_equal(settings->kafka.brokers, "other:1");
    assert_string_equal(settings->kafka.group, "g");
    assert_string_equal(settings->kafka.topics.dead_letters, "dead");
    assert_string_equal(settings->kafka.topics.outcomes,
                        "attestation-outcomes");
    assert_int_equal(settings->kafka.outcome_mode, OUTCOME_STRUCTURED);
    assert_int_equal(settings->delivery.max_age_ms, 7 * 86400000);
    assert_int_equal(settings->delivery.max_bytes, 2 << 20);
    assert_int_equal(settings->log.level, LOG_DEBUG);
    assert_string_equal(((struct config_test *)*state)->warnings.data, "");
}

static void overrides__of_a_registration_go_by_its_name(void **state)
{
    const struct settings *settings;
    const struct options *first;
    const struct options *second;

    setenv("WAYBILL_GH_CR_1_USERNAME", "bot", 1);
    setenv("WAYBILL_GH_CR_1_PASSWORD", "${not:expanded", 1);
    setenv("WAYBILL_OTHER_REPOSITORY", "h.x/c", 1);
    settings = config_of(*state, FILE_TEXT);
    first = settings->registrations[0].options;
    second = settings->registrations[1].options;
    assert_string_equal(first->repository, "ghcr.io/acme/a");
    assert_string_equal(first->username, "bot");
    assert_string_equal(first->password, "${not:expanded");
    assert_string_equal(second->repository, "h.x/c");
    assert_null(second->username);
    assert_string_equal(((struct config_test *)*state)->warnings.data, "");
}

static void overrides__make_sections_that_the_file_does_not_have(void **state)
{
    const struct settings *settings;

    setenv("WAYBILL_KAFKA_BROKERS", "h:9", 1);
    setenv("WAYBILL_KAFKA_TOPICS_OUTCOMES", "out", 1);
    settings = config_of(*state, "registrations:\n"
                                 "  - {name: a, repository: h.x/a}\n"
                                 "log:\n");
    assert_string_equal(settings->kafka.brokers, "h:9");
    assert_string_equal(settings->kafka.topics.outcomes, "out");
    assert_string_equal(settings->kafka.topics.attestations, "attestations");
    config_of(*state, "kafka:\nlog: {level: info}\n");
}

/* Compose files and CI systems represent unset variables like this. */
static void overrides__that_are_empty_do_not_count(void **state)
{
    const struct settings *settings;

    setenv("WAYBILL_KAFKA_GROUP", "", 1);
    setenv("WAYBILL_LOG_LEVEL", "", 1);
    setenv("WAYBILL_OTHER_PASSWORD", "", 1);
    settings = config_of(*state, FILE_TEXT);
    assert_string_equal(settings->kafka.group, "g");
    assert_int_equal(settings->log.level, LOG_INFO);
    assert_string_equal(((struct config_test *)*state)->warnings.data, "");
}

struct wrong {
    const char *variable;
    const char *value;
    const char *fault;
};

static const struct wrong wrongs[] = {
    {"WAYBILL_DELIVERY_MAX_AGE", "soon",
     "environment variable WAYBILL_DELIVERY_MAX_AGE: delivery.max_age: "
     "the value is not a duration; write a duration (500ms, 30s, 10m, 24h, "
     "7d) from 0ms to 365d\n"},
    {"WAYBILL_DELIVERY_CONCURRENCY", "0",
     "environment variable WAYBILL_DELIVERY_CONCURRENCY: delivery.concurrency: "
     "the value is out of range; write a value from 1 to 1024\n"},
    {"WAYBILL_LOG_LEVEL", "loud",
     "environment variable WAYBILL_LOG_LEVEL: log.level: the value is "
     "not one of debug, info, warn, error\n"},
    {"WAYBILL_KAFKA_BROKERS", "h",
     "environment variable WAYBILL_KAFKA_BROKERS: kafka.brokers: the "
     "value cannot be used: brokers are host:port, with commas between "
     "several, IPv6 addresses in brackets, and a port for at least one\n"},
    {"WAYBILL_KAFKA_TOPICS_OUTCOMES", "a/b",
     "environment variable WAYBILL_KAFKA_TOPICS_OUTCOMES: "
     "kafka.topics.outcomes: the value cannot be used: a name may contain only "
     "letters, digits, '.', '_' and '-'\n"},
    {"WAYBILL_OTHER_REPOSITORY", "https://h.x/a",
     "environment variable WAYBILL_OTHER_REPOSITORY: "
     "registrations[1].repository: the value cannot be used: a repository has "
     "no "
     "scheme such as https:// (for http set plain_http: true)\n"},
    {"WAYBILL_OTHER_PASSWORD", "hunter2",
     "environment variable WAYBILL_OTHER_PASSWORD: registrations[1].password: "
     "there is a password, but no user name; set username, or the variable "
     "WAYBILL_<NAME>_USERNAME\n"},
};

/* As `kubectl create secret --from-file` makes them of a file */
static void overrides__are_taken_without_the_line_end_behind_them(void **state)
{
    struct config_test *test = *state;
    const struct settings *settings;

    setenv("WAYBILL_ADMIN_TOKEN", "s3cret\n", 1);
    setenv("WAYBILL_KAFKA_GROUP", "\n", 1);
    setenv("WAYBILL_GH_CR_1_PASSWORD", "ab\r\n", 1);
    settings = config_of(test, FILE_TEXT);
    assert_string_equal(settings->admin.token, "s3cret");
    assert_string_equal(settings->kafka.group, "g");
    assert_string_equal(
        ((const struct options *)settings->registrations[0].options)->password,
        "ab");
    setenv("WAYBILL_ADMIN_TOKEN", "\xEF\xBB\xBFs3cret\r\n\n", 1);
    assert_string_equal(config_of(test, FILE_TEXT)->admin.token, "s3cret");
    setenv("WAYBILL_ADMIN_TOKEN", "s3\ncret\n", 1);
    assert_non_null(strstr(config_fault(test, FILE_TEXT), "admin.token"));
}

static void overrides__are_checked_like_the_file_and_not_shown(void **state)
{
    struct config_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        setenv(wrongs[i].variable, wrongs[i].value, 1);
        check_number(wrongs[i].variable, config_try(test, FILE_TEXT, 0), -1);
        check_text(wrongs[i].variable, test->faults.data, wrongs[i].fault);
        unsetenv(wrongs[i].variable);
    }
}

static void overrides__leave_a_fault_of_the_file_where_it_is(void **state)
{
    struct config_test *test = *state;

    setenv("WAYBILL_LOG_LEVEL", "debug", 1);
    assert_string_equal(
        config_fault(test, "kafka: {brokers: \"h:1\"}\nlog: verbose\n"),
        ":2:6: log: must be a mapping, not a single value; its keys are level, "
        "format\n");
}

static void overrides__name_registrations_that_are_no_mapping(void **state)
{
    struct config_test *test = *state;

    setenv("WAYBILL_GHCR_USERNAME", "x", 1);
    assert_string_equal(
        config_fault(test, "registrations: [ghcr]\n"),
        ":1:17: registrations[0]: must be a mapping, not a single "
        "value; write each entry as 'key: value'\n");
}

/* --- warnings ------------------------------------------------------------- */

struct doubt {
    const char *variable;
    const char *warning; /* NULL: silence */
};

static const struct doubt doubts[] = {
    {"WAYBILL_KAFKA_BROKER",
     "environment: WAYBILL_KAFKA_BROKER: there is no such setting, so the "
     "variable is ignored; did you mean 'WAYBILL_KAFKA_BROKERS'?\n"},
    {"WAYBILL_OTHER_PASWORD",
     "environment: WAYBILL_OTHER_PASWORD: there is no such setting, so the "
     "variable is ignored; did you mean 'WAYBILL_OTHER_PASSWORD'?\n"},
    {"WAYBILL_CONFG",
     "environment: WAYBILL_CONFG: there is no such setting, so the variable is "
     "ignored; did you mean 'WAYBILL_CONFIG'?\n"},
    {"WAYBILL_SOMETHING_ELSE_ALTOGETHER",
     "environment: WAYBILL_SOMETHING_ELSE_ALTOGETHER: there is no such "
     "setting, "
     "so the variable is ignored\n"},
    {"WAYBILL_CONFIG", NULL},
    {"WAYBILLS", NULL},
    {"MY_WAYBILL_KAFKA_BROKERS", NULL},
    /* Kubernetes: a Service that is called waybill, or waybill-metrics */
    {"WAYBILL_SERVICE_HOST", NULL},
    {"WAYBILL_SERVICE_PORT", NULL},
    {"WAYBILL_SERVICE_PORT_HTTP_METRICS", NULL},
    {"WAYBILL_PORT", NULL},
    {"WAYBILL_PORT_9464_TCP", NULL},
    {"WAYBILL_PORT_9464_TCP_ADDR", NULL},
    {"WAYBILL_PORT_9464_TCP_PORT", NULL},
    {"WAYBILL_PORT_9464_TCP_PROTO", NULL},
    {"WAYBILL_METRICS_SERVICE_HOST", NULL},
    {"WAYBILL_METRICS_PORT_9464_TCP", NULL},
};

static void overrides__warn_of_names_that_mean_nothing(void **state)
{
    struct config_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(doubts); i++) {
        setenv(doubts[i].variable, "hunter2", 1);
        config_of(test, FILE_TEXT);
        check_text(doubts[i].variable, test->warnings.data,
                   doubts[i].warning ? doubts[i].warning : "");
        unsetenv(doubts[i].variable);
    }
}

static void overrides__warn_also_where_the_file_is_wrong(void **state)
{
    struct config_test *test = *state;

    setenv("WAYBILL_KAFKA_BROKER", "x", 1);
    config_fault(test, "kafka: {}\n");
    assert_non_null(strstr(test->warnings.data, "WAYBILL_KAFKA_BROKER: there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(overrides__win_over_the_file_and_the_defaults),
        CONFIG_TEST(overrides__of_a_registration_go_by_its_name),
        CONFIG_TEST(overrides__make_sections_that_the_file_does_not_have),
        CONFIG_TEST(overrides__that_are_empty_do_not_count),
        CONFIG_TEST(overrides__are_taken_without_the_line_end_behind_them),
        CONFIG_TEST(overrides__are_checked_like_the_file_and_not_shown),
        CONFIG_TEST(overrides__leave_a_fault_of_the_file_where_it_is),
        CONFIG_TEST(overrides__name_registrations_that_are_no_mapping),
        CONFIG_TEST(overrides__warn_of_names_that_mean_nothing),
        CONFIG_TEST(overrides__warn_also_where_the_file_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
