/* Responses that are too large, too late or missing, with the real libcurl */

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

#include "http_world.h"
#include "waybill/alloc.h"
#include "waybill/digest.h"
#include "waybill/http.h"
#include "waybill/limits.h"

/* curl checks its speed once a second, over the last five seconds. */
#define SLACK_MS 8000

/* --- responses that are too large or missing ---------------------------------
 */

/* Runs the request, and returns how many milliseconds that took. */
static uint64_t time_of(const struct http_request *request,
                        struct answer *answer)
{
    uint64_t began = loop_now(wire.loop);

    run(&wire, request, answer);
    return loop_now(wire.loop) - began;
}

static void a_body_over_its_cap_is_an_error(void **state)
{
    struct answer answer;

    get_path(&wire, "/v2/a/tags/list", &answer);
    assert_int_equal(answer.body.len, 0);
    assert_kind(&answer, ERROR_UNAVAILABLE);
}

static void a_body_of_exactly_its_cap_is_none(void **state)
{
    struct http_request request;
    struct answer answer;

    request = get_of(&wire, "/v2/");
    request.max_body = 2; /* {} */
    run(&wire, &request, &answer);
    assert_string_equal(answer.body.data, "{}");
    assert_status(&answer, 200);
    request.max_body = 1;
    run(&wire, &request, &answer);
    assert_kind(&answer, ERROR_UNAVAILABLE);
}

static void headers_over_their_cap_are_an_error(void **state)
{
    struct answer answer;

    get_path(&wire, "/v2/a/tags/list", &answer);
    assert_kind(&answer, ERROR_UNAVAILABLE);
}

static void a_registry_that_hangs_is_given_up_in_time(void **state)
{
    struct http_request request;
    struct answer answer;
    uint64_t took;

    request = get_of(&wire, "/v2/a/tags/list");
    request.timeouts.answer_ms = 1000;
    took = time_of(&request, &answer);
    assert_kind(&answer, ERROR_UNREACHABLE);
    assert_in_range(took, 900, 1000 + SLACK_MS);
}

static void a_slow_answer_within_its_time_is_waited_for(void **state)
{
    struct http_request request;
    struct answer answer;

    request = get_of(&wire, "/v2/a/tags/list");
    request.timeouts.answer_ms = 6000;
    run(&wire, &request, &answer);
    assert_status(&answer, 200);
}

/* A registry that has received the complete body may take its time to commit
 * it. */
static void append_slowly(const char *scenario, uint32_t answer_ms,
                          struct answer *answer, uint64_t *ret_took_ms)
{
    size_t len = 3 * 1024 * 1024;
    unsigned char *data = pattern(len);
    struct http_request request = blob_of((struct bytes){data, len});
    struct world world;
    uint64_t began;

    world_open(&world, SCENARIOS(scenario), NULL);
    request.timeouts.answer_ms = answer_ms;
    began = loop_now(world.loop);
    put(&world, request, answer);
    *ret_took_ms = loop_now(world.loop) - began;
    mem_free(data);
    world_close(&world);
}

static void a_slow_commit_is_waited_for(void **state)
{
    struct answer answer;
    uint64_t took;

    append_slowly("slow=2@put", 3000, &answer, &took);
    assert_status(&answer, 201);
    assert_true(took >= 1900);
}

static void a_commit_that_never_ends_is_given_up(void **state)
{
    struct answer answer;
    uint64_t took;

    append_slowly("hang@put", 2000, &answer, &took);
    assert_says(&answer, "no answer in time");
    assert_in_range(took, 1900, 2000 + SLACK_MS);
}

/* It never pauses for long, and never ends. */
static void a_registry_that_drips_is_given_up_too(void **state)
{
    struct http_request request;
    struct answer answer;
    uint64_t took;

    request = get_of(&wire, "/v2/a/tags/list");
    request.timeouts.connect_ms = 400;
    request.timeouts.answer_ms = 1100;
    took = time_of(&request, &answer);
    assert_says(&answer, "no answer in time");
    assert_in_range(took, 11300, 11400 + 3000);
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
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/v2/", free_port());
    request = request_of("GET", url);
    assert_true(time_of(&request, &answer) < 3000);
    assert_kind(&answer, ERROR_UNREACHABLE);
}

static void a_url_that_is_none_fails_later_and_not_at_once(void **state)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "http://", "",
                                       "file:///etc/hostname"};

    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct http_request request = request_of("GET", urls[i]);
        struct answer answer;

        run(&wire, &request, &answer);
        assert_kind(&answer, ERROR_UNREACHABLE);
    }
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

    append_blob(&wire, (struct bytes){data, len}, &answer);
    assert_status(&answer, 413);
    mem_free(data);
}

static void a_redirect_is_the_callers_to_follow(void **state)
{
    struct answer answer;

    get_path(&wire, "/v2/a/tags/list", &answer);
    assert_non_null(strstr(answer.location.data, "/moved/v2/a/tags/list"));
    assert_status(&answer, 307);
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_TEST(a_body_over_its_cap_is_an_error, "huge-error-body=5@get"),
        WIRE_TEST(a_body_of_exactly_its_cap_is_none, NULL),
        WIRE_TEST(headers_over_their_cap_are_an_error, "huge-headers=400@get"),
        WIRE_TEST(a_registry_that_hangs_is_given_up_in_time, "hang@get"),
        WIRE_TEST(a_slow_answer_within_its_time_is_waited_for, "slow=1.5@get"),
        cmocka_unit_test(a_slow_commit_is_waited_for),
        cmocka_unit_test(a_commit_that_never_ends_is_given_up),
        WIRE_TEST(a_registry_that_drips_is_given_up_too, "drip@get"),
        WIRE_TEST(a_refused_connection_is_unreachable_at_once, NULL),
        WIRE_TEST(a_url_that_is_none_fails_later_and_not_at_once, NULL),
        cmocka_unit_test(what_comes_apart_on_the_way_is_unreachable),
        WIRE_TEST(an_early_413_is_an_answer_and_not_a_broken_pipe, "413-early"),
        WIRE_TEST(a_redirect_is_the_callers_to_follow, "redirect-307"),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
