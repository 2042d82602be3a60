#include "asserts.h"
#include "cli/helper_internal.h"
#include "waybill/limits.h"

static const struct parsed {
    const char *text;
    const char *scheme; /* NULL: refused */
    const char *host;
    const char *path;
} parsed[] = {
    {"https://ghcr.io/v2/a/b/manifests/x", "https", "ghcr.io",
     "/v2/a/b/manifests/x"},
    {"HTTPS://GHCR.io/V2/A", "https", "ghcr.io", "/V2/A"},
    {"http://[::1]:5000/v2/", "http", "[::1]:5000", "/v2/"},
    {"https://host:8443?x#y", "https", "host:8443", ""},
    {"https://host/a?b=/v2/c", "https", "host", "/a"},
    {"https://host/a#/v2/c", "https", "host", "/a"},
    {"grpcs://remote.acme.com", "grpcs", "remote.acme.com", ""},
    {"https://host/%76%32/a%2Fb", "https", "host", "/v2/a/b"},
    {"https://host/100%25", "https", "host", "/100%"},
    {"https://host/%00", NULL, NULL, NULL},
    {"https://host/%4", NULL, NULL, NULL},
    {"https://host/%", NULL, NULL, NULL},
    {"https://host/%zz", NULL, NULL, NULL},
    {"https://user:password@host/", NULL, NULL, NULL},
    {"https://user@host/", NULL, NULL, NULL},
    {"https://ghcr.io\\@evil.example/", NULL, NULL, NULL},
    {"https://evil.example\\.ghcr.io/", NULL, NULL, NULL},
    {"https://host/a\\b", NULL, NULL, NULL},
    {"https://ho%73t/", NULL, NULL, NULL},
    {"https://h\xC3\xB6st/", NULL, NULL, NULL},
    {"https://host /", NULL, NULL, NULL},
    {"https://host/\r\nX: y", NULL, NULL, NULL},
    {"https:///path", NULL, NULL, NULL},
    {"https://", NULL, NULL, NULL},
    {"//host/path", NULL, NULL, NULL},
    {"1https://host/", NULL, NULL, NULL},
    {"https:/host/", NULL, NULL, NULL},
    {"https:///host/", NULL, NULL, NULL},
    {"https://host:99999/", NULL, NULL, NULL},
    {"https://host:1:2/", NULL, NULL, NULL},
    {"https://[::1/", NULL, NULL, NULL},
    {"https://[host]/", NULL, NULL, NULL},
    {"host", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
};

static void a_uri_is_taken_apart_or_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(parsed); i++) {
        const struct parsed *row = &parsed[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct helper_uri uri = {NULL, NULL, NULL};
        struct error err = ERROR_UNTOUCHED;
        int result = helper_uri_parse(row->text, arena, &uri, &err);

        check_number(row->text, result, row->scheme != NULL ? 0 : -1);
        check_text(row->text, uri.scheme, row->scheme);
        check_text(row->text, uri.host, row->host);
        check_text(row->text, uri.path, row->path);
        if (result < 0) {
            check_kind(row->text, &err, ERROR_SCHEMA);
            check(row->text, strstr(err.message, "password") == NULL);
        } else {
            check_untouched(row->text, &err);
        }
    }
}

static void a_uri_that_is_too_long_is_refused(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct helper_uri uri;
    struct error err;

    str_puts(&text, "https://host/");
    while (text.len <= LIMIT_URL) {
        str_putc(&text, 'a');
    }
    assert_int_equal(helper_uri_parse(text.data, arena, &uri, &err), -1);
    assert_message_contains(&err, "too long");
}

static const struct {
    const char *text;
    const char *registry;
} registries[] = {
    {"https://ghcr.io/", "ghcr.io"},
    {"https://ghcr.io:443/", "ghcr.io"},
    {"https://ghcr.io:80/", "ghcr.io:80"},
    {"https://ghcr.io:4430/", "ghcr.io:4430"},
    {"http://localhost:80/", "localhost"},
    {"http://localhost:443/", "localhost:443"},
    {"https://[::1]:443/", "[::1]"},
    {"https://[::1]/", "[::1]"},
    {"https://index.docker.io/", "index.docker.io"},
    {"https://docker.io/", "index.docker.io"},
    {"https://registry-1.docker.io:443/", "index.docker.io"},
    {"https://registry-1.docker.io.evil.example/",
     "registry-1.docker.io.evil.example"},
};

static void one_registry_has_one_name(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(registries); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct helper_uri uri;
        struct error err;

        assert_int_equal(
            helper_uri_parse(registries[i].text, arena, &uri, &err), 0);
        check_text(registries[i].text, helper_registry_of(&uri, arena),
                   registries[i].registry);
    }
}

static const struct {
    const char *path;
    const char *repository;
} repositories[] = {
    {"/v2/a/blobs/sha256:0", "a"},
    {"/v2/a/b/c/manifests/latest", "a/b/c"},
    {"/v2/a/b/tags/list", "a/b"},
    {"/v2/a/b/referrers/sha256:0", "a/b"},
    {"/v2/a/manifests/manifests/manifests", "a/manifests"},
    {"/v2/tags/list/tags/list", "tags/list"},
    {"/v2/a/blobs/tags/list", "a/blobs"},
    {"/v2/a-b/c_d/e__f/g.h/manifests/x", "a-b/c_d/e__f/g.h"},
    /* not for whoever pulls */
    {"/v2", NULL},
    {"/v2/", NULL},
    {"/v2/_catalog", NULL},
    {"/v2/tags/list", NULL},
    {"/v2/manifests/x", NULL},
    {"/v2/a/blobs/uploads/", NULL},
    {"/v2/a/blobs/uploads/1234", NULL},
    {"/v2/a/blobs/", NULL},
    {"/v2/a/manifests", NULL},
    {"/v2/a/xblobs/x", NULL},
    {"/v2/a/tags/list/", NULL},
    {"/v1/a/manifests/x", NULL},
    {"/v2x/a/manifests/x", NULL},
    {"/", NULL},
    {"", NULL},
    /* what would become a scope must be a name */
    {"/v2//a/manifests/x", NULL},
    {"/v2/a//manifests/x", NULL},
    {"/v2/../a/manifests/x", NULL},
    {"/v2/A/manifests/x", NULL},
    {"/v2/a:push,pull repository:b/manifests/x", NULL},
    {"/v2/a&scope=b/manifests/x", NULL},
};

static void only_what_is_pulled_has_a_repository(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(repositories); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct helper_uri uri = {"https", "host", repositories[i].path};

        check_text(repositories[i].path, helper_repository_of(&uri, arena),
                   repositories[i].repository);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_is_taken_apart_or_refused),
        cmocka_unit_test(a_uri_that_is_too_long_is_refused),
        cmocka_unit_test(one_registry_has_one_name),
        cmocka_unit_test(only_what_is_pulled_has_a_repository),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
