#include "asserts.h"
#include "waybill/credentials.h"
#include "waybill/provider.h"

/* --- names of registries
 * ------------------------------------------------------ */

static const struct {
    const char *registry;
    const char *name;
} names[] = {
    {"index.docker.io", "Docker Hub"},
    {"docker.io", "Docker Hub"},
    {"registry-1.docker.io", "Docker Hub"},
    {"Index.Docker.IO", "Docker Hub"},
    {"ghcr.io", "GitHub Container Registry"},
    {"GHCR.io", "GitHub Container Registry"},
    {"123456789012.dkr.ecr.eu-central-1.amazonaws.com", "Amazon ECR"},
    {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "Amazon ECR"},
    {"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "Amazon ECR"},
    {"123456789012.dkr-ecr.eu-west-1.on.aws", "Amazon ECR"},
    {"123456789012.dkr-ecr-fips.us-east-1.on.aws", "Amazon ECR"},
    {"public.ecr.aws", "Amazon ECR Public"},
    {"acme.azurecr.io", "Azure Container Registry"},
    {"acme.azurecr.cn", "Azure Container Registry"},
    {"europe-docker.pkg.dev", "Google Artifact Registry"},
    {"gcr.io", "Google Container Registry"},
    {"eu.gcr.io", "Google Container Registry"},
    {"registry.gitlab.com", "GitLab"},
    {"quay.io", "Quay"},
    {"acme.jfrog.io", "JFrog Artifactory"},
    {"cgr.dev", "Chainguard"},
    {"docker.elastic.co", "Elastic"},
    {"nvcr.io", "NVIDIA NGC"},
    {"acme.registry.snowflakecomputing.com", "Snowflake"},
    /* similar to one, but not one */
    {"", "registry"},
    {"example.com", "registry"},
    {"localhost:5000", "registry"},
    {"[::1]:5000", "registry"},
    {"ghcr.io.evil.example", "registry"},
    {"notghcr.io", "registry"},
    {"ghcr.io:8443", "registry"},
    {"azurecr.io", "registry"},
    {"amazonaws.com", "registry"},
    {"1.dkr.ecr.eu-west-1.amazonaws.com.evil.example", "registry"},
    {"pkg.dev", "registry"},
    {"gitlab.com", "registry"},
};

static void providers__are_known_by_their_hosts(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check_text(names[i].registry, provider_of(names[i].registry)->name,
                   names[i].name);
    }
}

/* The wire name, and the purpose of the other names */
static void providers__send_docker_hubs_requests_to_one_host(void **state)
{
    static const char *const hosts[] = {"index.docker.io", "docker.io",
                                        "registry-1.docker.io"};

    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        check_text(hosts[i], provider_of(hosts[i])->wire_host,
                   "registry-1.docker.io");
    }
    assert_null(provider_of("ghcr.io")->wire_host);
}

