/* What is said to which request, of a service that is what the test says. */

#include "admin/admin_internal.h"
#include "asserts.h"
#include "waybill/json.h"

static struct registration registrations[] = {
    {"ghcr", "oci-registry", NULL},
    {"we\"ird\\", "oci-registry", NULL},
};
static const struct histogram_bounds bounds = {2, {1, 10}};
static struct registration_counts registration_counts[2];
static struct service_counts counts;
static struct status_partition partitions[2];
static struct status_registration rows[2];
static struct status_record oldest[1];
static struct status_outcome outcome;
static const struct status_outcome *recent[] = {&outcome};
static struct error last_error;
static struct status status;
static struct settings settings;
static struct answering answering;
static int looks;

static void on_look(void *payload, struct arena *arena,
                    struct status *ret_status)
{
    looks++;
    *ret_status = status;
}

static const struct admin_version versions[] = {{"waybill", "1.2"},
                                                {"cJSON", "1.7"}};
static const struct admin_options options = {
    .settings = &settings,
    .versions = versions,
    .version_count = 2,
    .look = on_look,
};

static void fill_rows(void)
{
    for (size_t i = 0; i < 2; i++) {
        registration_counts[i] = (struct registration_counts){0};
        histogram_init(&registration_counts[i].duration, &bounds);
        rows[i] = (struct status_registration){
            .registration = &registrations[i],
            .counts = &registration_counts[i],
            .host = "ghcr.io",
        };
        partitions[i] = (struct status_partition){
            .topic = "in", .partition = (int32_t)i, .watermark = -1, .lag = -1};
    }
    oldest[0] = (struct status_record){
        .topic = "in", .offset = 7, .id = "e<1>", .state = "running"};
    outcome = (struct status_outcome){.id = "e2",
                                      .topic = "in",
                                      .status = OUTCOME_FAILED,
                                      .error = ERROR_REJECTED,
                                      .at_ms = 1767323045000};
}

static int begin(void **state)
{
    looks = 0;
    counts = (struct service_counts){0};
    histogram_init(&counts.age, &bounds);
    histogram_init(&counts.loop_lag, &bounds);
    fill_rows();
    settings = (struct settings){0};
    digest_of("", 0, &settings.revision);
    status = (struct status){
        .now_ms = 1767323045678,
        .started_ms = 1767323000000,
        .config = {.revision = &settings.revision},
        .brokers = "h:1",
        .group = "g",
        .topic = "in",
        .partitions = partitions,
        .partition_count = 2,
        .registrations = rows,
        .registration_count = 2,
        .oldest = oldest,
        .oldest_count = 1,
        .recent = recent,
        .recent_count = 1,
        .counts = &counts,
    };
    answering.options = &options;
    answering.loopback = true;
    page_make(&answering.page);
    return 0;
}

static int finish(void **state)
{
    page_release(&answering.page);
    return 0;
}

static struct answer given;

static unsigned ask_with(struct question question)
{
    str_release(&given.body);
    answer(&answering, &question, &given);
    return given.status;
}

static unsigned ask(const char *path)
{
    return ask_with((struct question){.method = "GET", .path = path});
}

/* --- requests --------------------------------------------------------------
 */

static void answer__is_only_for_get_and_head(void **state)
{
    static const char *const methods[] = {"POST",  "PUT", "DELETE", "OPTIONS",
                                          "TRACE", "get", ""};

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        check_number(methods[i],
                     ask_with((struct question){.method = methods[i],
                                                .path = "/status"}),
                     405);
        check_text(methods[i], given.allow, "GET, HEAD");
    }
    assert_int_equal(
        ask_with((struct question){.method = "HEAD", .path = "/livez"}), 200);
    assert_int_equal(ask_with((struct question){
                         .method = "GET", .path = "/livez", .has_body = true}),
                     413);
    assert_int_equal(looks, 0);
}

static void answer__knows_five_paths(void **state)
{
    static const char *const none[] = {"",   "/status/",       "/statuz",
                                       "//", "/../etc/passwd", "/favicon.ico"};

    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        check_number(none[i], ask(none[i]), 404);
    }
    assert_int_equal(ask("/"), 200);
    assert_string_equal(given.type, "text/html; charset=utf-8");
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(looks, 0); /* alive is whoever answers */
    assert_int_equal(ask("/metrics"), 200);
    assert_int_equal(ask("/status"), 200);
    assert_int_equal(ask("/readyz"), 200);
    assert_int_equal(looks, 3);
}

