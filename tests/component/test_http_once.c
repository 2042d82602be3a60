/* A request that has an effect each time is sent only once, and it is known
 * whether it was sent, with the real libcurl */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_world.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

#define BODY "{\"some\":\"body\"}"

/* A PUT to an open session may be repeated as often as the caller wants. */
static void append_once(struct world *world, struct answer *answer)
{
    struct http_request request = blob_of(bytes_of(BODY));

    request.once = true;
    put(world, request, answer);
}

static void assert_sent(struct answer *answer, bool sent)
{
    assert_int_equal(answer->err.unsent, !sent);
    assert_kind(answer, ERROR_UNREACHABLE);
}

/* With `once` unset curl sends it again: test_http.c */
static void it_is_not_sent_again_when_the_connection_is_closed(void **state)
{
    struct answer answer;
    struct world world;

    world_open(&world, SCENARIOS("close@put"), NULL);
    append_once(&world, &answer);
    assert_sent(&answer, true);
    assert_int_equal(peer_count(world.peer, "stages", "put"), 1);
    append_once(&world, &answer); /* the caller may repeat it */
    assert_status(&answer, 201);
    world_close(&world);
}

static void it_has_a_connection_of_its_own(void **state)
{
    char seen[2][128];
    struct answer answer;
    struct world world;

    world_open(&world, NONE, NULL);
    for (int i = 0; i < 2; i++) {
        append_once(&world, &answer);
        assert_status(&answer, 201);
        assert_true(peer_logged(world.peer, "put", i, "connection", seen[i]));
    }
    assert_string_not_equal(seen[0], seen[1]);
    world_close(&world);
}

static void it_is_unsent_when_nobody_listens(void **state)
{
    struct http_request request = request_of("POST", NULL);
    struct answer answer;
    struct world world;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "127.0.0.1", "/", false);
    peer_stop(world.peer);
    world.peer = NULL;
    request.url = url;
    request.body = bytes_of(BODY);
    run(&world, &request, &answer);
    assert_sent(&answer, false);
    mem_free(url);
    world_close(&world);
}

/* The server uses plain http, so the handshake fails. */
static void it_is_unsent_when_the_handshake_fails(void **state)
{
    struct http_request request = request_of("POST", NULL);
    struct answer answer;
    struct world world;
    char *url;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "127.0.0.1", "/", true);
    request.url = url;
    request.body = bytes_of(BODY);
    run(&world, &request, &answer);
    assert_sent(&answer, false);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 0);
    mem_free(url);
    world_close(&world);
}

static void a_server_that_breaks_http_2_is_left_to_the_next_request(
    void **state)
{
    static const char *const modes[] = {"reset", "garbage"};

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        char *folder = folder_new();
        struct answer answer;
        struct world world;
        struct http_request request;
        struct peer *peer = peer_run(
            "odd_tls.py", (const char *const[]){"--directory", folder, "--h2",
                                                modes[i], NULL});
        char *ca = path_in(folder, "ca.crt");
        char *url;

        if (peer == NULL) {
            mem_free(ca);
            folder_remove(folder);
            skip();
        }
        world_open_at(&world, peer);
        url = url_of(&world, "localhost", "/hook", true);
        request = request_of("POST", url);
        request.transport = &(struct http_transport){.ca_file = ca};
        request.body = bytes_of(BODY);
        request.once = true;
        run(&world, &request, &answer);
        assert_sent(&answer, true);
        assert_int_equal(peer_count(world.peer, "http1", NULL), 0);
        run(&world, &request, &answer);
        assert_string_equal(answer.err.message, "");
        assert_non_null(strstr(answer.body.data, "\"http/1.1\""));
        assert_status(&answer, 200);
        mem_free(url);
        mem_free(ca);
        world_close(&world);
        folder_remove(folder);
    }
}

/* The log contains more requests than are asserted. */
static void a_long_response_is_cut_where_the_caller_wants_it(void **state)
{
    char *url;
    struct answer answer;
    struct world world;
    struct http_request request = request_of("GET", NULL);

    world_open(&world, NONE, NULL);
    get_path(&world, "/_log", &answer);
    answer_release(&answer);
    get_path(&world, "/_count", &answer);
    assert_true(answer.body.len > 10);
    answer_release(&answer);
    url = url_of(&world, "127.0.0.1", "/_count", false);
    request.url = url;
    request.max_body = 10;
    run(&world, &request, &answer);
    assert_kind(&answer, ERROR_UNAVAILABLE);
    request.truncates_body = true;
    run(&world, &request, &answer);
    assert_int_equal(answer.body.len, 10);
    assert_status(&answer, 200);
    mem_free(url);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_not_sent_again_when_the_connection_is_closed),
        cmocka_unit_test(it_has_a_connection_of_its_own),
        cmocka_unit_test(it_is_unsent_when_nobody_listens),
        cmocka_unit_test(it_is_unsent_when_the_handshake_fails),
        cmocka_unit_test(
            a_server_that_breaks_http_2_is_left_to_the_next_request),
        cmocka_unit_test(a_long_response_is_cut_where_the_caller_wants_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
