#include "asserts.h"
#include "waybill/limits.h"
#include "waybill/oci.h"

struct good {
    const char *text;
    const char *registry;
    const char *path;
};

#define HUB "index.docker.io"

static const struct good goods[] = {
    {"ghcr.io/acme/attestations", "ghcr.io", "acme/attestations"},
    {"ghcr.io/a", "ghcr.io", "a"},
    {"127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c"},
    {"registry:5000/a", "registry:5000", "a"},
    {"registry.internal/a", "registry.internal", "a"},
    {"localhost/a", "localhost", "a"},
    {"localhost:1/a", "localhost:1", "a"},
    {"REGISTRY.Example:65535/a", "REGISTRY.Example:65535", "a"},
    {"under_score.example/a", "under_score.example", "a"},
    {"[::1]:5000/a", "[::1]:5000", "a"},
    {"[2001:DB8::1]/a", "[2001:DB8::1]", "a"},
    {"[::ffff:127.0.0.1]/a", "[::ffff:127.0.0.1]", "a"},
    /* Docker Hub: by name, or if the first part is not a registry */
    {"docker.io/acme/a", HUB, "acme/a"},
    {"index.docker.io/acme/a", HUB, "acme/a"},
    {"registry-1.docker.io/acme/a", HUB, "acme/a"},
    {"Docker.io/acme/a", HUB, "acme/a"},
    {"docker.io:5000/acme/a", "docker.io:5000", "acme/a"},
    {"x.docker.io/acme/a", "x.docker.io", "acme/a"},
    {"acme/attestations", HUB, "acme/attestations"},
    {"acme/a/b", HUB, "acme/a/b"},
    {"acme", HUB, "acme"},
    {"localhostx/a", HUB, "localhostx/a"},
    /* the path's grammar */
    {"h.x/a0/0b", "h.x", "a0/0b"},
    {"h.x/a.b_c-d", "h.x", "a.b_c-d"},
    {"h.x/a__b", "h.x", "a__b"},
    {"h.x/a---b", "h.x", "a---b"},
};

static void reference__takes_host_and_path_apart(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
        const struct good *row = &goods[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct oci_repository repository = {0};
        struct error err = ERROR_UNTOUCHED;

        check_number(row->text,
                     oci_repository_parse(row->text, arena, &repository, &err),
                     0);
        check_untouched(row->text, &err);
        check_text(row->text, repository.registry, row->registry);
        check_text(row->text, repository.path, row->path);
    }
}

struct bad {
    const char *text;
    const char *why;
};

static const struct bad bads[] = {
    {"", "a repository is host[:port]/path"},
    {"ghcr.io", "it names a registry, but no repository in it"},
    {"localhost", "it names a registry, but no repository in it"},
    {"127.0.0.1:5000", "it names a registry, but no repository in it"},
    {"ghcr.io/", "a repository is host[:port]/path"},
    {"/a", "a repository is host[:port]/path"},
    {"ghcr.io//a", "a repository is host[:port]/path"},
    {"ghcr.io/a/", "a repository is host[:port]/path"},
    {"ghcr.io/a//b", "a repository is host[:port]/path"},
    {"https://ghcr.io/a", "a repository has no scheme"},
    {"oci://ghcr.io/a", "a repository has no scheme"},
    {"ghcr.io/a:latest", "a repository has no tag"},
    {"registry:5000/a:1", "a repository has no tag"},
    {"acme/a:latest", "a repository has no tag"},
    {"ghcr.io/a@sha256:00", "no user name and no digest"},
    {"ghcr.io/Acme/a", "may not contain upper-case letters"},
    {"ghcr.io/acme/aB", "may not contain upper-case letters"},
    {"ghcr.io/a b", "a repository is host[:port]/path"},
    {"ghcr.io/a ", "a repository is host[:port]/path"},
    {" ghcr.io/a", "a repository is host[:port]/path"},
    {"ghcr.io/a..b", "a repository is host[:port]/path"},
    {"ghcr.io/a._b", "a repository is host[:port]/path"},
    {"ghcr.io/a___b", "a repository is host[:port]/path"},
    {"ghcr.io/a.-b", "a repository is host[:port]/path"},
    {"ghcr.io/.a", "a repository is host[:port]/path"},
    {"ghcr.io/a.", "a repository is host[:port]/path"},
    {"ghcr.io/-a", "a repository is host[:port]/path"},
    {"ghcr.io/a-", "a repository is host[:port]/path"},
    {"ghcr.io/_a", "a repository is host[:port]/path"},
    {"ghcr.io/a/_", "a repository is host[:port]/path"},
    {"ghcr.io/../a", "a repository is host[:port]/path"},
    {"ghcr.io/a/../b", "a repository is host[:port]/path"},
    {"ghcr.io/a%2fb", "a repository is host[:port]/path"},
    {"ghcr.io/a?b", "a repository is host[:port]/path"},
    {"ghcr.io/a#b", "a repository is host[:port]/path"},
    {"ghcr.io/\xC3\xA9", "a repository is host[:port]/path"},
    {"ghcr.io/a\n", "a repository is host[:port]/path"},
    {"user@ghcr.io/a", "no user name and no digest"},
    {"gh cr.io/a", "a repository is host[:port]/path"},
    {"gh\xC3\xA9.io/a", "a repository is host[:port]/path"},
    {"host:/a", "a repository is host[:port]/path"},
    {":5000/a", "a repository is host[:port]/path"},
    {"host:50a/a", "a repository is host[:port]/path"},
    {"host:123456/a", "a repository is host[:port]/path"},
    {"h:1:2/a", "a repository is host[:port]/path"},
    {"::1/a", "a repository is host[:port]/path"},
    {"[::1/a", "a repository is host[:port]/path"},
    {"[]:5000/a", "a repository is host[:port]/path"},
    {"[::1]x/a", "a repository is host[:port]/path"},
    {"[::1]:/a", "a repository is host[:port]/path"},
    {"[::g]:5000/a", "a repository is host[:port]/path"},
    {"[::1].evil.example/a", "a repository is host[:port]/path"},
};