static void answer__wants_the_token_where_there_is_one(void **state)
{
    static const struct {
        const char *authorization;
        unsigned status;
    } cases[] = {
        {NULL, 401},
        {"", 401},
        {"Bearer", 401},
        {"Bearer ", 401},
        {"Bearer s3cre", 401},
        {"Bearer s3cret ", 401},
        {"Basic s3cret", 401},
        {"s3cret", 401},
        {"Bearer s3cret", 200},
        {"bearer s3cret", 200},
    };

    settings.admin.token = "s3cret";
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct question question = {.method = "GET",
                                          .path = "/status",
                                          .authorization =
                                              cases[i].authorization,
                                          .host = "w.example.com"};
        const char *label = cases[i].authorization;

        check_number(label ? label : "none", ask_with(question),
                     cases[i].status);
        check(label ? label : "none",
              (given.challenge != NULL) == (cases[i].status == 401));
        check("not told", strstr(given.body.data, "s3cret") == NULL);
    }
    assert_int_equal(ask("/metrics"), 401);
    assert_int_equal(ask("/"), 200);
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(ask("/readyz"), 200);
}

/* DNS rebinding: a name of somebody else's that points to the loopback */
static void answer__is_not_for_foreign_names_on_the_loopback(void **state)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        {"127.0.0.1:9464", 200},
        {"localhost:9464", 200},
        {"LOCALHOST", 200},
        {"[::1]:9464", 200},
        {"10.0.0.1", 200},
        {NULL, 200},
        {"evil.example", 403},
        {"evil.example:9464", 403},
        {"localhost.evil.example", 403},
        {"127.0.0.1.evil.example", 403},
        {"[evil.example]:9464", 403},
        {"", 403},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct question question = {
            .method = "GET", .path = "/status", .host = cases[i].host};

        check_number(cases[i].host ? cases[i].host : "none", ask_with(question),
                     cases[i].status);
    }
    answering.loopback =
        false; /* a service of that name is meant to be asked */
    assert_int_equal(ask_with((struct question){.method = "GET",
                                                .path = "/metrics",
                                                .host = "waybill.ns.svc:9464"}),
                     200);
}

/* --- what is said ----------------------------------------------------------
 */

static void readyz__says_why_not(void **state)
{
    assert_int_equal(ask("/readyz"), 200);
    assert_string_equal(given.body.data, "{\"ready\":true,\"reasons\":[]}\n");
    status.reasons[0] = "no assignment";
    status.reason_count = 1;
    assert_int_equal(ask("/readyz"), 503);
    assert_string_equal(given.body.data,
                        "{\"ready\":false,\"reasons\":[\"no assignment\"]}\n");
}

static void status__is_json_whatever_stands_in_it(void **state)
{
    struct json *json;
    struct error err;

    error_fill(&last_error, ERROR_UNREACHABLE, "'\"\n</script>");
    rows[1].last_error = &last_error;
    rows[1].last_error_ms = 1767323045000;
    rows[1].state = REGISTRATION_DOWN;
    assert_int_equal(ask("/status"), 200);
    assert_int_equal(json_parse(given.body.data, given.body.len, &json, &err),
                     0);
    assert_string_equal(json_text(json_member(json, "now")),
                        "2026-01-02T03:04:05.678Z");
    check_contains("state", given.body.data, "\"state\":\"down\"");
    check_contains("class", given.body.data, "\"class\":\"rejected\"");
    assert_null(strstr(given.body.data, "\"lag\"")); /* it is not known */
    json_free(json);
}

