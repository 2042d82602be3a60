/* The admin port over a real socket: the response to each request, for a
 * service in the state that the test sets */

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asserts.h"
#include "waybill/address.h"
#include "waybill/admin.h"
#include "waybill/json.h"

static struct registration registrations[] = {
    {"ghcr", "oci-registry", NULL, NULL},
    {"we\"ird\\", "oci-registry", NULL, NULL},
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
static struct loop *loop;
static struct admin *admin;
static int looks;

static void get_status(void *payload, struct arena *arena,
                       struct status *ret_status)
{
    looks++;
    *ret_status = status;
}

static void get_deliveries(void *payload, const struct position *position,
                           struct arena *arena,
                           struct status_deliveries *ret_deliveries)
{
    static struct status_delivery deliveries[] = {
        {.attachment = "ghcr:shop",
         .registration = "ghcr",
         .endpoint = "ghcr.io",
         .wait = WAIT_DOWN,
         .attempts = 3,
         .since_ms = 1767323045000,
         .next_ms = 1767323046000,
         .reason = "no \"answer\""},
        {.wait = WAIT_COMMIT},
    };
    bool is_known = strcmp(position->topic, "in") == 0 &&
                    position->partition == 3 && position->offset == 42;

    *ret_deliveries =
        is_known ? (struct status_deliveries){true, 61000, deliveries, 2}
                 : (struct status_deliveries){0};
}

static const struct admin_version versions[] = {{"waybill", "1.2"},
                                                {"cJSON", "1.7"}};
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
        partitions[i] = (struct status_partition){.topic = "in",
                                                  .partition = (int32_t)i,
                                                  .watermark = -1,
                                                  .lag = -1,
                                                  .unreadable = -1};
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
        .outputs = {{.name = "out"}, {.name = "dead"}},
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
    loop = loop_new(clock_system());
    return 0;
}

static void listen_on(const char *address)
{
    const struct admin_options options = {
        .loop = loop,
        .settings = &settings,
        .versions = versions,
        .version_count = ARRAY_SIZE(versions),
        .get_status = get_status,
        .get_deliveries = get_deliveries,
    };
    struct error err;

    settings.admin.listen = address;
    if (admin_open(&options, &admin, &err) < 0) {
        print_error("%s\n", err.message);
        fail();
    }
}

static int begin_on_loopback(void **state)
{
    begin(state);
    listen_on("127.0.0.1:0");
    return 0;
}

static int finish(void **state)
{
    admin_free(admin);
    admin = NULL;
    loop_free(loop);
    return 0;
}

/* --- a client --------------------------------------------------------------
 */

struct request {
    const char *method; /* NULL: GET */
    const char *path;
    const char *headers; /* "Name: value\r\n" for each */
};

static struct str given; /* the complete response */

static int connect_to_port(void)
{
    struct address address;
    struct error err;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET};

    assert_int_equal(address_parse(admin_address(admin), &address, &err), 0);
    /* The port is in the same position for both families. */
    to.sin_port = ((struct sockaddr_in *)&address.socket)->sin_port;
    to.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK); /* if it listens on all addresses */
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Turns the loop until the server has closed the connection. */
static void read_answer(int fd)
{
    char buffer[65536];
    ssize_t got;

    do {
        struct pollfd readable = {.fd = fd, .events = POLLIN};

        while (poll(&readable, 1, 0) == 0) {
            loop_turn(loop, true);
        }
        got = read(fd, buffer, sizeof(buffer));
        assert_true(got >= 0);
        str_append(&given, buffer, (size_t)got);
    } while (got > 0);
}

static unsigned ask_with(struct request request)
{
    int fd = connect_to_port();

    str_release(&given);
    str_init(&given, STR_UNLIMITED);
    dprintf(fd, "%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n",
            request.method ? request.method : "GET", request.path,
            request.headers ? request.headers : "Host: localhost\r\n");
    read_answer(fd);
    close(fd);
    assert_true(strncmp(given.data, "HTTP/1.1 ", 9) == 0);
    return (unsigned)strtoul(given.data + 9, NULL, 10);
}

static unsigned ask(const char *path)
{
    return ask_with((struct request){.path = path});
}

static const char *body(void)
{
    return strstr(given.data, "\r\n\r\n") + 4;
}

