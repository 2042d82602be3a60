#include "fake_clock.h"
#include "fake_http.h"

#include "asserts.h"
#include "integration/http_endpoint.h"

#define HOOK                                                                   \
    "https://hooks.example.com/services/T0AAAA/B0BBBB/"                        \
    "s3cretpath?k=s3cretquery"
#define POST "POST "

/* --- options -----------------------------------------------------------------
 */

static const struct field_pair no_pair;

/* A pair without a key: no headers */
static struct endpoint_options options_of(const char *url,
                                          const struct field_pair *pair)
{
    return (struct endpoint_options){
        .url = url,
        .headers = {pair, pair->key != NULL ? 1 : 0},
    };
}

static void endpoint__takes_urls_of_http_without_credentials(void **state)
{
    static const struct {
        const char *url;
        const char *fault; /* NULL: none */
    } rows[] = {
        {"https://hooks.example.com/a?b=c", NULL},
        {"http://127.0.0.1:8080/a", NULL},
        {"https://[::1]:8443", NULL},
        {"ftp://hooks.example.com/s3cret", "neither http nor https"},
        {"https://bot:s3cret@hooks.example.com/",
         "the URL contains credentials"},
        {"hooks.example.com/s3cret", "not a URL"},
        {"https://", "not a URL"},
        {"https://hooks.example.com/s3cret here",
         "too long or contains unprintable"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = ERROR_UNTOUCHED;
        int result = endpoint_check_url(rows[i].url, &err);

        check_number(rows[i].url, result, rows[i].fault == NULL ? 0 : -1);
        if (rows[i].fault == NULL) {
            check_untouched(rows[i].url, &err);
        } else {
            check_contains(rows[i].url, err.message, rows[i].fault);
            check(rows[i].url, strstr(err.message, "s3cret") == NULL);
        }
    }
}

static const struct {
    const char *label;
    struct endpoint_options options;
    const char *key; /* NULL: the options are valid */
    const char *fault;
} combinations[] = {
    {"https", {.url = "https://h.example/"}, NULL, NULL},
    {"http", {.url = "http://h.example/"}, "hook", "plain_http: true"},
    {"http by name", {.url = "http://h.example/", .plain_http = 1}, NULL, NULL},
    {"localhost", {.url = "http://localhost:1/"}, NULL, NULL},
    {"127", {.url = "http://127.0.0.1:1/"}, NULL, NULL},
    {"::1", {.url = "http://[::1]:1/"}, NULL, NULL},
    {"10", {.url = "http://10.0.0.1/"}, "hook", "the URL is plain http"},
    {"named so",
     {.url = "http://127.example.com/"},
     "hook",
     "the URL is plain http"},
    {"authorities",
     {.url = "http://127.0.0.1/", .transport = {.ca_file = "/ca"}},
     "ca_file",
     "plain http uses no certificates"},
    {"certificate",
     {.url = "http://127.0.0.1/", .transport = {.certificate = "/c"}},
     "client_certificate",
     "plain http uses no certificates"},
    {"key",
     {.url = "https://h.example/", .transport = {.key = "/k"}},
     "client_key",
     "a key needs its certificate"},
};

static void endpoint__says_what_does_not_go_together(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(combinations); i++) {
        const char *label = combinations[i].label;
        const char *key = NULL;
        struct error err = ERROR_UNTOUCHED;
        int result =
            endpoint_check(&combinations[i].options, "hook", &key, &err);

        check_number(label, result, combinations[i].key == NULL ? 0 : -1);
        if (combinations[i].key == NULL) {
            check_untouched(label, &err);
        } else {
            check_text(label, key, combinations[i].key);
            check_contains(label, err.message, combinations[i].fault);
        }
    }
}

static const struct {
    struct field_pair pair;
    bool good;
} headers[] = {
    {{"Authorization", "Bearer abc"}, true},
    {{"X-Api-Key", "a"}, true},
    {{"Content-Type", "text/plain; charset=utf-8"}, true},
    {{"User-Agent", "me"}, true},
    {{"", "a"}, false},
    {{"A B", "a"}, false},
    {{"A:", "a"}, false},
    {{"A\r\nB", "a"}, false},
    {{"X-\xC3\xA9", "a"}, false},
    {{"X-A", ""}, false},
    {{"X-A", " a"}, false},
    {{"X-A", "a "}, false},
    {{"X-A", "a\r\nX-B: c"}, false},
    {{"X-A", "\xC3\xA9"}, false},
    {{"host", "a"}, false},
    {{"Content-length", "1"}, false},
    {{"TRANSFER-ENCODING", "chunked"}, false},
    {{"Expect", "100-continue"}, false},
    {{"Connection", "close"}, false},
    {{"Webhook-Id", "a"}, false},
    {{"webhook-signature", "a"}, false},
    {{"Proxy-Authorization", "a"}, false},
    {{"traceparent", "a"}, false},
};

