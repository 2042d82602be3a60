#include <unistd.h>

#include "asserts.h"
#include "cli/helper_internal.h"

/* What comes of a URL with a file, or with none */

static const char file[] =
    "{\"urls\":["
    "{\"host\":\"reg.acme.corp\",\"helper\":\"oci\"},"
    "{\"scheme\":\"http\",\"host\":\"old.acme.corp*\",\"helper\":\"oci\"},"
    "{\"host\":\"store.acme.corp\",\"helper\":\"s3\"},"
    "{\"host\":\"*.pkg.dev\",\"helper\":\"gar\"},"
    "{\"host\":\"odd.acme.corp\",\"helper\":\"odd\"},"
    "{\"host\":\"quay.io\",\"helper\":\"null\"}]}";

#define IMAGE "/v2/a/b/manifests/1"

enum with { NOTHING, GUESS, FILE_THERE };

static const struct choosing {
    enum with with;
    const char *uri;
    const char *registry; /* NULL: no header */
    const char *message;  /* NULL: no error */
} choosings[] = {
    /* well-known ones */
    {NOTHING, "https://ghcr.io" IMAGE, "ghcr.io", NULL},
    {NOTHING, "https://GHCR.IO:443" IMAGE, "ghcr.io", NULL},
    {NOTHING, "https://registry-1.docker.io" IMAGE, "index.docker.io", NULL},
    {NOTHING, "https://acme.azurecr.io" IMAGE, "acme.azurecr.io", NULL},
    {NOTHING, "https://x.app.snowflake.com" IMAGE, "x.app.snowflake.com", NULL},
    {NOTHING, "https://gcr.io" IMAGE, "gcr.io", NULL},
    {NOTHING, "https://nvcr.io" IMAGE, "nvcr.io", NULL},
    {NOTHING, "https://cgr.dev" IMAGE, "cgr.dev", NULL},
    {NOTHING, "https://docker.elastic.co" IMAGE, "docker.elastic.co", NULL},
    {NOTHING, "https://public.ecr.aws" IMAGE, "public.ecr.aws", NULL},
    {NOTHING, "https://quay.io" IMAGE, "quay.io", NULL},
    {NOTHING, "https://registry.gitlab.com" IMAGE, "registry.gitlab.com", NULL},
    {NOTHING, "https://1.dkr.ecr.us-east-1.amazonaws.com" IMAGE,
     "1.dkr.ecr.us-east-1.amazonaws.com", NULL},
    {NOTHING, "https://eu-docker.pkg.dev" IMAGE, "eu-docker.pkg.dev", NULL},
    /* and nothing else */
    {NOTHING, "https://reg.acme.corp" IMAGE, NULL, NULL},
    {NOTHING, "https://ghcr.io.evil.example" IMAGE, NULL, NULL},
    {NOTHING, "https://evil-ghcr.io" IMAGE, NULL, NULL},
    {NOTHING, "https://ghcr.io:8443" IMAGE, NULL, NULL},
    {NOTHING, "https://auth.docker.io" IMAGE, NULL, NULL},
    {NOTHING, "https://bucket.s3.amazonaws.com" IMAGE, NULL, NULL},
    {NOTHING, "http://127.0.0.1:5000" IMAGE, NULL, NULL},
    {NOTHING, "https://github.com/a/b.tar.gz", NULL, NULL},
    {NOTHING, "grpcs://remote.acme.corp", NULL, NULL},
    /* nor what is no download of theirs */
    {NOTHING, "https://ghcr.io/v2/", NULL, NULL},
    {NOTHING, "https://ghcr.io/token?scope=x", NULL, NULL},
    {NOTHING, "http://ghcr.io/index.html", NULL, NULL},
    /* and not for everybody on the way to hear */
    {NOTHING, "http://ghcr.io" IMAGE, NULL, "by plain http"},
    {NOTHING, "ftp://ghcr.io" IMAGE, NULL, "asked by https"},
    /* whatever looks like one */
    {GUESS, "https://reg.acme.corp" IMAGE, "reg.acme.corp", NULL},
    {GUESS, "https://reg.acme.corp:8443" IMAGE, "reg.acme.corp:8443", NULL},
    {GUESS, "https://reg.acme.corp/a.tar.gz", NULL, NULL},
    {GUESS, "http://localhost:5000" IMAGE, "localhost:5000", NULL},
    {GUESS, "http://[::1]:5000" IMAGE, "[::1]:5000", NULL},
    {GUESS, "http://reg.acme.corp" IMAGE, NULL, "by plain http"},
    {GUESS, "http://localhost.evil.example" IMAGE, NULL, "by plain http"},
    /* what the file says, and that alone */
    {FILE_THERE, "https://reg.acme.corp" IMAGE, "reg.acme.corp", NULL},
    {FILE_THERE, "https://reg.acme.corp/v2/", NULL, NULL},
    {FILE_THERE, "http://reg.acme.corp" IMAGE, NULL, "by plain http"},
    {FILE_THERE, "http://old.acme.corp" IMAGE, "old.acme.corp", NULL},
    {FILE_THERE, "http://old.acme.corp:5000" IMAGE, "old.acme.corp:5000", NULL},
    {FILE_THERE, "https://old.acme.corp" IMAGE, NULL, NULL},
    {FILE_THERE, "https://ghcr.io" IMAGE, NULL, NULL},
    {FILE_THERE, "https://quay.io" IMAGE, NULL, NULL},
    {FILE_THERE, "https://store.acme.corp/x", NULL,
     "helper 's3' is not an OCI registry's; waybill answers for registries "
     "only"},
    {FILE_THERE, "https://x.pkg.dev" IMAGE, NULL, "helper oci"},
    {FILE_THERE, "https://odd.acme.corp/x", NULL, "unknown helper"},
};

