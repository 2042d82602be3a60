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

static long most_memory_kb(void)
{
    struct rusage usage;

    assert_return_code(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* It goes out of the one buffer that the caller has. */
static void a_blob_of_fifty_megabytes_is_not_copied(void **state)
{
    size_t len = 50 * 1024 * 1024;
    unsigned char *data = pattern(len);
    struct answer answer;
    struct world world;
    long before;

    world_open(&world, NONE, NULL);
    before = most_memory_kb();
    put_blob(&world, (struct bytes){data, len}, &answer);
    assert_status(&answer, 201);
    assert_true(most_memory_kb() - before < 8 * 1024);
    mem_free(data);
    world_close(&world);
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
    struct world world;
    char text[128];
    char *url;

    world_open(&world, NONE, NULL);
    digest_of(data, len, &digest);
    url = open_session(&world, &digest);
    *strstr(url, "&digest=") = '\0';
    request = request_of("PATCH", url);
    request.headers = headers;
    request.body = (struct bytes){data, len};
    run(&world, &request, &answer);
    mem_free(url);
    url = mem_strdup(answer.location.data);
    assert_status(&answer, 202);
    assert_true(peer_logged(world.peer, "patch", 0, "content-length", text));
    assert_int_equal(strtoul(text, NULL, 10), len);
    assert_true(peer_logged(world.peer, "patch", 0, "expect", text));
    assert_string_equal(text, "");
    assert_true(peer_logged(world.peer, "patch", 0, "transfer-encoding", text));
    assert_string_equal(text, "");
    request = request_of("DELETE", url);
    run(&world, &request, &answer);
    assert_status(&answer, 204);
    peer_assert_manners(world.peer);
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
    static const char *const methods[] = {"GET", "HEAD",  "POST",
                                          "PUT", "PATCH", "DELETE"};
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
    assert_int_equal(peer_count(world.peer, "requests", NULL), 6);
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
    answer_done(&pair->answer, response, err);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_of_three_megabytes_goes_there_and_comes_back),
        cmocka_unit_test(a_blob_of_fifty_megabytes_is_not_copied),
        cmocka_unit_test(a_patch_streams_its_body_and_a_delete_has_none),
        cmocka_unit_test(an_empty_body_has_a_length_too),
        cmocka_unit_test(each_method_goes_out_as_it_is_called),
        cmocka_unit_test(a_connection_is_kept_for_the_next_request),
        cmocka_unit_test(
            a_body_goes_out_again_when_the_kept_connection_is_dead),
        cmocka_unit_test(cookies_are_never_sent_back),
        cmocka_unit_test(two_hundred_requests_at_once_all_end),
        cmocka_unit_test(a_cancelled_request_is_never_heard_of_again),
        cmocka_unit_test(a_request_can_be_cancelled_before_it_goes_out),
        cmocka_unit_test(one_request_may_cancel_another_when_it_ends),
        cmocka_unit_test(a_request_may_start_the_next_when_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