static void endpoint__takes_headers_that_can_be_sent(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        struct endpoint_options options =
            options_of("https://h.example/", &headers[i].pair);
        const char *key = NULL;
        struct error err;
        int result = endpoint_check(&options, "hook", &key, &err);

        check_number(headers[i].pair.key, result, headers[i].good ? 0 : -1);
        if (!headers[i].good) {
            check_text(headers[i].pair.key, key, "headers");
        }
    }
}

static void endpoint__takes_a_header_once(void **state)
{
    static const struct field_pair twice[] = {{"X-A", "s3cret"},
                                              {"x-a", "s3cret"}};
    struct endpoint_options options = {.url = HOOK, .headers = {twice, 2}};
    const char *key = NULL;
    struct error err;

    assert_int_equal(endpoint_check(&options, "hook", &key, &err), -1);
    assert_string_equal(err.message,
                        "the header 'x-a' is there twice; remove one");
}

static void endpoint__is_named_by_its_host(void **state)
{
    static const char *const rows[][2] = {
        {HOOK, "hooks.example.com"},
        {"https://HOOKS.example.com:443/", "hooks.example.com"},
        {"https://hooks.example.com:8443/a", "hooks.example.com:8443"},
        {"http://127.0.0.1:80/", "127.0.0.1"},
        {"http://127.0.0.1:443/", "127.0.0.1:443"},
        {"https://[2001:db8::1]/", "[2001:db8::1]"},
        {"https://[2001:db8::1]:444/", "[2001:db8::1]:444"},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct endpoint_options options = options_of(rows[i][0], &no_pair);

        check_text(rows[i][0], endpoint_name(&options, arena), rows[i][1]);
    }
}

/* --- requests ----------------------------------------------------------------
 */

struct world {
    struct fake_time now;
    struct clock clock;
    struct loop *loop;
    struct http *http;
    struct integration_context context;
    struct endpoint_options options;
};

static const struct field_pair bearer = {"Authorization", "Bearer s3crettoken"};
static const char *const allowed[] = {"*.cdn.example", "10.0.0.7"};

static void world_open(struct world *world, const char *url)
{
    *world = (struct world){.now = {1000, 1767323045000}};
    world->clock = (struct clock)FAKE_CLOCK(&world->now);
    world->loop = loop_new(&world->clock);
    world->http = http_new(world->loop);
    world->context = (struct integration_context){
        .network = {.loop = world->loop, .http = world->http},
        .allowed = {allowed, ARRAY_SIZE(allowed)},
    };
    world->options = options_of(url, &bearer);
    world->options.transport.certificate = "/client.crt";
}

static void world_close(struct world *world)
{
    http_free(world->http);
    loop_free(world->loop);
}

struct result {
    int calls;
    bool success;
    bool did_not_arrive;
    struct error err;
};

static void on_sent(void *payload, const struct error *err, bool did_not_arrive)
{
    struct result *result = payload;

    result->calls++;
    result->success = err == NULL;
    result->did_not_arrive = did_not_arrive;
    if (err != NULL) {
        result->err = *err;
    }
}

static const char *const given[] = {"webhook-id: msg_1", "X-Mine: 1", NULL};
static const char *const shared[] = {"whsec_s3cretshared/key+1="};

static struct endpoint_transfer *begin(struct world *world,
                                       struct result *result)
{
    const struct endpoint_request request = {
        .method = "POST",
        .headers = given,
        .traceparent = "00-trace",
        .body = bytes_of("{}"),
        .secrets = {shared, 1},
    };
    struct endpoint_transfer *transfer;

    *result = (struct result){0};
    transfer = endpoint_send(&world->context, &world->options, &request,
                             on_sent, result);
    assert_int_equal(result->calls, 0);
    return transfer;
}

