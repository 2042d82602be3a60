#include "emulated.h"
#include "helper_world.h"

/* The decision about a URL, with and without a file */

static const char file[] =
    "{\"urls\":["
    "{\"host\":\"reg.acme.corp\",\"helper\":\"oci\"},"
    "{\"scheme\":\"http\",\"host\":\"old.acme.corp*\",\"helper\":\"oci\"},"
    "{\"host\":\"store.acme.corp\",\"helper\":\"s3\"},"
    "{\"host\":\"*.pkg.dev\",\"helper\":\"gar\"},"
    "{\"host\":\"odd.acme.corp\",\"helper\":\"odd\"},"
    "{\"host\":\"quay.io\",\"helper\":\"null\"}]}";

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
    {NOTHING, "https://123456789012.dkr.ecr.us-east-1.amazonaws.com" IMAGE,
     "123456789012.dkr.ecr.us-east-1.amazonaws.com", NULL},
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
    /* nor requests other than downloads */
    {NOTHING, "https://ghcr.io/v2/", NULL, NULL},
    {NOTHING, "https://ghcr.io/token?scope=x", NULL, NULL},
    {NOTHING, "http://ghcr.io/index.html", NULL, NULL},
    /* plain http, which others could intercept */
    {NOTHING, "http://ghcr.io" IMAGE, NULL, "by plain http"},
    {NOTHING, "ftp://ghcr.io" IMAGE, NULL, "requires https"},
    /* any host that looks like a registry */
    {GUESS, "https://reg.acme.corp" IMAGE, "reg.acme.corp", NULL},
    {GUESS, "https://reg.acme.corp:8443" IMAGE, "reg.acme.corp:8443", NULL},
    {GUESS, "https://reg.acme.corp/a.tar.gz", NULL, NULL},
    {GUESS, "http://localhost:5000" IMAGE, "localhost:5000", NULL},
    {GUESS, "http://[::1]:5000" IMAGE, "[::1]:5000", NULL},
    {GUESS, "http://reg.acme.corp" IMAGE, NULL, "by plain http"},
    {GUESS, "http://localhost.evil.example" IMAGE, NULL, "by plain http"},
    /* only what the file permits */
    {FILE_THERE, "https://reg.acme.corp" IMAGE, "reg.acme.corp", NULL},
    {FILE_THERE, "https://reg.acme.corp/v2/", NULL, NULL},
    {FILE_THERE, "http://reg.acme.corp" IMAGE, NULL, "by plain http"},
    {FILE_THERE, "http://old.acme.corp" IMAGE, "old.acme.corp", NULL},
    {FILE_THERE, "http://old.acme.corp:5000" IMAGE, "old.acme.corp:5000", NULL},
    {FILE_THERE, "https://old.acme.corp" IMAGE, NULL, NULL},
    {FILE_THERE, "https://ghcr.io" IMAGE, NULL, NULL},
    {FILE_THERE, "https://quay.io" IMAGE, NULL, NULL},
    {FILE_THERE, "https://store.acme.corp/x", NULL,
     "helper 's3' is not for OCI registries, which are all that waybill "
     "supports"},
    {FILE_THERE, "https://x.pkg.dev" IMAGE, NULL, "helper oci"},
    {FILE_THERE, "https://odd.acme.corp/x", NULL, "unknown helper"},
};

static void choose(const struct choosing *row)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    SET("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY", row->with == GUESS ? "1" : "0");
    helper_configure(row->with == FILE_THERE ? file : NULL);
    if (row->message != NULL) {
        check_refused(row->uri, row->message);
    } else if (row->registry != NULL) {
        check_asks(row->uri, arena_printf(arena, "'%s', repository:a/b:pull",
                                          row->registry));
    } else {
        check_no_header(row->uri);
        check(row->uri,
              strchr(helper_world.answer.notes.data, '\n')[1] != '\0');
    }
}

static void credentials_go_where_they_are_allowed_to(void **state)
{
    skip_if_spawn_is_a_fork();
    for (size_t i = 0; i < ARRAY_SIZE(choosings); i++) {
        choose(&choosings[i]);
    }
}

static void only_a_one_lets_us_guess(void **state)
{
    static const char *const values[] = {"", "0", "true", "yes", "11"};

    unsetenv("CREDENTIAL_HELPER_LOGGING");
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        SET("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY", values[i]);
        check_no_header("https://reg.acme.corp" IMAGE);
        check_text(values[i], helper_world.answer.notes.data, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELPER_TEST(credentials_go_where_they_are_allowed_to),
        HELPER_TEST(only_a_one_lets_us_guess),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
