/* http.h with the real libcurl against the scripted registry */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"
#include "waybill/alloc.h"
#include "waybill/digest.h"
#include "waybill/http.h"
#include "waybill/limits.h"

#define SOON_MS 20000
/* curl looks at its speed once a second, over the last five. */
#define SLACK_MS 8000

struct world {
    struct loop *loop;
    struct http *http;
    struct peer *peer;
};

struct answer {
    bool done;
    bool starting; /* inside http_start() */
    int calls;
    int status;
    struct str body;
    struct str location;
    struct error err; /* kind is ERROR_NONE when there is a response */
};

static void world_open(struct world *world, const char *const *scenarios,
                       const char *tls_dir)
{
    world->peer = peer_start(scenarios, tls_dir);
    world->loop = loop_new(clock_system());
    world->http = http_new(world->loop);
}

static void world_close(struct world *world)
{
    http_free(world->http);
    loop_free(world->loop);
    peer_stop(world->peer);
}

#define SCENARIOS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

static void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    str_init(&answer->body, STR_UNLIMITED);
    str_init(&answer->location, STR_UNLIMITED);
}

static void answer_release(struct answer *answer)
{
    str_release(&answer->body);
    str_release(&answer->location);
}

static void on_done(void *payload, const struct http_response *response,
                    const struct error *err)
{
    struct answer *answer = payload;

    assert_false(answer->starting);
    assert_true((response == NULL) != (err == NULL));
    answer->calls++;
    answer->done = true;
    if (err != NULL) {
        answer->err = *err;
        return;
    }
    answer->status = response->status;
    str_put(&answer->body, response->body.data, response->body.len);
    http_header(response, "lOCATION", 0, &answer->location);
}

static struct http_request request_of(const char *method, const char *url)
{
    return (struct http_request){.method = method,
                                 .url = url,
                                 .most_body = LIMIT_HTTP_BODY,
                                 .connect_ms = 5000,
                                 .answer_ms = 10000};
}

static struct http_transfer *start(struct world *world,
                                   const struct http_request *request,
                                   struct answer *answer)
{
    struct http_transfer *transfer;

    answer_init(answer);
    answer->starting = true;
    transfer = http_start(world->http, request, on_done, answer);
    answer->starting = false;
    return transfer;
}

static void run(struct world *world, const struct http_request *request,
                struct answer *answer)
{
    start(world, request, answer);
    await_flag(world->loop, &answer->done, SOON_MS);
    assert_int_equal(answer->calls, 1);
}

static char *url_of(const struct world *world, const char *host,
                    const char *path, bool tls)
{
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);

    str_printf(&url, "%s://%s:%u%s", tls ? "https" : "http", host,
               peer_port(world->peer), path);
    return str_take(&url);
}

static void get_path(struct world *world, const char *path,
                     struct answer *answer)
{
    char *url = url_of(world, "127.0.0.1", path, false);
    struct http_request request = request_of("GET", url);

    run(world, &request, answer);
    mem_free(url);
}

static void assert_status(struct answer *answer, int status)
{
    assert_string_equal(answer->err.message, "");
    assert_int_equal(answer->status, status);
    answer_release(answer);
}

static void assert_kind(struct answer *answer, enum error_kind kind)
{
    assert_true(answer->done);
    assert_int_equal(answer->err.kind, kind);
    assert_true(answer->err.message[0] != '\0');
    answer_release(answer);
}

static unsigned char *pattern(size_t len)
{
    unsigned char *data = mem_alloc(len);

    for (size_t i = 0; i < len; i++) {
        data[i] = (unsigned char)(i * 31 + i / 251);
    }
    return data;
}

/* A POST for a session, and the URL that the blob then goes to */
static char *open_session(struct world *world, const struct digest *digest)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    char *url = url_of(world, "127.0.0.1", "/v2/a/blobs/uploads/", false);
    struct http_request request = request_of("POST", url);
    struct answer answer;

    run(world, &request, &answer);
    mem_free(url);
    str_printf(&text, "%s&digest=%s", answer.location.data, digest->text);
    assert_status(&answer, 202);
    return str_take(&text);
}

static void put_blob(struct world *world, struct bytes body,
                     struct answer *answer)
{
    static const char *const headers[] = {
        "Content-Type: application/octet-stream", NULL};
    struct http_request request;
    struct digest digest;
    char *url;

    digest_of(body.data, body.len, &digest);
    url = open_session(world, &digest);
    request = request_of("PUT", url);
    request.headers = headers;
    request.body = body;
    run(world, &request, answer);
    mem_free(url);
}

/* --- requests and bodies ---------------------------------------------------
 */