static void assert_failed(const struct result *result, enum error_kind kind,
                          bool did_not_arrive)
{
    assert_int_equal(result->calls, 1);
    assert_false(result->success);
    assert_int_equal(result->err.kind, kind);
    assert_int_equal(result->did_not_arrive, did_not_arrive);
}

static void request__goes_out_once_with_all_that_belongs_to_it(void **state)
{
    CLEANUP(world_close) struct world world;
    const struct http_transfer *asked;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    asked = fake_asked(world.http, POST HOOK);
    assert_string_equal(asked->headers, "webhook-id: msg_1\nX-Mine: 1\n"
                                        "Authorization: Bearer s3crettoken\n"
                                        "traceparent: 00-trace\n");
    assert_string_equal(asked->body, "{}");
    assert_true(asked->once);
    assert_true(asked->with_certificate);
    fake_answer(world.http, POST "*", 204, "", "");
    assert_int_equal(result.calls, 1);
    assert_true(result.success);
}

static void request__is_never_heard_of_after_a_cancel(void **state)
{
    CLEANUP(world_close) struct world world;
    struct result result;

    world_open(&world, HOOK);
    endpoint_cancel(begin(&world, &result));
    assert_int_equal(fake_waiting(world.http), 0);
    assert_int_equal(result.calls, 0);
}

static void request__without_an_answer_may_have_arrived(void **state)
{
    CLEANUP(world_close) struct world world;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    fake_break(world.http, POST "*", ERROR_UNREACHABLE);
    assert_failed(&result, ERROR_UNREACHABLE, false);
    assert_string_equal(result.err.message,
                        "'hooks.example.com': connection reset");
    begin(&world, &result);
    fake_refuse_connection(world.http, POST "*");
    assert_failed(&result, ERROR_UNREACHABLE, true);
}

/* A broken connection is explained with text of the peer or of a proxy. */
static void request__without_an_answer_is_explained_without_secrets(
    void **state)
{
    CLEANUP(world_close) struct world world;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    fake_break_because(world.http, POST "*", ERROR_UNREACHABLE,
                       "'Bearer s3crettoken' at " HOOK " is no answer");
    assert_string_equal(result.err.message,
                        "'hooks.example.com': '***' at *** is no answer");
}

static const struct {
    int status;
    enum error_kind kind;
    bool may_have_arrived;
} statuses[] = {
    {400, ERROR_REJECTED, false},     {401, ERROR_AUTH, false},
    {402, ERROR_REJECTED, false},     {403, ERROR_AUTH, false},
    {404, ERROR_NOT_FOUND, false},    {405, ERROR_REJECTED, false},
    {408, ERROR_UNAVAILABLE, false},  {409, ERROR_REJECTED, false},
    {410, ERROR_REJECTED, false},     {413, ERROR_TOO_LARGE, false},
    {422, ERROR_REJECTED, false},     {425, ERROR_UNAVAILABLE, false},
    {429, ERROR_RATE_LIMITED, false}, {500, ERROR_UNAVAILABLE, false},
    {502, ERROR_UNAVAILABLE, true},   {503, ERROR_UNAVAILABLE, false},
    {504, ERROR_UNAVAILABLE, true},   {599, ERROR_UNAVAILABLE, false},
    {300, ERROR_REJECTED, false},     {301, ERROR_REJECTED, false},
    {302, ERROR_REJECTED, false},     {303, ERROR_REJECTED, false},
    {304, ERROR_REJECTED, false},
};

static void response__that_is_no_success_is_an_error_by_its_status(void **state)
{
    CLEANUP(world_close) struct world world;

    world_open(&world, HOOK);
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct result result;
        char label[16];

        snprintf(label, sizeof(label), "%d", statuses[i].status);
        begin(&world, &result);
        fake_answer(world.http, POST "*", statuses[i].status,
                    "Location: https://hooks.example.com/other", "no");
        check_number(label, result.calls, 1);
        check_kind(label, &result.err, statuses[i].kind);
        check_number(label, result.err.http_status, statuses[i].status);
        check_number(label, result.did_not_arrive,
                     !statuses[i].may_have_arrived);
        check_number(label, fake_waiting(world.http), 0);
    }
}

static void response__says_how_long_to_wait(void **state)
{
    CLEANUP(world_close) struct world world;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    fake_answer(world.http, POST "*", 429, "Retry-After: 7", "slow down");
    assert_failed(&result, ERROR_RATE_LIMITED, true);
    assert_int_equal(result.err.retry_after_ms, 7000);
    assert_string_equal(result.err.message,
                        "'hooks.example.com' answers 429: slow down");
}

