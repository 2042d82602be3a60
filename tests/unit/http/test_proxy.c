#include "asserts.h"
#include "http/proxy.h"

/* The rows of golang.org/x/net/http/httpproxy, and those where libcurl
 * differs from it */
static const struct {
    const char *list;
    const char *host;
    unsigned port;
    bool listed;
} rows[] = {
    {"", "a.example", 443, false},
    {",, ,", "a.example", 443, false},
    {"*", "a.example", 443, true},
    {"b.example, * ", "a.example", 443, true},
    /* names */
    {"a.example", "a.example", 443, true},
    {"A.Example", "a.example", 443, true},
    {"a.example.", "a.example", 443, true},
    {"a.example", "b.a.example", 443, true},
    {"a.example", "ba.example", 443, false},
    {"a.example", "example", 443, false},
    {".a.example", "b.a.example", 443, true},
    {".a.example", "a.example", 443, false},
    {"*.a.example", "b.a.example", 443, true},
    {"*.a.example", "c.b.a.example", 443, true},
    {"*.a.example", "a.example", 443, false},
    {"*.a.example", "ba.example", 443, false},
    {"*a.example", "ba.example", 443, false},
    {"x y\ta.example\n", "a.example", 443, true},
    {" a.example ,b.example", "b.example", 443, true},
    {"svc,.svc,.cluster.local", "kafka.svc", 443, true},
    {".", "a.example", 443, false},
    {"*.", "a.example", 443, false},
    /* ports */
    {"a.example:443", "a.example", 443, true},
    {"a.example:443", "b.a.example", 443, true},
    {"a.example:8443", "a.example", 443, false},
    {"*.a.example:8443", "b.a.example", 8443, true},
    {"*.a.example:8443", "b.a.example", 443, false},
    {"192.0.2.1:5000", "192.0.2.1", 5000, true},
    {"192.0.2.1:5000", "192.0.2.1", 443, false},
    {"[::1]:5000", "::1", 5000, true},
    {"[::1]:5000", "::1", 443, false},
    {"a.example:https", "a.example", 443, false},
    {":443", "a.example", 443, false},
    /* addresses */
    {"192.0.2.1", "192.0.2.1", 443, true},
    {"192.0.2.1", "192.0.2.10", 443, false},
    {"192.0.2.1", "1.192.0.2.1", 443, false},
    {"::1", "::1", 443, true},
    {"[::1]", "::1", 443, true},
    {"[0:0:0:0:0:0:0:1]", "::1", 443, true},
    {"2001:db8::1", "2001:db8:0::1", 443, true},
    {"::ffff:192.0.2.1", "192.0.2.1", 443, true},
    {"[::1", "::1", 443, false},
    /* networks */
    {"192.0.2.0/24", "192.0.2.200", 443, true},
    {"192.0.2.0/24", "192.0.3.1", 443, false},
    {"192.0.2.128/25", "192.0.2.127", 443, false},
    {"10.0.0.0/8", "10.255.0.1", 443, true},
    {"0.0.0.0/0", "198.51.100.1", 443, true},
    {"0.0.0.0/0", "a.example", 443, false},
    {"0.0.0.0/0", "::1", 443, false},
    {"2001:db8::/32", "2001:db8:1::1", 443, true},
    {"2001:db8::/32", "2001:db9::1", 443, false},
    {"fd00::/8", "fd12::1", 443, true},
    {"fe80::/10", "febf::1", 443, true},
    {"fe80::/10", "fec0::1", 443, false},
    {"192.0.2.1/32", "192.0.2.1", 443, true},
    {"192.0.2.1/33", "192.0.2.1", 443, false},
    {"192.0.2.0/", "192.0.2.1", 443, false},
    {"192.0.2.0/24x", "192.0.2.1", 443, false},
    {"192.0.2.0/999999999999", "192.0.2.1", 443, false},
    {"a.example/24", "a.example", 443, false},
    {"/", "a.example", 443, false},
};

