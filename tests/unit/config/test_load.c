#include "config_file.h"
#include "waybill/log.h"

#define KAFKA "kafka: {brokers: \"h:1\"}\n"
#define GHCR "registrations:\n  - {name: ghcr, repository: ghcr.io/acme/a}\n"

static void load__fills_in_every_default(void **state)
{
    const struct settings *settings =
        config_of(*state, "kafka:\n  brokers: a:1,b:2\n" GHCR
                          "attachments:\n  - registration: ghcr\n"
                          "    workflow: {id: w1}\n");
    const struct delivery_settings *delivery = &settings->delivery;

    assert_string_equal(settings->kafka.brokers, "a:1,b:2");
    assert_string_equal(settings->kafka.group, "waybill");
    assert_string_equal(settings->kafka.topics.attestations, "attestations");
    assert_string_equal(settings->kafka.topics.outcomes,
                        "attestation-outcomes");
    assert_string_equal(settings->kafka.topics.dead_letters,
                        "attestation-dead-letters");
    assert_int_equal(settings->kafka.outcome_mode, OUTCOME_BINARY);
    assert_null(settings->kafka.transactional_id);
    assert_int_equal(settings->kafka.properties.count, 0);
    assert_int_equal(delivery->concurrency, 32);
    assert_int_equal(delivery->max_records, 1000);
    assert_int_equal(delivery->max_bytes, 64 << 20);
    assert_int_equal(delivery->max_event_size, 16 << 20);
    assert_int_equal(delivery->max_attempts, 10);
    assert_int_equal(delivery->max_age_ms, 24 * 3600 * 1000);
    assert_int_equal(delivery->backoff_initial_ms, 500);
    assert_int_equal(delivery->backoff_max_ms, 30000);
    assert_int_equal(delivery->hold_retry_ms, 60000);
    assert_int_equal(delivery->connect_timeout_ms, 10000);
    assert_int_equal(delivery->answer_timeout_ms, 120000);
    assert_int_equal(delivery->drain_ms, 10000);
    assert_int_equal(settings->log.level, LOG_INFO);
    assert_int_equal(settings->log.format, LOG_AUTO);
    assert_int_equal(settings->registration_count, 1);
    assert_string_equal(settings->registrations[0].integration, "oci-registry");
    assert_int_equal(settings->attachment_count, 1);
    assert_string_equal(((struct config_test *)*state)->warnings.data, "");
}

static void load__reads_where_to_be_watched(void **state)
{
    const struct settings *settings =
        config_of(*state, KAFKA "admin:\n"
                                "  listen: '[::1]:0'\n"
                                "  token: s3cret\n"
                                "  tls_certificate: /etc/a.crt\n"
                                "  tls_key: /etc/a.key\n");

    assert_string_equal(settings->admin.listen, "[::1]:0");
    assert_string_equal(settings->admin.token, "s3cret");
    assert_string_equal(settings->admin.tls_certificate, "/etc/a.crt");
    assert_string_equal(settings->admin.tls_key, "/etc/a.key");
    settings = config_of(*state, KAFKA "admin: {listen: off}\n");
    assert_string_equal(settings->admin.listen, ADMIN_OFF);
    assert_null(settings->admin.token);
    settings = config_of(*state, KAFKA);
    assert_null(settings->admin.listen);
}

static void load__knows_its_file_by_a_digest(void **state)
{
    const struct settings *settings = config_of(*state, KAFKA);
    struct digest digest;

    digest_of(KAFKA, strlen(KAFKA), &digest);
    assert_string_equal(settings->revision.text, digest.text);
}