/* The value of that header, or NULL */
static const char *header(const char *name)
{
    static char value[1024];
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    const char *at;

    str_printf(&line, "\n%s: ", name);
    at = strcasestr(given.data, line.data);
    if (at == NULL || at > body()) {
        return NULL;
    }
    at += line.len;
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* --- requests --------------------------------------------------------------
 */

static void answer__is_only_for_get_and_head(void **state)
{
    static const char *const methods[] = {"POST",    "PUT",   "DELETE",
                                          "OPTIONS", "TRACE", "get"};

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        check_number(methods[i],
                     ask_with((struct request){methods[i], "/status", NULL}),
                     405);
        check_text(methods[i], header("Allow"), "GET, HEAD");
    }
    assert_int_equal(ask_with((struct request){"HEAD", "/livez", NULL}), 200);
    assert_string_equal(body(), "");
    assert_int_equal(
        ask_with((struct request){NULL, "/livez",
                                  "Host: localhost\r\nContent-Length: 3\r\n"}),
        413);
    assert_int_equal(looks, 0);
}

static void answer__knows_six_paths(void **state)
{
    static const char *const none[] = {
        "/status/",       "/statuz",       "//",
        "/../etc/passwd", "/favicon.ico",  "/records",
        "/records/",      "/records/3/42", "/records/in/3/x"};

    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        check_number(none[i], ask(none[i]), 404);
    }
    assert_int_equal(ask("/"), 200);
    assert_string_equal(header("Content-Type"), "text/html; charset=utf-8");
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(looks, 0); /* the process is alive if it answers */
    assert_int_equal(ask("/metrics"), 200);
    assert_int_equal(ask("/status"), 200);
    assert_int_equal(ask("/readyz"), 200);
    assert_int_equal(looks, 3);
    assert_int_equal(ask("/records/in/3/42"), 200);
}

static void records__says_what_the_deliveries_wait_for(void **state)
{
    assert_int_equal(ask("/records/in/3/42"), 200);
    assert_string_equal(header("Content-Type"), "application/json");
    assert_string_equal(
        body(), "{\"in_memory\":true,\"age_ms\":61000,\"deliveries\":["
                "{\"attachment\":\"ghcr:shop\",\"registration\":\"ghcr\","
                "\"host\":\"ghcr.io\",\"waits_for\":\"endpoint_down\","
                "\"attempts\":3,\"since\":\"2026-01-02T03:04:05.000Z\","
                "\"next_attempt\":\"2026-01-02T03:04:06.000Z\","
                "\"reason\":\"no \\\"answer\\\"\"},"
                "{\"waits_for\":\"committing\",\"attempts\":0}]}\n");
    assert_int_equal(ask("/records/in/3/43"), 200);
    assert_string_equal(body(), "{\"in_memory\":false,\"deliveries\":[]}\n");
}

static void answer__wants_the_token_where_there_is_one(void **state)
{
    static const struct {
        const char *authorization;
        unsigned status;
    } cases[] = {
        {"", 401},
        {"Authorization: \r\n", 401},
        {"Authorization: Bearer\r\n", 401},
        {"Authorization: Bearer s3cre\r\n", 401},
        {"Authorization: Bearer s3crets\r\n", 401},
        {"Authorization: Basic s3cret\r\n", 401},
        {"Authorization: s3cret\r\n", 401},
        {"Authorization: Bearer s3cret\r\n", 200},
        {"Authorization: bearer s3cret\r\n", 200},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();

    settings.admin.token = "s3cret";
    listen_on("127.0.0.1:0");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *label = cases[i].authorization;
        const char *headers =
            arena_printf(arena, "Host: w.example.com\r\n%s", label);

        check_number(label,
                     ask_with((struct request){NULL, "/status", headers}),
                     cases[i].status);
        check(label,
              (header("WWW-Authenticate") != NULL) == (cases[i].status == 401));
        check("not told", strstr(given.data, "s3cret") == NULL);
    }
    assert_int_equal(ask("/metrics"), 401);
    assert_int_equal(ask("/"), 200);
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(ask("/readyz"), 200);
}

/* DNS rebinding: a host name of an attacker that resolves to the loopback
 * address */
static void answer__is_not_for_foreign_names_on_the_loopback(void **state)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        {"Host: 127.0.0.1:9464\r\n", 200},
        {"Host: localhost:9464\r\n", 200},
        {"Host: LOCALHOST\r\n", 200},
        {"Host: [::1]:9464\r\n", 200},
        {"Host: 10.0.0.1\r\n", 200},
        {"Host: evil.example\r\n", 403},
        {"Host: evil.example:9464\r\n", 403},
        {"Host: localhost.evil.example\r\n", 403},
        {"Host: 127.0.0.1.evil.example\r\n", 403},
        {"Host: [evil.example]:9464\r\n", 403},
        {"Host: \r\n", 403},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_number(cases[i].host,
                     ask_with((struct request){NULL, "/status", cases[i].host}),
                     cases[i].status);
    }
}

