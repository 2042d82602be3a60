/* Requests through a proxy, and the messages about failures of it */

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

/* The names that libcurl reads, so that each test begins with none */
static const char *const variables[] = {
    "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
    "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static void forget_environment(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        unsetenv(variables[i]);
    }
}

struct route {
    struct world world; /* the registry */
    struct peer *proxy;
    char *folder;
    char *ca;
    char plain[128]; /* the proxy's URL */
    char named[128]; /* with alice:s3cret@ */
};

static void route_open(struct route *route, const char *const *arguments)
{
    forget_environment();
    route->folder = folder_new();
    route->ca = path_in(route->folder, "ca.crt");
    world_open(&route->world, NONE, route->folder);
    route->proxy = peer_run("odd_proxy.py", arguments);
    snprintf(route->plain, sizeof(route->plain), "http://%s",
             peer_address(route->proxy));
    snprintf(route->named, sizeof(route->named), "http://alice:s3cret@%s",
             peer_address(route->proxy));
}

static void route_close(struct route *route)
{
    forget_environment();
    peer_stop(route->proxy);
    world_close(&route->world);
    folder_remove(route->folder);
    mem_free(route->ca);
}

#define PROXY(...) ((const char *const[]){__VA_ARGS__, NULL})

static void ask(struct route *route, const char *host, bool tls,
                const char *proxy, struct answer *answer)
{
    static const char *const headers[] = {"Authorization: Bearer token", NULL};
    char *url = url_of(&route->world, host, "/v2/", tls);
    struct http_request request = request_of("GET", url);

    request.headers = headers;
    request.timeouts.connect_ms = 1500;
    request.transport =
        &(struct http_transport){.ca_file = route->ca, .proxy = proxy};
    run(&route->world, &request, answer);
    mem_free(url);
}

static int through(const struct route *route)
{
    return peer_count(route->proxy, "connect", NULL) +
           peer_count(route->proxy, "forward", NULL);
}

static void a_proxy_of_ones_own_is_gone_through(void **state)
{
    struct answer answer;
    struct route route;

    route_open(&route, NONE);
    /* The configured proxy applies, whatever the environment contains. */
    setenv("no_proxy", "*", 1);
    ask(&route, "localhost", true, route.plain, &answer);
    assert_status(&answer, 200);
    assert_int_equal(peer_count(route.proxy, "connect", NULL), 1);
    ask(&route, "127.0.0.1", false, route.plain, &answer);
    assert_status(&answer, 200);
    assert_int_equal(peer_count(route.proxy, "forward", NULL), 1);
    /* The proxy must not receive the credentials of the registry. */
    assert_int_equal(peer_count(route.proxy, "authorization", NULL), 0);
    route_close(&route);
}

static void a_tunnel_is_kept_and_only_for_its_own_proxy(void **state)
{
    struct answer answer;
    struct route route;

    route_open(&route, NONE);
    for (int i = 0; i < 3; i++) {
        ask(&route, "localhost", true, route.plain, &answer);
        assert_status(&answer, 200);
    }
    assert_int_equal(through(&route), 1);
    ask(&route, "localhost", true, route.named, &answer);
    assert_status(&answer, 200);
    assert_int_equal(through(&route), 2);
    ask(&route, "localhost", true, "", &answer);
    assert_status(&answer, 200);
    assert_int_equal(through(&route), 2);
    route_close(&route);
}

static void the_environment_names_a_proxy(void **state)
{
    static const struct {
        const char *variable;
        bool tls;
        bool used;
    } cases[] = {{"https_proxy", true, true},  {"HTTPS_PROXY", true, true},
                 {"http_proxy", false, true},  {"HTTP_PROXY", false, true},
                 {"all_proxy", true, true},    {"ALL_PROXY", true, true},
                 {"all_proxy", false, true},   {"http_proxy", true, false},
                 {"https_proxy", false, false}};
    struct route route;

    route_open(&route, NONE);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int before = through(&route);
        struct http *fresh = http_new(route.world.loop);
        struct answer answer;

        http_free(route.world.http); /* and the number of its connections */
        route.world.http = fresh;
        forget_environment();
        setenv(cases[i].variable, route.plain, 1);
        ask(&route, "localhost", cases[i].tls, NULL, &answer);
        assert_status(&answer, 200);
        assert_int_equal(through(&route) - before, cases[i].used);
        /* "" means no proxy. */
        ask(&route, "127.0.0.1", cases[i].tls, "", &answer);
        assert_status(&answer, 200);
        assert_int_equal(through(&route) - before, cases[i].used);
    }
    route_close(&route);
}

static void no_proxy_lists_names_domains_and_networks(void **state)
{
    static const struct {
        const char *list;
        const char *host;
        bool used;
    } cases[] = {{"localhost", "localhost", false},
                 {"other,LOCALHOST", "localhost", false},
                 {"*", "localhost", false},
                 {"127.0.0.0/8", "127.0.0.1", false},
                 {"*.localhost", "localhost", true},
                 {"localhost:1,127.0.0.1:1", "localhost", true},
                 {"host", "localhost", true},
                 {"", "localhost", true}};
    struct route route;

    route_open(&route, NONE);
    for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        int before = through(&route);
        struct http *fresh = http_new(route.world.loop);
        struct answer answer;

        http_free(route.world.http);
        route.world.http = fresh;
        forget_environment();
        setenv("https_proxy", route.plain, 1);
        setenv(i % 2 == 0 ? "no_proxy" : "NO_PROXY", cases[i / 2].list, 1);
        ask(&route, cases[i / 2].host, true, NULL, &answer);
        assert_status(&answer, 200);
        assert_int_equal(through(&route) - before, cases[i / 2].used);
    }
    route_close(&route);
}

