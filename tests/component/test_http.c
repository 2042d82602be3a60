/* http.h with the real libcurl against the scripted registry */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_world.h"
#include "waybill/alloc.h"
#include "waybill/digest.h"
#include "waybill/http.h"
#include "waybill/limits.h"

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
    char *url;

    append_blob(&wire, body, &answer);
    assert_status(&answer, 201);
    digest_of(data, len, &digest);
    str_printf(&path, "/v2/a/blobs/%s", digest.text);
    url = url_of(&wire, "127.0.0.1", path.data, false);
    request = request_of("GET", url);
    request.max_body = len;
    run(&wire, &request, &answer);
    assert_int_equal(answer.body.len, len);
    assert_memory_equal(answer.body.data, data, len);
    assert_status(&answer, 200);
    assert_plain_length(&wire, "put", len);
    peer_assert_content(wire.peer);
    mem_free(url);
    mem_free(data);
}

static long max_memory_kb(void)
{
    struct rusage usage;

    assert_return_code(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* The body is sent from the buffer of the caller, without a copy. */
static void a_blob_of_fifty_megabytes_is_not_copied(void **state)
{
    size_t len = 50 * 1024 * 1024;
    unsigned char *data = pattern(len);
    struct answer answer;
    long before;

    before = max_memory_kb();
    append_blob(&wire, (struct bytes){data, len}, &answer);
    assert_status(&answer, 201);
    assert_true(max_memory_kb() - before < 8 * 1024);
    mem_free(data);
}

static void a_patch_streams_its_body_and_a_delete_has_none(void **state)
{
    static const char *const headers[] = {
        "Content-Type: application/octet-stream", NULL};
    size_t len = 3 * 1024 * 1024 + 17;
    unsigned char *data = pattern(len);
    struct http_request request;
    struct digest digest;
    struct answer answer;
    char *url;

    digest_of(data, len, &digest);
    url = open_session(&wire, &digest);
    *strstr(url, "&digest=") = '\0';
    request = request_of("PATCH", url);
    request.headers = headers;
    request.body = (struct bytes){data, len};
    run(&wire, &request, &answer);
    mem_free(url);
    url = mem_strdup(answer.location.data);
    assert_status(&answer, 202);
    assert_plain_length(&wire, "patch", len);
    request = request_of("DELETE", url);
    run(&wire, &request, &answer);
    assert_status(&answer, 204);
    peer_assert_manners(wire.peer);
    mem_free(url);
    mem_free(data);
}

static void an_empty_body_has_a_length_too(void **state)
{
    struct answer answer;
    char text[128];

    append_blob(&wire, (struct bytes){(const unsigned char *)"", 0}, &answer);
    assert_status(&answer, 201);
    assert_true(peer_logged(wire.peer, "post", 0, "content-length", text));
    assert_string_equal(text, "0");
    assert_true(peer_logged(wire.peer, "put", 0, "content-length", text));
    assert_string_equal(text, "0");
    /* curl would declare a POST without a body to be a form. */
    peer_assert_content(wire.peer);
}

static void each_method_goes_out_as_it_is_called(void **state)
{
    static const char *const methods[] = {"GET", "HEAD",  "POST",
                                          "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        char *url = url_of(&wire, "127.0.0.1", "/v2/a/nothing", false);
        struct http_request request = request_of(methods[i], url);
        struct answer answer;
        struct json *log;
        const struct json *entry;

        run(&wire, &request, &answer);
        assert_status(&answer, 404);
        log = peer_get(wire.peer, "/_log");
        entry = json_first(log);
        for (size_t skip = 0; skip < i; skip++) {
            entry = json_next(entry);
        }
        assert_string_equal(json_text(json_member(entry, "method")),
                            methods[i]);
        json_free(log);
        mem_free(url);
    }
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 6);
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
    char first[128];
    char other[128];
    struct answer answer;

    for (int i = 0; i < 3; i++) {
        get_path(&wire, "/v2/", &answer);
        assert_status(&answer, 200);
    }
    append_blob(&wire, bytes_of("x"), &answer);
    assert_status(&answer, 201);
    assert_true(peer_logged(wire.peer, "ping", 0, "connection", first));
    assert_true(peer_logged(wire.peer, "ping", 2, "connection", other));
    assert_string_equal(first, other);
    assert_true(peer_logged(wire.peer, "put", 0, "connection", other));
    assert_string_equal(first, other);
}

/* The case of a load balancer that closes an idle connection */
static void a_body_goes_out_again_when_the_kept_connection_is_dead(void **state)
{
    unsigned char *data = pattern(100000);
    struct answer answer;

    append_blob(&wire, (struct bytes){data, 100000}, &answer);
    assert_status(&answer, 201);
    assert_int_equal(peer_count(wire.peer, "stages", "put"), 2);
    peer_assert_content(wire.peer);
    mem_free(data);
}

static void cookies_are_never_sent_back(void **state)
{
    struct answer answer;

    for (int i = 0; i < 3; i++) {
        get_path(&wire, "/v2/", &answer);
        assert_status(&answer, 200);
    }
    peer_assert_content(wire.peer);
}

static void two_hundred_requests_at_once_all_end(void **state)
{
    static struct answer answers[200];
    char *url;

    url = url_of(&wire, "127.0.0.1", "/v2/", false);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct http_request request = request_of("GET", url);

        start(&wire, &request, &answers[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        await_flag(wire.loop, &answers[i].done, SOON_MS);
        assert_int_equal(answers[i].calls, 1);
        assert_status(&answers[i], 200);
    }
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 200);
    mem_free(url);
}

/* --- cancelling ------------------------------------------------------------
 */

static void a_cancelled_request_is_never_heard_of_again(void **state)
{
    struct http_transfer *transfer;
    struct http_request request;
    struct answer answer;

    request = get_of(&wire, "/v2/a/tags/list");
    transfer = start(&wire, &request, &answer);
    await_stage(wire.loop, wire.peer, "get", 1);
    http_cancel(transfer);
    turn_idle(wire.loop);
    assert_int_equal(answer.calls, 0);
    answer_release(&answer);
}

static void a_request_can_be_cancelled_before_it_goes_out(void **state)
{
    struct http_request request;
    struct answer answer;
    char *url;

    url = url_of(&wire, "localhost", "/v2/", false);
    request = request_of("GET", url);
    http_cancel(start(&wire, &request, &answer));
    turn_idle(wire.loop);
    assert_int_equal(answer.calls, 0);
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 0);
    answer_release(&answer);
    mem_free(url);
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
    answer_done(&pair->answer, response, err);
}

