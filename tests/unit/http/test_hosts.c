/* What is known of a host, and what certs.d holds for it */

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

#include "http/http_internal.h"
#include "waybill/alloc.h"

static void http_init(struct http *http)
{
    *http = (struct http){0};
    TAILQ_INIT(&http->hosts);
}

static void a_host_is_named_as_in_the_url(void **state)
{
    static const struct {
        const char *url;
        const char *name;
    } cases[] = {
        {"https://registry.example/v2/", "registry.example"},
        {"https://Registry.Example:443?a=b", "registry.example:443"},
        {"HTTPS://[::1]:5000/v2/", "[::1]:5000"},
        {"https://a_b-c:1#x", "a_b-c:1"},
    };
    struct http http;

    http_init(&http);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct host *host = host_enter(&http, cases[i].url, NULL);

        assert_non_null(host);
        assert_string_equal(host->name, cases[i].name);
        assert_ptr_equal(host_enter(&http, cases[i].url, NULL), host);
        assert_ptr_not_equal(host_enter(&http, cases[i].url, ""), host);
    }
    hosts_free(&http);
}

/* It becomes a part of a path. */
static void what_could_be_a_path_is_no_host(void **state)
{
    static const char *const urls[] = {"http://registry.example/",
                                       "https://../",
                                       "https://./",
                                       "https://",
                                       "https:///etc",
                                       "https://a%2Fb/",
                                       "https://a@b/",
                                       "https://a\\b/"};
    struct http http;

    http_init(&http);
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        assert_null(host_enter(&http, urls[i], NULL));
    }
    hosts_free(&http);
}

static void the_oldest_are_forgotten_but_not_those_in_use(void **state)
{
    struct host *used;
    struct http http;
    char url[64];

    http_init(&http);
    used = host_enter(&http, "https://used/", NULL);
    for (int i = 0; i < 1000; i++) {
        snprintf(url, sizeof(url), "https://host-%d/", i);
        host_leave(host_enter(&http, url, NULL));
    }
    assert_true(http.host_count <= 257);
    assert_ptr_equal(host_enter(&http, "https://used/", NULL), used);
    hosts_free(&http);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* "-----BEGIN " in a text: how many certificates it holds, nearly */
static size_t count_of(const char *text)
{
    size_t count = 0;

    while ((text = strstr(text, "-----BEGIN ")) != NULL) {
        count++;
        text++;
    }
    return count;
}

static void authorities_come_on_top_of_the_systems(void **state)
{
    const char *usual = curl_version_info(CURLVERSION_NOW)->cainfo;
    char root[] = "/tmp/waybill-certs-XXXXXX";
    char folder[64];
    char command[128];
    struct certs *certs;

    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof(folder), "%s/a:1", root);
    assert_return_code(mkdir(folder, 0700), 0);
    put(folder, "b.crt", "-----BEGIN B-----\n");
    put(folder, "a.crt", "-----BEGIN A-----");
    put(folder, "README", "-----BEGIN C-----\n");
    certs = certs_load("a:1", root);
    assert_null(certs->fault);
    assert_non_null(strstr(certs->authorities.data,
                           "\n-----BEGIN A-----\n-----BEGIN B-----\n"));
    if (usual != NULL && access(usual, R_OK) == 0) {
        assert_true(count_of(certs->authorities.data) > 10);
    } else {
        assert_int_equal(count_of(certs->authorities.data), 2);
    }
    certs_leave(certs);
    certs = certs_load("a:2", root);
    assert_int_equal(certs->authorities.len, 0);
    certs_leave(certs);
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_named_as_in_the_url),
        cmocka_unit_test(what_could_be_a_path_is_no_host),
        cmocka_unit_test(the_oldest_are_forgotten_but_not_those_in_use),
        cmocka_unit_test(authorities_come_on_top_of_the_systems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