static void credentials_are_shown_to_the_proxy_and_to_nobody_else(void **state)
{
    struct answer answer;
    struct route route;

    route_open(&route, PROXY("--user", "alice:s3cret"));
    ask(&route, "localhost", true, route.named, &answer);
    assert_status(&answer, 200);
    ask(&route, "localhost", false, route.named, &answer);
    assert_status(&answer, 200);
    route_close(&route);
}

/* Each message names the proxy, and never what precedes the @. */
static void assert_blames(struct route *route, struct answer *answer,
                          const char *text)
{
    assert_null(strstr(answer->err.message, "s3cret"));
    assert_null(strstr(answer->err.message, "alice"));
    assert_non_null(strstr(answer->err.message, peer_address(route->proxy)));
    assert_non_null(strstr(answer->err.message, "proxy"));
    assert_says(answer, text);
}

static void a_407_says_what_to_change(void **state)
{
    struct answer answer;
    struct route route;

    route_open(&route, PROXY("--user", "alice:other"));
    for (int i = 0; i < 4; i++) {
        ask(&route, "localhost", i % 2 == 0, i < 2 ? route.plain : route.named,
            &answer);
        assert_blames(&route, &answer, "USER:PASSWORD@");
    }
    forget_environment();
    setenv("https_proxy", route.named, 1);
    ask(&route, "localhost", true, NULL, &answer);
    assert_blames(&route, &answer, "USER:PASSWORD@");
    route_close(&route);
}

/* From the configuration as well as from the environment */
static void assert_named(const char *const *options, const char *text)
{
    struct answer answer;
    struct route route;

    route_open(&route, options);
    ask(&route, "localhost", true, route.named, &answer);
    assert_blames(&route, &answer, text);
    setenv("https_proxy", route.named, 1);
    ask(&route, "localhost", true, NULL, &answer);
    assert_blames(&route, &answer, text);
    route_close(&route);
}

static void a_proxy_that_refuses_is_named(void **state)
{
    assert_named(PROXY("--answer", "403"), "403");
}

static void a_proxy_that_hangs_is_named(void **state)
{
    assert_named(PROXY("--hang"), "no answer in time");
}

static void a_proxy_that_is_not_there_is_named(void **state)
{
    struct answer answer;
    struct route route;

    route_open(&route, NONE);
    ask(&route, "localhost", true, "http://alice:s3cret@127.0.0.1:1", &answer);
    assert_null(strstr(answer.err.message, "s3cret"));
    assert_says(&answer, "proxy '127.0.0.1:1'");
    ask(&route, "localhost", true, "http://alice:s3cret@nowhere.invalid:1",
        &answer);
    assert_null(strstr(answer.err.message, "s3cret"));
    assert_says(&answer, "proxy 'nowhere.invalid:1'");
    setenv("all_proxy", "http://alice:s3cret@127.0.0.1:1", 1);
    ask(&route, "localhost", true, NULL, &answer);
    assert_says(&answer, "proxy '127.0.0.1:1'");
    route_close(&route);
}

static void the_registrys_own_faults_are_not_the_proxys(void **state)
{
    struct answer answer;
    struct route route;
    char *ca;

    route_open(&route, NONE);
    ca = route.ca;
    route.ca = NULL;
    ask(&route, "localhost", true, route.plain, &answer);
    assert_null(strstr(answer.err.message, "proxy"));
    assert_says(&answer, "set ca_file");
    route.ca = ca;
    route_close(&route);
}

static void a_url_that_is_no_proxys_is_not_shown(void **state)
{
    static const char *const urls[] = {"ftp://alice:s3cret@127.0.0.1:1",
                                       "http://alice:s3cret@[::1:1",
                                       "alice:s3cret@:x"};
    struct answer answer;
    struct route route;

    route_open(&route, NONE);
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        ask(&route, "localhost", true, urls[i], &answer);
        assert_null(strstr(answer.err.message, "s3cret"));
        assert_says(&answer, "proxy");
    }
    route_close(&route);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_of_ones_own_is_gone_through),
        cmocka_unit_test(a_tunnel_is_kept_and_only_for_its_own_proxy),
        cmocka_unit_test(the_environment_names_a_proxy),
        cmocka_unit_test(no_proxy_lists_names_domains_and_networks),
        cmocka_unit_test(credentials_are_shown_to_the_proxy_and_to_nobody_else),
        cmocka_unit_test(a_407_says_what_to_change),
        cmocka_unit_test(a_proxy_that_refuses_is_named),
        cmocka_unit_test(a_proxy_that_hangs_is_named),
        cmocka_unit_test(a_proxy_that_is_not_there_is_named),
        cmocka_unit_test(the_registrys_own_faults_are_not_the_proxys),
        cmocka_unit_test(a_url_that_is_no_proxys_is_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