static void a_blob_of_three_megabytes_goes_there_and_comes_back(void **state)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    size_t len = 3 * 1024 * 1024 + 17;
    unsigned char *data = pattern(len);
    struct bytes body = {data, len};
    struct http_request request;
    struct digest digest;
    struct answer answer;
    struct world world;
    char text[128];
    char *url;

    world_open(&world, NONE, NULL);
    put_blob(&world, body, &answer);
    assert_status(&answer, 201);
    digest_of(data, len, &digest);
    str_printf(&path, "/v2/a/blobs/%s", digest.text);
    url = url_of(&world, "127.0.0.1", path.data, false);
    request = request_of("GET", url);
    request.most_body = len;
    run(&world, &request, &answer);
    assert_int_equal(answer.body.len, len);
    assert_memory_equal(answer.body.data, data, len);
    assert_status(&answer, 200);
    assert_true(peer_logged(world.peer, "put", 0, "content-length", text));
    assert_int_equal(strtoul(text, NULL, 10), len);
    /* Neither waited for, nor asked for in chunks */
    assert_true(peer_logged(world.peer, "put", 0, "expect", text));
    assert_string_equal(text, "");
    assert_true(peer_logged(world.peer, "put", 0, "transfer-encoding", text));
    assert_string_equal(text, "");
    peer_assert_content(world.peer);
    mem_free(url);
    mem_free(data);
    world_close(&world);
}

static void an_empty_body_has_a_length_too(void **state)
{
    struct answer answer;
    struct world world;
    char text[128];

    world_open(&world, NONE, NULL);
    put_blob(&world, (struct bytes){(const unsigned char *)"", 0}, &answer);
    assert_status(&answer, 201);
    assert_true(peer_logged(world.peer, "post", 0, "content-length", text));
    assert_string_equal(text, "0");
    assert_true(peer_logged(world.peer, "put", 0, "content-length", text));
    assert_string_equal(text, "0");
    /* curl would call a POST without a body a form. */
    peer_assert_content(world.peer);
    world_close(&world);
}

static void each_method_goes_out_as_it_is_called(void **state)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT",
                                          "DELETE"};
    struct world world;

    world_open(&world, NONE, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        char *url = url_of(&world, "127.0.0.1", "/v2/a/nothing", false);
        struct http_request request = request_of(methods[i], url);
        struct answer answer;
        struct json *log;
        const struct json *entry;

        run(&world, &request, &answer);
        assert_status(&answer, 404);
        log = peer_get(world.peer, "/_log");
        entry = json_first(log);
        for (size_t skip = 0; skip < i; skip++) {
            entry = json_next(entry);
        }
        assert_string_equal(json_text(json_member(entry, "method")),
                            methods[i]);
        json_free(log);
        mem_free(url);
    }
    assert_int_equal(peer_count(world.peer, "requests", NULL), 5);
    world_close(&world);
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
    char first[128];
    char other[128];
    struct answer answer;
    struct world world;

    world_open(&world, NONE, NULL);
    for (int i = 0; i < 3; i++) {
        get_path(&world, "/v2/", &answer);
        assert_status(&answer, 200);
    }
    put_blob(&world, bytes_of("x"), &answer);
    assert_status(&answer, 201);
    assert_true(peer_logged(world.peer, "ping", 0, "connection", first));
    assert_true(peer_logged(world.peer, "ping", 2, "connection", other));
    assert_string_equal(first, other);
    assert_true(peer_logged(world.peer, "put", 0, "connection", other));
    assert_string_equal(first, other);
    world_close(&world);
}

/* What happens when a load balancer closes a connection while nobody looks */
static void a_body_goes_out_again_when_the_kept_connection_is_dead(void **state)
{
    unsigned char *data = pattern(100000);
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("close@put"), NULL);
    put_blob(&world, (struct bytes){data, 100000}, &answer);
    assert_status(&answer, 201);
    assert_int_equal(peer_count(world.peer, "stages", "put"), 2);
    peer_assert_content(world.peer);
    mem_free(data);
    world_close(&world);
}

static void cookies_are_never_sent_back(void **state)
{
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("set-cookie"), NULL);
    for (int i = 0; i < 3; i++) {
        get_path(&world, "/v2/", &answer);
        assert_status(&answer, 200);
    }
    peer_assert_content(world.peer);
    world_close(&world);
}

