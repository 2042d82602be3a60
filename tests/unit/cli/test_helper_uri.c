#include "emulated.h"
#include "helper_world.h"
#include "waybill/limits.h"

/* The registry and the repository that a URI refers to */

static const struct {
    const char *uri;
    const char *target; /* NULL: a request that needs no token */
} targets[] = {
    {"https://ghcr.io/v2/a/b/manifests/x", "'ghcr.io', repository:a/b:pull"},
    {"HTTPS://GHCR.io/v2/a/manifests/X", "'ghcr.io', repository:a:pull"},
    {"https://host/v2/a/manifests/x?b=c#d", "'host', repository:a:pull"},
    {"https://host/%76%32/a%2Fb/manifests/x", "'host', repository:a/b:pull"},
    {"https://host/v2/a/manifests/100%25", "'host', repository:a:pull"},
    {"https://host/V2/a/manifests/x", NULL},
    {"https://host:8443?x#y", NULL},
    {"https://host/a?b=/v2/c/manifests/x", NULL},
    {"https://host/a#/v2/c/manifests/x", NULL},
    {"grpcs://remote.acme.com", NULL},
    /* a registry has one canonical name */
    {"https://ghcr.io:443" IMAGE, "'ghcr.io', repository:a/b:pull"},
    {"https://host:80" IMAGE, "'host:80', repository:a/b:pull"},
    {"https://host:4430" IMAGE, "'host:4430', repository:a/b:pull"},
    {"http://localhost:80" IMAGE, "'localhost', repository:a/b:pull"},
    {"http://localhost:443" IMAGE, "'localhost:443', repository:a/b:pull"},
    {"http://[::1]:5000" IMAGE, "'[::1]:5000', repository:a/b:pull"},
    {"https://[::1]:443" IMAGE, "'[::1]', repository:a/b:pull"},
    {"https://[::1]" IMAGE, "'[::1]', repository:a/b:pull"},
    {"https://index.docker.io" IMAGE, "'index.docker.io', repository:a/b:pull"},
    {"https://docker.io" IMAGE, "'index.docker.io', repository:a/b:pull"},
    {"https://registry-1.docker.io:443" IMAGE,
     "'index.docker.io', repository:a/b:pull"},
    {"https://registry-1.docker.io.evil.example" IMAGE,
     "'registry-1.docker.io.evil.example', repository:a/b:pull"},
};

static void a_uri_names_a_registry_and_a_repository(void **state)
{
    skip_if_spawn_is_a_fork();
    SET("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY", "1");
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        if (targets[i].target != NULL) {
            check_asks(targets[i].uri, targets[i].target);
        } else {
            check_no_header(targets[i].uri);
        }
    }
}

static void a_uri_that_is_none_is_refused(void **state)
{
    static const char *const refused[] = {
        "https://host/%00",
        "https://host/%4",
        "https://host/%",
        "https://host/%zz",
        "https://user:password@host/",
        "https://user@host/",
        "https://ghcr.io\\@evil.example/",
        "https://evil.example\\.ghcr.io/",
        "https://host/a\\b",
        "https://ho%73t/",
        "https://h\xC3\xB6st/",
        "https://host /",
        "https://host/\r\nX: y",
        "https:///path",
        "https://",
        "//host/path",
        "1https://host/",
        "https:/host/",
        "https:///host/",
        "https://host:99999/",
        "https://host:1:2/",
        "https://[::1/",
        "https://[host]/",
        "host",
        "",
    };

    SET("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY", "1");
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        check_refused(refused[i], "request: uri: ");
        check_kind(refused[i], &helper_world.err, ERROR_SCHEMA);
        check(refused[i], strstr(helper_world.err.message, "password") == NULL);
    }
}

static void a_uri_that_is_too_long_is_refused(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_append_text(&text, "https://host/");
    while (text.len < LIMIT_URL) {
        str_append_char(&text, 'a');
    }
    check_no_header(text.data);
    str_append_char(&text, 'a');
    check_refused(text.data, "request: ");
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
    /* not for requests that pull */
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
    /* a scope must be a valid name */
    {"/v2//a/manifests/x", NULL},
    {"/v2/a//manifests/x", NULL},
    {"/v2/../a/manifests/x", NULL},
    {"/v2/A/manifests/x", NULL},
    {"/v2/a:push,pull%20repository:b/manifests/x", NULL},
    {"/v2/a&scope=b/manifests/x", NULL},
};

static void only_what_is_pulled_has_a_repository(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    skip_if_spawn_is_a_fork();
    for (size_t i = 0; i < ARRAY_SIZE(repositories); i++) {
        const char *uri =
            arena_printf(arena, "https://ghcr.io%s", repositories[i].path);

        if (repositories[i].repository != NULL) {
            check_asks(uri, arena_printf(arena, "'ghcr.io', repository:%s:pull",
                                         repositories[i].repository));
        } else {
            check_no_header(uri);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELPER_TEST(a_uri_names_a_registry_and_a_repository),
        HELPER_TEST(a_uri_that_is_none_is_refused),
        HELPER_TEST(a_uri_that_is_too_long_is_refused),
        HELPER_TEST(only_what_is_pulled_has_a_repository),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