static void choose(const struct choosing *row)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct helper_notes notes = {HELPER_DEBUG, &text};
    struct helper_choice choice = {0};
    struct helper_config config;
    struct helper_uri uri;
    struct error err = ERROR_UNTOUCHED;
    int result;

    assert_int_equal(setenv("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY",
                            row->with == GUESS ? "1" : "0", 1),
                     0);
    assert_int_equal(
        helper_config_parse(file, sizeof(file) - 1, "/", arena, &config, &err),
        0);
    assert_int_equal(helper_uri_parse(row->uri, arena, &uri, &err), 0);
    result = helper_choose(row->with == FILE_THERE ? &config : NULL, &uri,
                           arena, &notes, &choice, &err);
    if (row->message != NULL) {
        check_number(row->uri, result, -1);
        check_contains(row->uri, err.message, row->message);
        return;
    }
    check_number(row->uri, result, 0);
    check_untouched(row->uri, &err);
    check_text(row->uri, choice.repository, row->registry ? "a/b" : NULL);
    if (row->registry != NULL) {
        check_text(row->uri, choice.registry, row->registry);
        check(row->uri, choice.https == (row->uri[4] == 's'));
        check(row->uri, text.len == 0);
    } else {
        check(row->uri, text.len > 0);
    }
}

static void credentials_go_where_they_are_allowed_to(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(choosings); i++) {
        choose(&choosings[i]);
    }
}

static void only_a_one_lets_us_guess(void **state)
{
    static const char *const values[] = {"", "0", "true", "yes", "11"};
    struct helper_uri uri = {"https", "reg.acme.corp", IMAGE};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct helper_notes notes = {HELPER_SILENT, &text};
        struct helper_choice choice;
        struct error err;

        setenv("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY", values[i], 1);
        assert_int_equal(
            helper_choose(NULL, &uri, arena, &notes, &choice, &err), 0);
        check_text(values[i], choice.repository, NULL);
        check_number(values[i], text.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_go_where_they_are_allowed_to),
        cmocka_unit_test(only_a_one_lets_us_guess),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