static void two_hundred_requests_at_once_all_end(void **state)
{
    static struct answer answers[200];
    struct world world;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "127.0.0.1", "/v2/", false);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct http_request request = request_of("GET", url);

        start(&world, &request, &answers[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        await_flag(world.loop, &answers[i].done, SOON_MS);
        assert_int_equal(answers[i].calls, 1);
        assert_status(&answers[i], 200);
    }
    assert_int_equal(peer_count(world.peer, "requests", NULL), 200);
    mem_free(url);
    world_close(&world);
}

/* --- answers that are too much, or none ------------------------------------
 */

static void a_body_over_its_cap_is_an_error(void **state)
{
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("huge-error-body=5@get"), NULL);
    get_path(&world, "/v2/a/tags/list", &answer);
    assert_int_equal(answer.body.len, 0);
    assert_kind(&answer, ERROR_UNAVAILABLE);
    world_close(&world);
}

static void a_body_of_exactly_its_cap_is_none(void **state)
{
    struct http_request request;
    struct answer answer;
    struct world world;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "127.0.0.1", "/v2/", false);
    request = request_of("GET", url);
    request.most_body = 2; /* {} */
    run(&world, &request, &answer);
    assert_string_equal(answer.body.data, "{}");
    assert_status(&answer, 200);
    request.most_body = 1;
    run(&world, &request, &answer);
    assert_kind(&answer, ERROR_UNAVAILABLE);
    mem_free(url);
    world_close(&world);
}

static void headers_over_their_cap_are_an_error(void **state)
{
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("huge-headers=400@get"), NULL);
    get_path(&world, "/v2/a/tags/list", &answer);
    assert_kind(&answer, ERROR_UNAVAILABLE);
    world_close(&world);
}

static void a_registry_that_hangs_is_given_up_in_time(void **state)
{
    struct http_request request;
    struct answer answer;
    struct world world;
    uint64_t began;
    uint64_t took;
    char *url;

    world_open(&world, SCENARIOS("hang@get"), NULL);
    url = url_of(&world, "127.0.0.1", "/v2/a/tags/list", false);
    request = request_of("GET", url);
    request.answer_ms = 1000;
    began = loop_now(world.loop);
    run(&world, &request, &answer);
    took = loop_now(world.loop) - began;
    assert_kind(&answer, ERROR_UNREACHABLE);
    assert_in_range(took, 900, 1000 + SLACK_MS);
    mem_free(url);
    world_close(&world);
}

static void a_slow_answer_within_its_time_is_waited_for(void **state)
{
    struct http_request request;
    struct answer answer;
    struct world world;
    char *url;

    world_open(&world, SCENARIOS("slow=1.5@get"), NULL);
    url = url_of(&world, "127.0.0.1", "/v2/a/tags/list", false);
    request = request_of("GET", url);
    request.answer_ms = 6000;
    run(&world, &request, &answer);
    assert_status(&answer, 200);
    mem_free(url);
    world_close(&world);
}

/* A port that was free a moment ago */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_return_code(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_return_code(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void a_refused_connection_is_unreachable_at_once(void **state)
{
    struct http_request request;
    struct answer answer;
    struct world world;
    uint64_t began;
    char url[64];

    world_open(&world, NONE, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/v2/", free_port());
    request = request_of("GET", url);
    began = loop_now(world.loop);
    run(&world, &request, &answer);
    assert_true(loop_now(world.loop) - began < 3000);
    assert_kind(&answer, ERROR_UNREACHABLE);
    world_close(&world);
}

static void a_url_that_is_none_fails_later_and_not_at_once(void **state)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "http://", "",
                                       "file:///etc/hostname"};
    struct world world;

    world_open(&world, NONE, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct http_request request = request_of("GET", urls[i]);
        struct answer answer;

        run(&world, &request, &answer);
        assert_kind(&answer, ERROR_UNREACHABLE);
    }
    world_close(&world);
}

static void what_comes_apart_on_the_way_is_unreachable(void **state)
{
    static const char *const scenarios[] = {
        "chunked-garbage*0@get", "close-mid-body*0@get",
        "close-after-headers*0@get", "close*0@get", "reset*0@get"};

    for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
        struct answer answer;
        struct world world;

        world_open(&world, SCENARIOS(scenarios[i]), NULL);
        get_path(&world, "/v2/a/tags/list", &answer);
        assert_kind(&answer, ERROR_UNREACHABLE);
        get_path(&world, "/v2/", &answer);
        assert_status(&answer, 200);
        world_close(&world);
    }
}

static void an_early_413_is_an_answer_and_not_a_broken_pipe(void **state)
{
    size_t len = 32 * 1024 * 1024;
    unsigned char *data = pattern(len);
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("413-early"), NULL);
    put_blob(&world, (struct bytes){data, len}, &answer);
    assert_status(&answer, 413);
    mem_free(data);
    world_close(&world);
}