#define ANSWERS "'hooks.example.com' answers 400"

static const struct {
    const char *body;
    const char *message;
} bodies[] = {
    {"", ANSWERS},
    {" \r\n\t", ANSWERS},
    {"<html>no</html>", ANSWERS},
    {"\n  <!doctype html>", ANSWERS},
    {" no_service\n", ANSWERS ": no_service "},
    {"{\"error\":\"a\nb\"}", ANSWERS ": {\"error\":\"a b\"}"},
    {"POST " HOOK " not found", ANSWERS ": POST *** not found"},
    {"no /services/T0AAAA/B0BBBB/s3cretpath here", ANSWERS ": no *** here"},
    {"token s3cretpath is bad", ANSWERS ": token *** is bad"},
    {"k=s3cretquery", ANSWERS ": ***"},
    {"got 'Bearer s3crettoken'", ANSWERS ": got '***'"},
    {"got s3crettoken", ANSWERS ": got ***"},
    {"whsec_s3cretshared/key+1=", ANSWERS ": ***"},
    {"key s3cretshared/key+1=", ANSWERS ": key ***"},
    {"key s3cretshared", ANSWERS ": key ***"},
};

static void response__is_shown_without_what_the_endpoint_was_shown(void **state)
{
    CLEANUP(world_close) struct world world;

    world_open(&world, HOOK);
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct result result;

        begin(&world, &result);
        fake_answer(world.http, POST "*", 400, "", bodies[i].body);
        check_text(bodies[i].body, result.err.message, bodies[i].message);
    }
}

static void response__is_shown_in_part_when_it_is_long(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct result result;

    for (int i = 0; i < 295; i++) {
        str_append_char(&body, 'x');
    }
    str_append_text(&body,
                    "Bearer s3crettoken"); /* across the end of the excerpt */
    world_open(&world, HOOK);
    begin(&world, &result);
    fake_answer(world.http, POST "*", 400, "", body.data);
    assert_int_equal(strlen(result.err.message), strlen(ANSWERS ": ") + 298);
    assert_string_equal(result.err.message + strlen(result.err.message) - 4,
                        "x***");
}

/* --- redirects ---------------------------------------------------------------
 */

static void redirect__repeats_the_message_at_home(void **state)
{
    CLEANUP(world_close) struct world world;
    const struct http_transfer *asked;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    fake_answer(world.http, POST HOOK, 308, "Location: /other?x=1", "");
    asked = fake_asked(world.http, POST "https://hooks.example.com/other?x=1");
    check_contains("headers", asked->headers, "Bearer s3crettoken");
    check_contains("headers", asked->headers, "traceparent");
    assert_true(asked->with_certificate);
    assert_string_equal(asked->body, "{}");
    fake_answer(world.http, POST "*", 200, "", "");
    assert_true(result.success);
}

static void redirect__leaves_behind_what_is_the_endpoints_alone(void **state)
{
    static const char *const elsewhere[] = {
        "https://eu.hooks.example.com/", /* below it */
        "https://other.example.com/",    /* beside it */
        "https://hooks.example.com:8443/",
        "https://a.cdn.example/", /* allowed */
        "https://10.0.0.7/",
    };

    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(str_release) struct str location = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
        const struct http_transfer *asked;
        struct result result;

        str_printf(&location, "Location: %s", elsewhere[i]);
        str_printf(&name, POST "%s", elsewhere[i]);
        world_open(&world, HOOK);
        begin(&world, &result);
        fake_answer(world.http, POST HOOK, 307, location.data, "");
        asked = fake_asked(world.http, name.data);
        check_text(elsewhere[i], asked->headers,
                   "webhook-id: msg_1\nX-Mine: 1\n");
        check(elsewhere[i], !asked->with_certificate);
        fake_answer(world.http, POST "*", 202, "", "");
        check(elsewhere[i], result.success);
    }
}