static void one_request_may_cancel_another_when_it_ends(void **state)
{
    struct pair pairs[2];
    struct http_request request;

    request = get_of(&wire, "/v2/");
    for (size_t i = 0; i < 2; i++) {
        answer_init(&pairs[i].answer);
    }
    /* The request that ends first cancels the other one. */
    pairs[0].other = http_start(wire.http, &request, on_first, &pairs[1]);
    pairs[1].other = http_start(wire.http, &request, on_first, &pairs[0]);
    while (pairs[0].answer.calls + pairs[1].answer.calls == 0) {
        loop_turn(wire.loop, true);
    }
    turn_idle(wire.loop);
    assert_int_equal(pairs[0].answer.calls + pairs[1].answer.calls, 1);
    answer_release(&pairs[0].answer);
    answer_release(&pairs[1].answer);
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
    struct pair pair = {.world = &wire};
    struct http_request request;

    request = get_of(&wire, "/v2/");
    http_start(wire.http, &request, on_chain, &pair);
    await_flag(wire.loop, &pair.answer.done, SOON_MS);
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_TEST(a_blob_of_three_megabytes_goes_there_and_comes_back, NULL),
        WIRE_TEST(a_blob_of_fifty_megabytes_is_not_copied, NULL),
        WIRE_TEST(a_patch_streams_its_body_and_a_delete_has_none, NULL),
        WIRE_TEST(an_empty_body_has_a_length_too, NULL),
        WIRE_TEST(each_method_goes_out_as_it_is_called, NULL),
        WIRE_TEST(a_connection_is_kept_for_the_next_request, NULL),
        WIRE_TEST(a_body_goes_out_again_when_the_kept_connection_is_dead,
                  "close@put"),
        WIRE_TEST(cookies_are_never_sent_back, "set-cookie"),
        WIRE_TEST(two_hundred_requests_at_once_all_end, NULL),
        WIRE_TEST(a_cancelled_request_is_never_heard_of_again, "hang@get"),
        WIRE_TEST(a_request_can_be_cancelled_before_it_goes_out, NULL),
        WIRE_TEST(one_request_may_cancel_another_when_it_ends, NULL),
        WIRE_TEST(a_request_may_start_the_next_when_it_ends, NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