/* A request to a service of that name is intended. */
static void answer__is_for_any_name_where_others_reach_it(void **state)
{
    listen_on("0.0.0.0:0");
    assert_int_equal(ask_with((struct request){
                         NULL, "/metrics", "Host: waybill.ns.svc:9464\r\n"}),
                     200);
    assert_true(admin_is_exposed(admin));
}

/* Manifests use it in networks of either family, or of both. */
static void answer__is_for_ipv4_too_on_all_addresses_of_ipv6(void **state)
{
    listen_on("[::]:0");
    assert_int_equal(ask("/livez"), 200);
    assert_true(admin_is_exposed(admin));
}

/* --- the responses -----------------------------------------------------------
 */

static void readyz__says_why_not(void **state)
{
    assert_int_equal(ask("/readyz"), 200);
    assert_string_equal(body(), "{\"ready\":true,\"reasons\":[]}\n");
    status.reasons = (const char *[]){"no assignment"};
    status.reason_count = 1;
    assert_int_equal(ask("/readyz"), 503);
    assert_string_equal(body(),
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
    assert_int_equal(json_parse(body(), strlen(body()), &json, &err), 0);
    assert_string_equal(json_text(json_member(json, "now")),
                        "2026-01-02T03:04:05.678Z");
    check_contains("state", body(), "\"state\":\"down\"");
    check_contains("class", body(), "\"class\":\"rejected\"");
    assert_null(strstr(body(), "\"lag\"")); /* the value is not known */
    json_free(json);
}

static void status__has_the_deliveries_and_what_became_of_them(void **state)
{
    counts.deliveries[OUTCOME_SUCCEEDED] = 11;
    counts.deliveries[OUTCOME_FAILED] = 1;
    counts.last_delivery_ms = 1767323045000;
    rows[0].waiting = 3;
    rows[1].waiting = 4;
    rows[1].running = 2;
    snprintf(outcome.workflow, sizeof(outcome.workflow), "build");
    snprintf(outcome.destination, sizeof(outcome.destination), "acme/att");
    snprintf(outcome.reason, sizeof(outcome.reason), "manifest invalid");
    assert_int_equal(ask("/status"), 200);
    check_contains("deliveries", body(),
                   "\"deliveries\":{\"succeeded\":11,\"failed\":1,"
                   "\"skipped\":0,\"running\":2,\"waiting\":7,"
                   "\"last_completed_at\":\"2026-01-02T03:04:05.000Z\"}");
    check_contains("outcome", body(),
                   "\"workflow\":\"build\",\"destination\":\"acme/att\","
                   "\"reason\":\"manifest invalid\"");
}

static void status__has_samples_and_no_duration_where_nothing_ended(
    void **state)
{
    status.samples.items[0] = (struct status_sample){4, 2, 1, 30, 90};
    status.samples.items[1] = (struct status_sample){5, 0, 0, 0, 0};
    status.samples.count = 2;
    status.samples.end_ms = 1767323045000;
    assert_int_equal(ask("/status"), 200);
    check_contains("samples", body(),
                   "\"samples\":{\"interval_ms\":10000,"
                   "\"end\":\"2026-01-02T03:04:05.000Z\","
                   "\"consumed\":[4,5],\"succeeded\":[2,0],"
                   "\"failed\":[1,0],\"median_ms\":[30,null],"
                   "\"p95_ms\":[90,null]}");
}

static void status__says_since_when(void **state)
{
    int64_t since_ms = 1767323045000;

    status.warnings = (const char *[]){"a doubt"};
    status.warnings_since_ms = &since_ms;
    status.warning_count = 1;
    status.not_ready_since_ms = since_ms;
    status.full = true;
    status.full_since_ms = since_ms;
    partitions[0].paused_since_ms = since_ms;
    partitions[1].unreadable = 7;
    partitions[1].unreadable_since_ms = since_ms;
    partitions[1].unreadable_reason = "CRC mismatch";
    partitions[1].skip_command = "skip";
    ask("/status");
    check_contains("warning", body(),
                   "\"warnings\":[\"a doubt\"],"
                   "\"warnings_since\":[\"2026-01-02T03:04:05.000Z\"]");
    check_contains("full", body(),
                   "\"full_since\":\"2026-01-02T03:04:05.000Z\"");
    check_contains("partition", body(),
                   "\"paused_since\":\"2026-01-02T03:04:05.000Z\"");
    check_contains("unreadable", body(),
                   "\"unreadable\":{\"offset\":7,"
                   "\"since\":\"2026-01-02T03:04:05.000Z\"");
    assert_null(strstr(body(), "not_ready_since"));
    status.reasons = (const char *[]){"no assignment"};
    status.reason_count = 1;
    ask("/status");
    check_contains("readiness", body(),
                   "\"not_ready_since\":\"2026-01-02T03:04:05.000Z\"");
}

static void status__names_what_is_held_and_why(void **state)
{
    struct status_attachment held = {.name = "closed",
                                     .since_ms = 1767323045000,
                                     .waiting = 3,
                                     .reason = &last_error};

    error_fill(&last_error, ERROR_AUTH, "upload: denied");
    rows[0].held = &held;
    rows[0].held_count = 1;
    rows[1].state = REGISTRATION_HELD;
    rows[1].reason = &last_error;
    assert_int_equal(ask("/status"), 200);
    check_contains("attachment", body(),
                   "\"held_attachments\":[{\"name\":\"closed\","
                   "\"since\":\"2026-01-02T03:04:05.000Z\",\"waiting\":3,"
                   "\"reason\":\"upload: denied\"}]");
    check_contains("registration", body(),
                   "\"reason\":\"upload: denied\",\"held_attachments\":[]");
    assert_int_equal(ask("/metrics"), 200);
    check_contains("attachment", body(),
                   "waybill_attachments_held{integration=\"oci-registry\","
                   "registration=\"ghcr\"} 1\n");
    check_contains("registration", body(),
                   "waybill_registration_held{integration=\"oci-registry\","
                   "registration=\"ghcr\"} 0\n");
    check_contains("other registration", body(),
                   "waybill_registration_held{integration=\"oci-registry\","
                   "registration=\"we\\\"ird\\\\\"} 1\n");
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
        "waybill_last_delivery_timestamp_seconds 0\n",
        "waybill_deliveries_total{integration=\"oci-registry\","
        "registration=\"ghcr\",result=\"failed\"} 0\n",
        "waybill_deliveries_total{integration=\"oci-registry\","
        "registration=\"ghcr\",result=\"skipped\"} 0\n",
        "registration=\"we\\\"ird\\\\\",result=\"succeeded\"} 0\n",
        "waybill_delivery_retries_total{integration=\"oci-registry\","
        "registration=\"ghcr\",kind=\"rate_limited\"} 0\n",
        "waybill_delivery_duration_seconds_bucket{integration=\"oci-registry\","
        "registration=\"ghcr\",le=\"+Inf\"} 0\n",
        "waybill_dead_letters_total{topic=\"in\",class=\"schema\",kind="
        "\"schema\"} 0\n",
        "waybill_transactions_total{result=\"aborted\"} 0\n",
        "waybill_rebalances_total 0\n",
        "waybill_log_messages_total{level=\"error\"} ",
        "process_resident_memory_bytes ",
    };

    assert_int_equal(ask("/metrics"), 200);
    for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
        check_contains(series[i], body(), series[i]);
    }
    assert_int_equal(given.data[given.len - 1], '\n');
    /* A value that is not known is omitted, not shown as 0. */
    assert_null(strstr(body(), "lag_records{"));
    partitions[1].lag = 12;
    ask("/metrics");
    check_contains(
        "lag", body(),
        "waybill_consumer_lag_records{topic=\"in\",partition=\"1\"} 12\n");
}