static void docker_hub__has_one_name_of_several(void **state)
{
    static const struct {
        const char *registry;
        const char *name; /* NULL: unchanged */
    } rows[] = {
        {"index.docker.io", DOCKER_HUB},
        {"docker.io", DOCKER_HUB},
        {"Registry-1.Docker.io", DOCKER_HUB},
        {"docker.io:443", NULL},
        {"auth.docker.io", NULL},
        {"docker.iox", NULL},
        {"ghcr.io", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *registry = rows[i].registry;

        check_text(registry, registry_name(registry),
                   rows[i].name != NULL ? rows[i].name : registry);
    }
    assert_true(is_docker_hub("docker.io/v2/", 9));
    assert_false(is_docker_hub("docker.io", 8));
}

static const struct provider *last(void)
{
    const struct provider *provider = providers;

    while (strcmp(provider->hosts[0], "*") != 0) {
        provider++;
    }
    return provider;
}

/* The assumptions of the functions about the table */
static void providers__are_a_sound_table(void **state)
{
    for (const struct provider *row = providers; row != last(); row++) {
        check(row->name, row->hosts[0] != NULL);
        check(row->name, row->well_known);
        check(row->name,
              row->max_parts == 0 || row->max_parts >= row->min_parts);
        check(row->name, row->min_parts == 0 || row->parts_advice != NULL);
        check(row->name, (row->quirks & PROVIDER_CREATES_BY_API) == 0 ||
                             row->not_found_advice != NULL);
        for (const char *const *host = row->hosts; *host != NULL; host++) {
            check_text(*host, provider_of(*host)->name, row->name);
            for (const char *at = *host; *at != '\0'; at++) {
                check(*host, *at < 'A' || *at > 'Z');
            }
        }
    }
    assert_false(last()->well_known);
    assert_int_equal(last()->quirks, 0);
    assert_null(last()->sources);
}

/* --- names ------------------------------------------------------------------
 */

static const struct {
    const char *registry;
    const char *path;
    const char *fault; /* NULL: none */
} paths[] = {
    {"index.docker.io", "acme/chainloop-0", NULL},
    {"index.docker.io", "chainloop-0", "has exactly two parts"},
    {"index.docker.io", "acme/attestations/chainloop-0",
     "has exactly two parts"},
    {"ghcr.io", "acme/chainloop-0", NULL},
    {"ghcr.io", "acme/a/b/c/chainloop-0", NULL},
    {"ghcr.io", "chainloop-0", "the first part is the owner"},
    {"1.dkr.ecr.eu-west-1.amazonaws.com", "chainloop-0", NULL},
    {"public.ecr.aws", "chainloop-0", "the alias of the registry"},
    {"public.ecr.aws", "acme/chainloop-0", NULL},
    {"europe-docker.pkg.dev", "project/chainloop-0",
     "the project and the repository"},
    {"europe-docker.pkg.dev", "project/repository/chainloop-0", NULL},
    {"eu.gcr.io", "chainloop-0", "is the project"},
    {"registry.gitlab.com", "acme/chainloop-0",
     "of a project has at least two parts"},
    {"registry.gitlab.com", "acme/app/chainloop-0", NULL},
    {"quay.io", "chainloop-0", "the organization"},
    {"acme.jfrog.io", "chainloop-0", "the key of the repository"},
    {"acme.azurecr.io", "chainloop-0", NULL},
    {"registry.example.com", "chainloop-0", NULL},
    {"registry.example.com", "a/b/c/d/e/f/chainloop-0", NULL},
};

static void providers__say_which_names_they_can_have(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct error err = ERROR_UNTOUCHED;
        int result = provider_check_path(provider_of(paths[i].registry),
                                         paths[i].path, &err);

        if (paths[i].fault == NULL) {
            check_number(paths[i].path, result, 0);
            check_untouched(paths[i].path, &err);
        } else {
            check_number(paths[i].path, result, -1);
            check_kind(paths[i].path, &err, ERROR_CONFIG);
            check_contains(paths[i].path, err.message, paths[i].fault);
        }
    }
}

/* --- the allow-list ---------------------------------------------------------
 */

static void allow_list__has_well_known_registries_and_their_token_servers(
    void **state)
{
    static const char *const known[] = {
        "ghcr.io",         "registry-1.docker.io",
        "auth.docker.io",  "gitlab.com",
        "acme.azurecr.io", "docker-auth.elastic.co",
        "public.ecr.aws",  "quay.io",
        "cgr.dev",         "nvcr.io",
        "gcr.io",          "acme.app.snowflake.com",
    };
    static const char *const unknown[] = {
        "",
        "example.com",
        "169.254.169.254",
        "localhost",
        "auth.docker.io.evil.example",
        "evil-auth.docker.io",
        "amazonaws.com",
        "s3.amazonaws.com",
        "docker.com",
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        check(known[i], allow_list_has(NULL, known[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        check(unknown[i], !allow_list_has(NULL, unknown[i]));
    }
}

static void allow_list__has_what_is_in_it(void **state)
{
    static const char *const patterns[] = {"auth.example.net", "*.cdn.example",
                                           "Upper.Example", "*evil*"};
    const struct allow_list two = {patterns, 2, false};
    const struct allow_list three = {patterns, 3, false};
    const struct allow_list any = {NULL, 0, true};
    const struct allow_list none = {0};

    assert_true(allow_list_has(&two, "auth.example.net"));
    assert_true(allow_list_has(&two, "a.b.cdn.example"));
    assert_false(allow_list_has(&two, "cdn.example"));
    assert_false(allow_list_has(&two, "example.net"));
    assert_false(allow_list_has(&two, "xauth.example.net"));
    assert_false(allow_list_has(&two, "upper.example"));
    assert_true(allow_list_has(&three, "upper.example"));
    assert_false(allow_list_has(&three, "evil.example"));
    assert_true(allow_list_has(&any, "evil.example"));
    assert_false(allow_list_has(&none, "evil.example"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(providers__are_known_by_their_hosts),
        cmocka_unit_test(providers__send_docker_hubs_requests_to_one_host),
        cmocka_unit_test(docker_hub__has_one_name_of_several),
        cmocka_unit_test(providers__are_a_sound_table),
        cmocka_unit_test(providers__say_which_names_they_can_have),
        cmocka_unit_test(
            allow_list__has_well_known_registries_and_their_token_servers),
        cmocka_unit_test(allow_list__has_what_is_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