static void load__reads_every_setting(void **state)
{
    const struct settings *settings =
        config_of(*state, "# a comment\n"
                          "kafka:\n"
                          "  brokers: h:1   # and another\n"
                          "  group: \"g-1\"\n"
                          "  topics:\n"
                          "    attestations: in\n"
                          "    outcomes: out\n"
                          "    dead_letters: dead\n"
                          "  outcome_mode: structured\n"
                          "  transactional_id: waybill-0\n"
                          "  properties:\n"
                          "    security.protocol: SSL\n"
                          "    socket.timeout.ms: 5000\n"
                          "    enable.ssl.certificate.verification: false\n"
                          "delivery:\n"
                          "  concurrency: 1\n"
                          "  max_records: 100000\n"
                          "  max_bytes: 1GiB\n"
                          "  max_event_size: 65536\n"
                          "  max_attempts: 007\n"
                          "  max_age: 365d\n"
                          "  backoff_initial: 10ms\n"
                          "  backoff_max: 1h\n"
                          "  hold_retry: 2m\n"
                          "  connect_timeout: 3s\n"
                          "  answer_timeout: '4s'\n"
                          "  drain: 0s\n"
                          "log: {level: error, format: logfmt}\n");
    const struct delivery_settings *delivery = &settings->delivery;
    const struct field_map *properties = &settings->kafka.properties;

    assert_string_equal(settings->kafka.group, "g-1");
    assert_string_equal(settings->kafka.topics.attestations, "in");
    assert_string_equal(settings->kafka.topics.outcomes, "out");
    assert_string_equal(settings->kafka.topics.dead_letters, "dead");
    assert_int_equal(settings->kafka.outcome_mode, OUTCOME_STRUCTURED);
    assert_string_equal(settings->kafka.transactional_id, "waybill-0");
    assert_int_equal(properties->count, 3);
    assert_string_equal(properties->pairs[0].key, "security.protocol");
    assert_string_equal(properties->pairs[0].value, "SSL");
    assert_string_equal(properties->pairs[1].value, "5000");
    assert_string_equal(properties->pairs[2].value, "false");
    assert_int_equal(delivery->concurrency, 1);
    assert_int_equal(delivery->max_records, 100000);
    assert_int_equal(delivery->max_bytes, 1 << 30);
    assert_int_equal(delivery->max_event_size, 65536);
    assert_int_equal(delivery->max_attempts, 7);
    assert_true(delivery->max_age_ms == 365ULL * 86400000);
    assert_int_equal(delivery->backoff_initial_ms, 10);
    assert_int_equal(delivery->backoff_max_ms, 3600000);
    assert_int_equal(delivery->hold_retry_ms, 120000);
    assert_int_equal(delivery->connect_timeout_ms, 3000);
    assert_int_equal(delivery->answer_timeout_ms, 4000);
    assert_int_equal(delivery->drain_ms, 0);
    assert_int_equal(settings->log.level, LOG_ERROR);
    assert_int_equal(settings->log.format, LOG_LOGFMT);
}

static void load__needs_kafka_only_where_it_is_spoken_to(void **state)
{
    struct config_test *test = *state;

    config_of(test, GHCR "attachments: []\n");
    assert_null(test->settings->kafka.brokers);
    assert_int_equal(config_try(test, GHCR, CONFIG_REQUIRES_REGISTRATIONS), 0);
    assert_int_equal(config_try(test, GHCR, CONFIG_REQUIRES_KAFKA), -1);
    assert_int_equal(config_try(test, KAFKA, CONFIG_REQUIRES_KAFKA), 0);
    assert_int_equal(config_try(test, KAFKA, CONFIG_REQUIRES_REGISTRATIONS),
                     -1);
    assert_int_equal(
        config_try(test, KAFKA GHCR,
                   CONFIG_REQUIRES_KAFKA | CONFIG_REQUIRES_REGISTRATIONS),
        0);
}

static void load__warns_where_every_event_would_be_skipped(void **state)
{
    struct config_test *test = *state;

    config_of(test, GHCR);
    check_contains(
        GHCR, test->warnings.data,
        ":1:1: attachments: there are none, so every event is skipped; "
        "add one for each workflow to deliver\n");
}

static void load__takes_a_section_of_comments_for_an_empty_one(void **state)
{
    const struct settings *settings =
        config_of(*state, KAFKA "delivery:\n  # drain: 1s\nlog: {}\n"
                                "registrations:\nattachments: ~\n");

    assert_int_equal(settings->delivery.drain_ms, 10000);
    assert_int_equal(settings->registration_count, 0);
    assert_int_equal(settings->attachment_count, 0);
}

struct form {
    const char *label;
    const char *text;
};