static void metrics__name_each_class_of_dead_letters_once(void **state)
{
    const char *line;

    counts.dead_letters[ERROR_UNREACHABLE] = 2;
    counts.dead_letters[ERROR_ATTEMPTS_EXHAUSTED] = 3;
    ask("/metrics");
    line = strstr(body(), "kind=\"attempts_exhausted\"} 5\n");
    assert_non_null(line);
    assert_null(strstr(line + 1, "kind=\"attempts_exhausted\""));
}

/* Wire format, section 2; including those that this version does not write */
static void metrics__have_a_series_for_each_class_from_the_start(void **state)
{
    static const char *const classes[] = {
        "schema",         "config",       "auth",
        "not_found",      "too_large",    "rejected",
        "expired",        "verification", "attempts_exhausted",
        "digest_mismatch"};

    ask("/metrics");
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        char series[128];

        snprintf(series, sizeof(series),
                 "waybill_dead_letters_total{topic=\"in\",class=\"%s\","
                 "kind=\"%s\"} 0\n",
                 classes[i], classes[i]);
        check_contains(classes[i], body(), series);
    }
}

/* A kind that ends a delivery at once has no series. */
static void metrics__name_each_kind_that_is_attempted_again(void **state)
{
    static const char *const kinds[] = {
        "auth",         "blocked",      "unreachable", "unavailable",
        "intermediary", "rate_limited", "interrupted"};
    const char *line;
    size_t count = 0;

    ask("/metrics");
    line = body();
    while ((line = strstr(line, "\nwaybill_delivery_retries_total{")) != NULL) {
        line++;
        count++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char label[64];

        snprintf(label, sizeof(label), "kind=\"%s\"} 0\n", kinds[i]);
        check_contains(
            kinds[i], strstr(body(), "waybill_delivery_retries_total{"), label);
    }
    assert_int_equal(count, ARRAY_SIZE(kinds) * ARRAY_SIZE(rows));
}