static void metrics__are_all_there_from_the_start(void **state)
{
    static const char *const series[] = {
        "waybill_build_info{version=\"1.2\",cjson=\"1.7\"} 1\n",
        "waybill_ready 1\n",
        "waybill_records_consumed_total{topic=\"in\"} 0\n",
        "waybill_records_completed_total{topic=\"in\",result=\"skipped\"} 0\n",
        "waybill_record_age_seconds_count 0\n",
        "waybill_last_completed_timestamp_seconds 0\n",
        "waybill_deliveries_total{integration=\"oci-registry\","
        "registration=\"ghcr\",result=\"failed\"} 0\n",
        "registration=\"we\\\"ird\\\\\",result=\"succeeded\"} 0\n",
        "waybill_delivery_retries_total{integration=\"oci-registry\","
        "registration=\"ghcr\",kind=\"rate_limited\"} 0\n",
        "waybill_delivery_duration_seconds_bucket{integration=\"oci-registry\","
        "registration=\"ghcr\",le=\"+Inf\"} 0\n",
        "waybill_dead_letters_total{topic=\"in\",kind=\"schema\"} 0\n",
        "waybill_transactions_total{result=\"aborted\"} 0\n",
        "waybill_rebalances_total 0\n",
        "waybill_log_messages_total{level=\"error\"} ",
        "process_resident_memory_bytes ",
    };

    assert_int_equal(ask("/metrics"), 200);
    for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
        check_contains(series[i], given.body.data, series[i]);
    }
    assert_int_equal(given.body.data[given.body.len - 1], '\n');
    /* One that is not known is left out, rather than said to be 0. */
    assert_null(strstr(given.body.data, "lag_records{"));
    partitions[1].lag = 12;
    ask("/metrics");
    check_contains(
        "lag", given.body.data,
        "waybill_consumer_lag_records{topic=\"in\",partition=\"1\"} 12\n");
}

static void metrics__name_each_class_of_dead_letters_once(void **state)
{
    const char *line;

    counts.dead_letters[ERROR_UNREACHABLE] = 2;
    counts.dead_letters[ERROR_ATTEMPTS_EXHAUSTED] = 3;
    ask("/metrics");
    line = strstr(given.body.data, "kind=\"attempts_exhausted\"} 5\n");
    assert_non_null(line);
    assert_null(strstr(line + 1, "kind=\"attempts_exhausted\""));
}

/* wire format, section 2; also those that this version does not write */
static void metrics__have_a_series_for_each_class_from_the_start(void **state)
{
    static const char *const classes[] = {
        "schema",     "config",       "auth",
        "not_found",  "too_large",    "rejected",
        "expired",    "verification", "attempts_exhausted",
        "digest_mismatch"};

    ask("/metrics");
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        char series[128];

        snprintf(series, sizeof(series),
                 "waybill_dead_letters_total{topic=\"in\",kind=\"%s\"} 0\n",
                 classes[i]);
        check_contains(classes[i], given.body.data, series);
    }
}

/* A kind that ends a delivery at once has no series. */
static void metrics__name_each_kind_that_is_attempted_again(void **state)
{
    static const char *const kinds[] = {"auth", "unreachable", "unavailable",
                                        "rate_limited", "interrupted"};
    const char *line;
    size_t count = 0;

    ask("/metrics");
    line = given.body.data;
    while ((line = strstr(line, "\nwaybill_delivery_retries_total{")) != NULL) {
        line++;
        count++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char label[64];

        snprintf(label, sizeof(label), "kind=\"%s\"} 0\n", kinds[i]);
        check_contains(kinds[i],
                       strstr(given.body.data, "waybill_delivery_retries_total{"),
                       label);
    }
    assert_int_equal(count, ARRAY_SIZE(kinds) * ARRAY_SIZE(rows));
}

#define ANSWER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANSWER_TEST(answer__is_only_for_get_and_head),
        ANSWER_TEST(answer__knows_five_paths),
        ANSWER_TEST(answer__wants_the_token_where_there_is_one),
        ANSWER_TEST(answer__is_not_for_foreign_names_on_the_loopback),
        ANSWER_TEST(readyz__says_why_not),
        ANSWER_TEST(status__is_json_whatever_stands_in_it),
        ANSWER_TEST(metrics__are_all_there_from_the_start),
        ANSWER_TEST(metrics__name_each_class_of_dead_letters_once),
        ANSWER_TEST(metrics__have_a_series_for_each_class_from_the_start),
        ANSWER_TEST(metrics__name_each_kind_that_is_attempted_again),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    str_release(&given.body);
    return failed;
}