static void reference__refuses_what_registries_would(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
        const struct bad *row = &bads[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct oci_repository repository = {.path = "as it was"};
        struct error err;

        check_number(row->text,
                     oci_repository_parse(row->text, arena, &repository, &err),
                     -1);
        check_kind(row->text, &err, ERROR_CONFIG);
        check_contains(row->text, err.message, row->why);
        check_text(row->text, repository.path, "as it was");
    }
}

static void reference__refuses_upper_case_in_a_path(void **state)
{
    assert_true(oci_path_is_valid("acme/a"));
    assert_false(oci_path_is_valid("Acme/a"));
    assert_false(oci_path_is_valid("acme/A"));
}

/* There is no port 0 to connect to, and none above 65535. */
static void reference__refuses_a_port_that_cannot_be(void **state)
{
    static const char *const texts[] = {"h:65536/a", "h:99999/a", "h:0/a",
                                        "[::1]:65536/a"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct oci_repository repository;
        struct error err;

        check_number(texts[i],
                     oci_repository_parse(texts[i], arena, &repository, &err),
                     -1);
    }
}

static void reference__holds_a_path_to_255_characters(void **state)
{
    char path[LIMIT_REPOSITORY + 2];

    memset(path, 'a', sizeof(path));
    path[LIMIT_REPOSITORY + 1] = '\0';
    assert_false(oci_path_is_valid(path));
    path[LIMIT_REPOSITORY] = '\0';
    assert_true(oci_path_is_valid(path));
}

struct index {
    const char *registry;
    bool loopback;
};

static const struct index places[] = {
    {"localhost", true},         {"localhost:5000", true},
    {"kind.localhost", true},    {"kind.localhost:5000", true},
    {"127.0.0.1", true},         {"127.0.0.1:5000", true},
    {"127.255.3.4:1", true},     {"[::1]", true},
    {"[::1]:5000", true},        {"localhost.example", false},
    {"localhostx", false},       {"xlocalhost", false},
    {"127.evil.example", false}, {"127.0.0.1.evil.example", false},
    {"128.0.0.1", false},        {"10.0.0.1", false},
    {"[::2]:5000", false},       {"ghcr.io", false},
    {"[::ffff:7f00:1]:5", true}, {"LOCALHOST:5000", true},
    {"0.0.0.0:5000", false},     {"127.0.0.256", false},
};

static void reference__knows_loopback(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        check_number(places[i].registry,
                     oci_registry_is_loopback(places[i].registry),
                     places[i].loopback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference__takes_host_and_path_apart),
        cmocka_unit_test(reference__refuses_what_registries_would),
        cmocka_unit_test(reference__refuses_upper_case_in_a_path),
        cmocka_unit_test(reference__refuses_a_port_that_cannot_be),
        cmocka_unit_test(reference__holds_a_path_to_255_characters),
        cmocka_unit_test(reference__knows_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