static const struct {
    const char *from;
    const char *to;
    bool any;
} refused[] = {
    {HOOK, "https://elsewhere.example.org/", false},
    {HOOK, "http://hooks.example.com/", false},
    {HOOK, "http://hooks.example.com/", true},
    {HOOK, "https://127.0.0.1/", true},
    {HOOK, "https://localhost/", true},
    {HOOK, "https://10.0.0.1/", true},
    {HOOK, "https://192.168.1.1/", true},
    {HOOK, "https://[::1]/", true},
    {HOOK, "https://[::ffff:10.0.0.1]/", true},
    {HOOK, "https://169.254.169.254/latest/meta-data/", true},
    {HOOK, "https://metadata.google.internal/", true},
    {HOOK, "https://[fe80::1]/", true},
    {"http://127.0.0.1:8080/", "http://169.254.169.254/latest/", true},
    {"http://127.0.0.1:8080/", "http://0xA9FEA9FE/", true},
    {"http://10.0.0.5/", "http://127.0.0.1/", true},
};

static void redirect__obeys_the_rules_for_registries(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(str_release) struct str location = STR_INIT(STR_UNLIMITED);
        struct result result;

        str_printf(&location, "Location: %s", refused[i].to);
        world_open(&world, refused[i].from);
        world.options.transport.certificate = NULL;
        world.context.allow_any = refused[i].any;
        begin(&world, &result);
        fake_answer(world.http, POST "*", 307, location.data, "");
        check_number(refused[i].to, result.calls, 1);
        check_kind(refused[i].to, &result.err, ERROR_REJECTED);
        check_contains(refused[i].to, result.err.message, "registries.allowed");
        check_number(refused[i].to, result.err.http_status, 307);
        check(refused[i].to, result.did_not_arrive);
        check_number(refused[i].to, fake_sent(world.http), 1);
    }
}

/* A host to which redirects are allowed cannot lead further than the endpoint
 * itself. */
static void redirect__is_judged_at_each_step(void **state)
{
    CLEANUP(world_close) struct world world;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    fake_answer(world.http, POST HOOK, 307, "Location: https://a.cdn.example/",
                "");
    fake_answer(world.http, POST "https://a.cdn.example/", 307,
                "Location: https://example/", "");
    assert_failed(&result, ERROR_REJECTED, true);
}

static void redirect__does_not_go_on_for_ever(void **state)
{
    CLEANUP(world_close) struct world world;
    struct result result;

    world_open(&world, HOOK);
    begin(&world, &result);
    for (int i = 0; i < 6; i++) {
        fake_answer(world.http, POST "*", 307, "Location: /again", "");
    }
    assert_failed(&result, ERROR_REJECTED, true);
    assert_string_equal(result.err.message,
                        "'hooks.example.com' redirects more than 5 times");
}

static void redirect__has_to_lead_somewhere(void **state)
{
    static const char *const locations[] = {"", "Location: ftp://a/",
                                            "Location: https://u:p@h/"};

    for (size_t i = 0; i < ARRAY_SIZE(locations); i++) {
        CLEANUP(world_close) struct world world;
        struct result result;

        world_open(&world, HOOK);
        begin(&world, &result);
        fake_answer(world.http, POST "*", 307, locations[i], "");
        check_contains(locations[i], result.err.message,
                       "redirects to a location that cannot be used");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoint__takes_urls_of_http_without_credentials),
        cmocka_unit_test(endpoint__says_what_does_not_go_together),
        cmocka_unit_test(endpoint__takes_headers_that_can_be_sent),
        cmocka_unit_test(endpoint__takes_a_header_once),
        cmocka_unit_test(endpoint__is_named_by_its_host),
        cmocka_unit_test(request__goes_out_once_with_all_that_belongs_to_it),
        cmocka_unit_test(request__is_never_heard_of_after_a_cancel),
        cmocka_unit_test(request__without_an_answer_may_have_arrived),
        cmocka_unit_test(
            request__without_an_answer_is_explained_without_secrets),
        cmocka_unit_test(
            response__that_is_no_success_is_an_error_by_its_status),
        cmocka_unit_test(response__says_how_long_to_wait),
        cmocka_unit_test(
            response__is_shown_without_what_the_endpoint_was_shown),
        cmocka_unit_test(response__is_shown_in_part_when_it_is_long),
        cmocka_unit_test(redirect__repeats_the_message_at_home),
        cmocka_unit_test(redirect__leaves_behind_what_is_the_endpoints_alone),
        cmocka_unit_test(redirect__obeys_the_rules_for_registries),
        cmocka_unit_test(redirect__is_judged_at_each_step),
        cmocka_unit_test(redirect__does_not_go_on_for_ever),
        cmocka_unit_test(redirect__has_to_lead_somewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
