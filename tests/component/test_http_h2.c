/* HTTP/2 and servers that violate it, with the real libcurl */

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

static bool have_h2 = true;

static void h2_open(struct world *world, char **folder, const char *mode)
{
    struct peer *peer;

    if (!have_h2) {
        skip();
    }
    *folder = folder_new();
    peer = peer_run("odd_tls.py", (const char *const[]){"--directory", *folder,
                                                        "--h2", mode, NULL});
    if (peer == NULL) {
        folder_remove(*folder);
        have_h2 = false;
        skip();
    }
    world_open_at(world, peer);
}

static void h2_close(struct world *world, char *folder)
{
    world_close(world);
    folder_remove(folder);
}

static void send_to(struct world *world, const char *folder, const char *method,
                    struct bytes body, struct answer *answer)
{
    char *ca = path_in(folder, "ca.crt");
    char *url = url_of(world, "localhost", "/v2/", true);
    struct http_request request = request_of(method, url);

    request.transport = &(struct http_transport){.ca_file = ca};
    request.body = body;
    start(world, &request, answer);
    mem_free(ca);
    mem_free(url);
}

static void ask(struct world *world, const char *folder, const char *method,
                const char *body, struct answer *answer)
{
    send_to(world, folder, method, bytes_of(body), answer);
    await_flag(world->loop, &answer->done, SOON_MS);
    assert_int_equal(answer->calls, 1);
}

static void assert_protocol(struct answer *answer, const char *protocol)
{
    assert_string_equal(answer->err.message, "");
    assert_non_null(strstr(answer->body.data, protocol));
    assert_status(answer, 200);
}

static void requests_share_one_connection_once_there_is_one(void **state)
{
    struct answer answers[32];
    struct answer answer;
    struct world world;
    char *folder;

    h2_open(&world, &folder, "fine");
    ask(&world, folder, "GET", "", &answer);
    assert_protocol(&answer, "\"h2\"");
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        send_to(&world, folder, "PUT", bytes_of("body"), &answers[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        await_flag(world.loop, &answers[i].done, SOON_MS);
        assert_protocol(&answers[i], "\"length\": 4");
    }
    assert_int_equal(peer_count(world.peer, "connections", NULL), 1);
    assert_int_equal(peer_count(world.peer, "http1", NULL), 0);
    h2_close(&world, folder);
}

static void a_large_body_goes_out_in_http_2(void **state)
{
    size_t len = 3 * 1024 * 1024 + 17;
    unsigned char *data = mem_zalloc(len);
    struct answer answer;
    struct world world;
    char *folder;

    h2_open(&world, &folder, "fine");
    send_to(&world, folder, "PATCH", (struct bytes){data, len}, &answer);
    await_flag(world.loop, &answer.done, SOON_MS);
    assert_non_null(strstr(answer.body.data, "\"length\": 3145745"));
    assert_protocol(&answer, "\"h2\"");
    mem_free(data);
    h2_close(&world, folder);
}

static void a_server_that_breaks_http_2_is_asked_in_http_1(void **state)
{
    static const char *const modes[] = {"reset", "goaway", "garbage", "http11"};
    static const char *const methods[] = {"GET",  "GET", "GET",
                                          "POST", "PUT", "PATCH"};

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        struct world world;
        char *folder;
        int broken = 0;

        h2_open(&world, &folder, modes[i]);
        for (size_t j = 0; j < ARRAY_SIZE(methods); j++) {
            bool has_body = strcmp(methods[j], "GET") != 0;
            const char *body = has_body ? "some body" : "";
            struct answer answer;

            ask(&world, folder, methods[j], body, &answer);
            assert_string_equal(answer.err.message, "");
            assert_non_null(strstr(answer.body.data, has_body
                                                         ? "\"length\": 9"
                                                         : "\"length\": 0"));
            assert_protocol(&answer, "\"http/1.1\"");
            /* Once the violation is certain, HTTP/2 is not tried again. */
            if (j == 0 || strcmp(modes[i], "http11") != 0) {
                int before = broken;

                broken = peer_count(world.peer, "h2", NULL);
                assert_int_equal(broken > before, j < 3);
            }
        }
        h2_close(&world, folder);
    }
}

/* A restart, or a connection that has reached its maximum age, is no violation
 * of HTTP/2. */
static void a_goaway_in_good_order_is_not_the_end_of_http_2(void **state)
{
    char *folder;
    struct world world;

    h2_open(&world, &folder, "graceful");
    for (int i = 0; i < 5; i++) {
        struct answer answer;

        ask(&world, folder, "PUT", "some body", &answer);
        /* The second request is lost with its connection. */
        assert_protocol(&answer, i == 1 ? "\"length\": 9" : "\"h2\"");
    }
    h2_close(&world, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_share_one_connection_once_there_is_one),
        cmocka_unit_test(a_large_body_goes_out_in_http_2),
        cmocka_unit_test(a_server_that_breaks_http_2_is_asked_in_http_1),
        cmocka_unit_test(a_goaway_in_good_order_is_not_the_end_of_http_2),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed == 0 && !have_h2 ? 77 : failed;
}