static void a_redirect_is_the_callers_to_follow(void **state)
{
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("redirect-307"), NULL);
    get_path(&world, "/v2/a/tags/list", &answer);
    assert_non_null(strstr(answer.location.data, "/moved/v2/a/tags/list"));
    assert_status(&answer, 307);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 1);
    world_close(&world);
}

/* --- cancelling ------------------------------------------------------------
 */

static void a_cancelled_request_is_never_heard_of_again(void **state)
{
    struct http_transfer *transfer;
    struct http_request request;
    struct answer answer;
    struct world world;
    char *url;

    world_open(&world, SCENARIOS("hang@get"), NULL);
    url = url_of(&world, "127.0.0.1", "/v2/a/tags/list", false);
    request = request_of("GET", url);
    transfer = start(&world, &request, &answer);
    await_stage(world.loop, world.peer, "get", 1);
    http_cancel(transfer);
    turn_idle(world.loop);
    assert_int_equal(answer.calls, 0);
    answer_release(&answer);
    mem_free(url);
    world_close(&world);
}

static void a_request_can_be_cancelled_before_it_goes_out(void **state)
{
    struct http_request request;
    struct answer answer;
    struct world world;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "localhost", "/v2/", false);
    request = request_of("GET", url);
    http_cancel(start(&world, &request, &answer));
    turn_idle(world.loop);
    assert_int_equal(answer.calls, 0);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 0);
    answer_release(&answer);
    mem_free(url);
    world_close(&world);
}

struct pair {
    struct world *world;
    struct http_transfer *other;
    struct answer answer;
};

static void on_first(void *payload, const struct http_response *response,
                     const struct error *err)
{
    struct pair *pair = payload;
    struct http_transfer *other = pair->other;

    if (other != NULL) {
        pair->other = NULL;
        http_cancel(other);
    }
    on_done(&pair->answer, response, err);
}

static void one_request_may_cancel_another_when_it_ends(void **state)
{
    struct pair pairs[2];
    struct http_request request;
    struct world world;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "127.0.0.1", "/v2/", false);
    request = request_of("GET", url);
    for (size_t i = 0; i < 2; i++) {
        answer_init(&pairs[i].answer);
    }
    /* Whichever is first cancels the other. */
    pairs[0].other = http_start(world.http, &request, on_first, &pairs[1]);
    pairs[1].other = http_start(world.http, &request, on_first, &pairs[0]);
    while (pairs[0].answer.calls + pairs[1].answer.calls == 0) {
        loop_turn(world.loop, true);
    }
    turn_idle(world.loop);
    assert_int_equal(pairs[0].answer.calls + pairs[1].answer.calls, 1);
    answer_release(&pairs[0].answer);
    answer_release(&pairs[1].answer);
    mem_free(url);
    world_close(&world);
}

static void on_chain(void *payload, const struct http_response *response,
                     const struct error *err)
{
    struct pair *pair = payload;
    char *url = url_of(pair->world, "127.0.0.1", "/v2/", false);
    struct http_request request = request_of("GET", url);

    assert_non_null(response);
    if (pair->answer.calls++ < 4) {
        http_start(pair->world->http, &request, on_chain, pair);
    } else {
        pair->answer.done = true;
    }
    mem_free(url);
}

static void a_request_may_start_the_next_when_it_ends(void **state)
{
    struct world world;
    struct pair pair = {.world = &world};
    struct http_request request;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "127.0.0.1", "/v2/", false);
    request = request_of("GET", url);
    http_start(world.http, &request, on_chain, &pair);
    await_flag(world.loop, &pair.answer.done, SOON_MS);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 5);
    mem_free(url);
    world_close(&world);
}

/* --- TLS -------------------------------------------------------------------
 */

static void get_over_tls(struct world *world, const char *host,
                         const char *ca_file, struct answer *answer)
{
    char *url = url_of(world, host, "/v2/", true);
    struct http_request request = request_of("GET", url);

    request.transport = &(struct http_transport){.ca_file = ca_file};
    run(world, &request, answer);
    mem_free(url);
}

static char *ca_of(const char *folder)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);

    str_printf(&path, "%s/ca.crt", folder);
    return str_take(&path);
}

static void an_authority_of_ones_own_is_believed(void **state)
{
    char *folder = folder_new();
    char *ca = ca_of(folder);
    struct answer answer;
    struct world world;
    char text[128];

    world_open(&world, NONE, folder);
    get_over_tls(&world, "127.0.0.1", ca, &answer);
    assert_status(&answer, 200);
    get_over_tls(&world, "localhost", ca, &answer);
    assert_status(&answer, 200);
    assert_true(peer_logged(world.peer, "ping", 1, "host", text));
    peer_assert_content(world.peer);
    mem_free(ca);
    world_close(&world);
    folder_remove(folder);
}