static const char *const variables[] = {
    "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",   "all_proxy",
    "ALL_PROXY",  "no_proxy",   "NO_PROXY",    "REQUEST_METHOD"};

static void forget_environment(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        unsetenv(variables[i]);
    }
}

static bool is_listed(const char *list, const char *host, unsigned port)
{
    const struct url url = {.https = true, .host = (char *)host, .port = port};

    forget_environment();
    setenv("HTTPS_PROXY", "p", 1);
    setenv("NO_PROXY", list, 1);
    return proxy_of_environment(&url) == NULL;
}

static void no_proxy__is_read_as_gos_clients_read_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char label[128];

        snprintf(label, sizeof(label), "%s for %s:%u", rows[i].list,
                 rows[i].host, rows[i].port);
        check_number(label, is_listed(rows[i].list, rows[i].host, rows[i].port),
                     rows[i].listed);
    }
}

static void no_proxy__skips_what_is_longer_than_any_host(void **state)
{
    char list[1000];

    memset(list, 'a', sizeof(list));
    strcpy(list + 900, ",a.example");
    assert_true(is_listed(list, "a.example", 443));
    assert_false(is_listed(list, "b.example", 443));
}

static void check_environment(const char *const settings[3][2],
                              const char *text, const char *proxy)
{
    struct error err;
    struct url url;

    forget_environment();
    for (size_t i = 0; i < 3 && settings[i][0] != NULL; i++) {
        setenv(settings[i][0], settings[i][1], 1);
    }
    assert_int_equal(url_parse(text, NULL, &url, &err), 0);
    check_text(settings[0][0], proxy_of_environment(&url), proxy);
    url_release(&url);
}

static void environment__names_the_proxy_of_each_scheme(void **state)
{
    static const struct {
        const char *settings[3][2];
        const char *url;
        const char *proxy;
    } cases[] = {
        {{{"https_proxy", "p"}}, "https://a.example", "p"},
        {{{"HTTPS_PROXY", "p"}}, "https://a.example", "p"},
        {{{"http_proxy", "p"}}, "http://a.example", "p"},
        {{{"HTTP_PROXY", "p"}}, "http://a.example", "p"},
        {{{"HTTP_PROXY", "p"}, {"REQUEST_METHOD", "GET"}},
         "http://a.example",
         NULL},
        {{{"http_proxy", "p"}, {"REQUEST_METHOD", "GET"}},
         "http://a.example",
         "p"},
        {{{"HTTPS_PROXY", "p"}, {"REQUEST_METHOD", "GET"}},
         "https://a.example",
         "p"},
        {{{"http_proxy", "p"}}, "https://a.example", NULL},
        {{{"https_proxy", "p"}}, "http://a.example", NULL},
        {{{"https_proxy", ""}, {"HTTPS_PROXY", "p"}}, "https://a.example", "p"},
        {{{"ALL_PROXY", "p"}}, "http://a.example", "p"},
        {{{"all_proxy", "p"}, {"https_proxy", "q"}}, "https://a.example", "q"},
        {{{"https_proxy", "p"}, {"NO_PROXY", "a.example:443"}},
         "https://a.example",
         NULL},
        {{{"https_proxy", "p"}, {"no_proxy", "a.example:443"}},
         "https://a.example:8443",
         "p"},
        {{{"http_proxy", "p"}, {"no_proxy", "[::1]"}},
         "http://[::1]:5000/",
         NULL},
        {{{"all_proxy", "p"}, {"no_proxy", "*"}}, "http://a.example", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_environment(cases[i].settings, cases[i].url, cases[i].proxy);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_proxy__is_read_as_gos_clients_read_it),
        cmocka_unit_test(no_proxy__skips_what_is_longer_than_any_host),
        cmocka_unit_test(environment__names_the_proxy_of_each_scheme),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
