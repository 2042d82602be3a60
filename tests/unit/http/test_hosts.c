/* The state that is kept for a host: its directory in certs.d, and its expiry
 */

#include <sys/stat.h>
#include <unistd.h>

#include "asserts.h"
#include "waybill/http.h"

/* Nothing listens there, so nothing leaves this machine. */
#define NOWHERE "http://127.0.0.1:1"
#define LONELY_KEY "certs.d: "

static char root[64];
static struct loop *loop;
static struct http *http;

struct ended {
    bool over;
    struct error err;
};

static int begin(void **state)
{
    strcpy(root, "/tmp/waybill-hosts-XXXXXX");
    assert_non_null(mkdtemp(root));
    loop = loop_new(clock_system());
    http = http_new(loop);
    return 0;
}

static int finish(void **state)
{
    char command[128];

    http_free(http);
    loop_free(loop);
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    assert_int_equal(system(command), 0);
    return 0;
}

/* A directory that makes requests fail: it contains a key without a
 * certificate. */
static void spoil(const char *folder)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", root, folder);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/%s/lonely.key", root, folder);
    file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
}

static void on_end(void *payload, const struct http_response *response,
                   const struct error *err)
{
    struct ended *ended = payload;

    ended->over = true;
    assert_null(response);
    ended->err = *err;
}

static struct http_transfer *start(const char *url, const char *folder,
                                   struct ended *ended)
{
    char path[256];
    struct http_transport transport = {.proxy = NOWHERE, .certs_dir = path};
    struct http_request request = {.method = "GET",
                                   .url = url,
                                   .transport = &transport,
                                   .max_body = 1,
                                   .timeouts = {5000, 5000}};

    snprintf(path, sizeof(path), "%s%s", root, folder);
    *ended = (struct ended){0};
    return http_start(http, &request, on_end, ended);
}

static void wait_for(const struct ended *ended)
{
    while (!ended->over) {
        loop_turn(loop, true);
    }
}

/* The error: that of the directory in certs.d, or a later one */
static const char *fault_of(const char *url, const char *folder)
{
    static struct ended ended;

    start(url, folder, &ended);
    wait_for(&ended);
    return ended.err.message;
}

static void a_hosts_folder_is_named_as_in_the_url(void **state)
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

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_null(strstr(fault_of(cases[i].url, "/none"), LONELY_KEY));
        spoil(cases[i].name);
        check_contains(cases[i].url, fault_of(cases[i].url, ""), LONELY_KEY);
        check_contains(cases[i].url, fault_of(cases[i].url, ""), cases[i].name);
    }
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

    spoil(".");
    spoil("inner");
    spoil("inner/registry.example");
    spoil("inner/a@b");
    spoil("inner/a%2Fb");
    spoil("inner/a\\b");
    spoil("inner/a");
    spoil("inner/a/b");
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        check(urls[i], strstr(fault_of(urls[i], "/inner"), LONELY_KEY) == NULL);
    }
}

/* A thousand other hosts are used, of which only a limited number is
 * remembered; the one with a request in flight remains. */
static void the_oldest_are_forgotten_but_not_those_in_use(void **state)
{
    struct ended used;
    struct ended other;
    char url[64];

    start("https://used/", "", &used);
    for (int i = 0; i < 1000; i++) {
        snprintf(url, sizeof(url), "https://host-%d/", i);
        http_cancel(start(url, "", &other));
    }
    wait_for(&used);
    check_contains("used", used.err.message, "proxy");
}

#define HOSTS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOSTS_TEST(a_hosts_folder_is_named_as_in_the_url),
        HOSTS_TEST(what_could_be_a_path_is_no_host),
        HOSTS_TEST(the_oldest_are_forgotten_but_not_those_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