/* All of these are equivalent. */
static const struct form forms[] = {
    {"block", "kafka:\n  brokers: h:1\n  group: g\n"},
    {"flow", "kafka: {brokers: \"h:1\", group: g}\n"},
    {"JSON", "{\"kafka\": {\"brokers\": \"h:1\", \"group\": \"g\"}}"},
    {"marked", "---\nkafka:\n  brokers: h:1\n  group: g\n...\n"},
    {"version", "%YAML 1.1\n---\nkafka:\n  brokers: h:1\n  group: g\n"},
    {"windows", "\xEF\xBB\xBFkafka:\r\n  brokers: h:1\r\n  group: g\r\n"},
    {"core tags", "kafka: !!map\n  brokers: !!str h:1\n  group: ! g\n"},
    {"anchors that nobody uses", "kafka: &a\n  brokers: h:1\n  group: g\n"},
    {"folded", "kafka:\n  brokers: >-\n    h:1\n  group: |-\n    g\n"},
    {"no line end", "kafka:\n  brokers: h:1\n  group: g"},
};

static void load__reads_yaml_in_its_forms(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        const struct settings *settings = config_of(*state, forms[i].text);

        check_text(forms[i].label, settings->kafka.brokers, "h:1");
        check_text(forms[i].label, settings->kafka.group, "g");
    }
}

/* --- registrations and attachments ---------------------------------------- */

#define TWO                                                                    \
    "registrations:\n"                                                         \
    "  - {name: ghcr, repository: ghcr.io/acme/a}\n"                           \
    "  - name: house.1\n"                                                      \
    "    integration: oci-registry\n"                                          \
    "    repository: registry.house:5000/x\n"                                  \
    "    username: bot\n"                                                      \
    "    password: pw\n"                                                       \
    "    plain_http: true\n"

static void load__attaches_workflows_to_registrations(void **state)
{
    const struct settings *settings = config_of(
        *state, TWO "attachments:\n"
                    "  - {registration: house.1, workflow: {id: w1}}\n"
                    "  - {registration: ghcr, workflow: {project: p}}\n"
                    "  - {registration: ghcr, workflow: {name: \"b*\"}, "
                    "name: mine}\n");
    const struct attachment *attachments = settings->attachments;

    assert_int_equal(settings->registration_count, 2);
    assert_string_equal(settings->registrations[1].name, "house.1");
    assert_int_equal(settings->attachment_count, 3);
    assert_ptr_equal(attachments[0].registration, &settings->registrations[1]);
    assert_ptr_equal(attachments[1].registration, &settings->registrations[0]);
    assert_string_equal(attachments[0].workflow.id, "w1");
    assert_null(attachments[0].workflow.name);
    assert_string_equal(attachments[1].workflow.project, "p");
    assert_null(attachments[1].workflow.name);
    assert_string_equal(attachments[2].workflow.name, "b*");
    assert_string_equal(attachments[2].name, "mine");
    assert_string_equal(attachments[2].registration_name, "ghcr");
}

struct named {
    const char *attachment;
    const char *name;
};

static const struct named names[] = {
    {"workflow: {id: w1}", "ghcr:w1"},
    {"workflow: {project: p, name: n}", "ghcr:p/n"},
    {"workflow: {project: p}", "ghcr:p/*"},
    {"workflow: {name: \"b-*\"}", "ghcr:*/b-*"},
    {"workflow: {id: w1}, prefix: acme", "ghcr:w1:acme"},
    {"workflow: {name: n}, prefix: a/b", "ghcr:*/n:a/b"},
    {"workflow: {id: w1}, name: mine, prefix: acme", "mine"},
};

static void load__names_attachments_that_have_no_name(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char text[256];
        const struct settings *settings;

        snprintf(text, sizeof(text),
                 GHCR "attachments:\n  - {registration: ghcr, %s}\n",
                 names[i].attachment);
        settings = config_of(*state, text);
        check_text(text, settings->attachments[0].name, names[i].name);
    }
}

/* The ids of outcomes are derived from it. */
static void load__gives_names_that_do_not_hang_on_the_order(void **state)
{
    const struct settings *settings = config_of(
        *state, GHCR "attachments:\n"
                     "  - {registration: ghcr, workflow: {id: w2}}\n"
                     "  - {registration: ghcr, workflow: {id: w1}}\n");

    assert_string_equal(settings->attachments[0].name, "ghcr:w2");
    assert_string_equal(settings->attachments[1].name, "ghcr:w1");
}