/* --- the page, and the policy that it comes with ----------------------------
 */

/* The only URL of the page is the name of a namespace. */
static void check_fetches_nothing(const char *html)
{
    static const char namespace[] = "http://www.w3.org/2000/svg'";

    for (; (html = strstr(html, "http")) != NULL; html++) {
        if (html[4] == ':' || html[4] == 's') {
            check(html, strncmp(html, namespace, strlen(namespace)) == 0);
        }
    }
}

static void page__holds_its_script_and_style_and_nothing_to_fetch(void **state)
{
    assert_int_equal(ask("/"), 200);
    check_contains("html", body(), "<!doctype html>");
    check_contains("style", body(), "<style>:root {");
    check_contains("script", body(), "<script>'use strict';");
    assert_null(strstr(body(), "@style@"));
    assert_null(strstr(body(), "@text@"));
    assert_null(strstr(body(), "@problems@"));
    assert_null(strstr(body(), "@charts@"));
    assert_null(strstr(body(), "@script@"));
    assert_null(strstr(body(), "src="));
    check_fetches_nothing(body());
    assert_null(strstr(body(), "innerHTML"));
}

static void page__allows_no_other_script_or_style(void **state)
{
    const char *policy;

    assert_int_equal(ask("/"), 200);
    policy = header("Content-Security-Policy");
    assert_non_null(policy);
    check_contains("default", policy, "default-src 'none'");
    check_contains("script", policy, "; script-src 'sha256-");
    check_contains("style", policy, "; style-src 'sha256-");
    check_contains("icon", policy, "; img-src data:;");
    check_contains("frame", policy, "; frame-ancestors 'none'");
    assert_null(strstr(policy, "unsafe"));
}

#define ADMIN_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, begin_on_loopback, finish)
/* ... that opens the port itself */
#define ADMIN_TEST_OPENING(name)                                               \
    cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ADMIN_TEST(answer__is_only_for_get_and_head),
        ADMIN_TEST(answer__knows_six_paths),
        ADMIN_TEST(records__says_what_the_deliveries_wait_for),
        ADMIN_TEST_OPENING(answer__wants_the_token_where_there_is_one),
        ADMIN_TEST(answer__is_not_for_foreign_names_on_the_loopback),
        ADMIN_TEST_OPENING(answer__is_for_any_name_where_others_reach_it),
        ADMIN_TEST_OPENING(answer__is_for_ipv4_too_on_all_addresses_of_ipv6),
        ADMIN_TEST(readyz__says_why_not),
        ADMIN_TEST(status__is_json_whatever_stands_in_it),
        ADMIN_TEST(status__has_the_deliveries_and_what_became_of_them),
        ADMIN_TEST(status__has_samples_and_no_duration_where_nothing_ended),
        ADMIN_TEST(status__says_since_when),
        ADMIN_TEST(status__names_what_is_held_and_why),
        ADMIN_TEST(metrics__are_all_there_from_the_start),
        ADMIN_TEST(metrics__name_each_class_of_dead_letters_once),
        ADMIN_TEST(metrics__have_a_series_for_each_class_from_the_start),
        ADMIN_TEST(metrics__name_each_kind_that_is_attempted_again),
        ADMIN_TEST(page__holds_its_script_and_style_and_nothing_to_fetch),
        ADMIN_TEST(page__allows_no_other_script_or_style),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    str_release(&given);
    return failed;
}