static void another_authority_is_refused_and_the_message_says_why(void **state)
{
    char *folder = folder_new();
    char *other = folder_new();
    char *ca = ca_of(other);
    struct peer *elsewhere;
    struct answer answer;
    struct world world;

    elsewhere = peer_start(NONE, other);
    world_open(&world, NONE, folder);
    get_over_tls(&world, "127.0.0.1", ca, &answer);
    assert_non_null(strstr(answer.err.message, "certificate"));
    assert_kind(&answer, ERROR_UNREACHABLE);
    /* The system's authorities do not know it either. */
    get_over_tls(&world, "127.0.0.1", NULL, &answer);
    assert_non_null(strstr(answer.err.message, "certificate"));
    assert_kind(&answer, ERROR_UNREACHABLE);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 0);
    mem_free(ca);
    world_close(&world);
    peer_stop(elsewhere);
    folder_remove(folder);
    folder_remove(other);
}

/* A connection that was let in with one authority is not for another. */
static void a_kept_connection_serves_only_its_own_authority(void **state)
{
    char *folder = folder_new();
    char *ca = ca_of(folder);
    struct answer answer;
    struct world world;

    world_open(&world, NONE, folder);
    get_over_tls(&world, "127.0.0.1", ca, &answer);
    assert_status(&answer, 200);
    get_over_tls(&world, "127.0.0.1", NULL, &answer);
    assert_kind(&answer, ERROR_UNREACHABLE);
    mem_free(ca);
    world_close(&world);
    folder_remove(folder);
}

static void another_host_is_refused_and_the_message_says_why(void **state)
{
    char *folder = folder_new();
    char *ca = ca_of(folder);
    struct answer answer;
    struct world world;

    world_open(&world, NONE, folder);
    get_over_tls(&world, "registry.localhost", ca, &answer);
    assert_non_null(strstr(answer.err.message, "registry.localhost"));
    assert_kind(&answer, ERROR_UNREACHABLE);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 0);
    mem_free(ca);
    world_close(&world);
    folder_remove(folder);
}

static void an_authority_that_cannot_be_read_is_an_error(void **state)
{
    char *folder = folder_new();
    struct answer answer;
    struct world world;

    world_open(&world, NONE, folder);
    get_over_tls(&world, "127.0.0.1", "/nowhere/ca.crt", &answer);
    assert_kind(&answer, ERROR_UNREACHABLE);
    world_close(&world);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_of_three_megabytes_goes_there_and_comes_back),
        cmocka_unit_test(an_empty_body_has_a_length_too),
        cmocka_unit_test(each_method_goes_out_as_it_is_called),
        cmocka_unit_test(a_connection_is_kept_for_the_next_request),
        cmocka_unit_test(
            a_body_goes_out_again_when_the_kept_connection_is_dead),
        cmocka_unit_test(cookies_are_never_sent_back),
        cmocka_unit_test(two_hundred_requests_at_once_all_end),
        cmocka_unit_test(a_body_over_its_cap_is_an_error),
        cmocka_unit_test(a_body_of_exactly_its_cap_is_none),
        cmocka_unit_test(headers_over_their_cap_are_an_error),
        cmocka_unit_test(a_registry_that_hangs_is_given_up_in_time),
        cmocka_unit_test(a_slow_answer_within_its_time_is_waited_for),
        cmocka_unit_test(a_refused_connection_is_unreachable_at_once),
        cmocka_unit_test(a_url_that_is_none_fails_later_and_not_at_once),
        cmocka_unit_test(what_comes_apart_on_the_way_is_unreachable),
        cmocka_unit_test(an_early_413_is_an_answer_and_not_a_broken_pipe),
        cmocka_unit_test(a_redirect_is_the_callers_to_follow),
        cmocka_unit_test(a_cancelled_request_is_never_heard_of_again),
        cmocka_unit_test(a_request_can_be_cancelled_before_it_goes_out),
        cmocka_unit_test(one_request_may_cancel_another_when_it_ends),
        cmocka_unit_test(a_request_may_start_the_next_when_it_ends),
        cmocka_unit_test(an_authority_of_ones_own_is_believed),
        cmocka_unit_test(another_authority_is_refused_and_the_message_says_why),
        cmocka_unit_test(a_kept_connection_serves_only_its_own_authority),
        cmocka_unit_test(another_host_is_refused_and_the_message_says_why),
        cmocka_unit_test(an_authority_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