/* --- WAYBILL_CONFIG and the default paths --------------------------------- */

static void load__takes_a_list_of_brokers(void **state)
{
    static const char *const good[] = {"h:1",
                                       "a:1,b:2",
                                       "a,b:2",
                                       "a:1,,b:2,",
                                       "[::1]:9092,10.0.0.1:9092",
                                       "under_score.svc.cluster.local:9092"};
    static const char *const bad[] = {
        "h",        "a,b",       ",",
        "h:x",      "h:99999",   "a:1, b:2",
        "::1:9092", "[::1:9092", "PLAINTEXT://h:1",
        "u@h:1",    ":9092",     "a:1,b:"};
    char text[128];

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        snprintf(text, sizeof(text), "kafka: {brokers: \"%s\"}\n", good[i]);
        check_text(good[i], config_of(*state, text)->kafka.brokers, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        snprintf(text, sizeof(text), "kafka: {brokers: \"%s\"}\n", bad[i]);
        check_contains(bad[i], config_fault(*state, text),
                       "cannot be used: brokers are host:port");
    }
}

static void load__finds_its_file(void **state)
{
    struct config_test *test = *state;

    assert_int_equal(chdir(test->folder), 0);
    setenv("WAYBILL_CONFIG", "named.yaml", 1);
    assert_string_equal(config_path("given.yaml"), "given.yaml");
    assert_string_equal(config_path(NULL), "named.yaml");
    setenv("WAYBILL_CONFIG", "", 1);
    config_write(test, "config.yaml", "", 0);
    assert_string_equal(config_path(NULL), "config.yaml");
    unsetenv("WAYBILL_CONFIG");
    assert_string_equal(config_path(NULL), "config.yaml");
    assert_int_equal(chdir("/"), 0);
}

static void load__frees_nothing(void **state)
{
    settings_free(NULL);
    assert_true(strlen(config_library_version()) > 0);
}

/* A fault that only the creation of the clients shows is reported at its
 * property. */
static void load__names_the_line_of_what_the_clients_reject(void **state)
{
    struct config_test *test = *state;
    const char *property = "kafka:\n"
                           "  brokers: h:1\n"
                           "  properties:\n"
                           "    client.rack: a\n"
                           "    linger.ms: 5\n";
    const char *section = "kafka: {brokers: 'h:1', group: bad}\n";

    assert_int_equal(config_try(test, property, 0), 0);
    assert_int_equal(config_try(test, property, CONFIG_CHECKS_CLIENTS), -1);
    assert_non_null(strstr(test->faults.data,
                           ":5:5: kafka.properties.linger.ms: too long\n"));
    assert_int_equal(config_try(test, section, CONFIG_CHECKS_CLIENTS), -1);
    assert_non_null(
        strstr(test->faults.data, ":1:8: kafka.properties: a bad group\n"));
    assert_int_equal(
        config_try(test, "log: {level: info}\n" GHCR, CONFIG_CHECKS_CLIENTS),
        0);
    assert_int_equal(
        config_try(test, "log: {level: info}\n", CONFIG_CHECKS_CLIENTS), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(load__fills_in_every_default),
        CONFIG_TEST(load__reads_every_setting),
        CONFIG_TEST(load__reads_where_to_be_watched),
        CONFIG_TEST(load__knows_its_file_by_a_digest),
        CONFIG_TEST(load__names_the_line_of_what_the_clients_reject),
        CONFIG_TEST(load__needs_kafka_only_where_it_is_spoken_to),
        CONFIG_TEST(load__warns_where_every_event_would_be_skipped),
        CONFIG_TEST(load__takes_a_section_of_comments_for_an_empty_one),
        CONFIG_TEST(load__reads_yaml_in_its_forms),
        CONFIG_TEST(load__attaches_workflows_to_registrations),
        CONFIG_TEST(load__names_attachments_that_have_no_name),
        CONFIG_TEST(load__gives_names_that_do_not_hang_on_the_order),
        CONFIG_TEST(load__takes_a_list_of_brokers),
        CONFIG_TEST(load__finds_its_file),
        CONFIG_TEST(load__frees_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
