#include "asserts.h"
#include "cli/helper_internal.h"

/* The order in which sources are asked */

static const struct credential_source env[] = {
    {.source = "env", .name = "A"},
    {.source = "env", .name = "B"},
};

static const struct helper_url with_docker = {
    .parse_docker_config = true,
    .sources = env,
    .source_count = 2,
};
static const struct helper_url without_docker = {
    .sources = env,
    .source_count = 2,
};
static const struct helper_url without_any = {.source_count = 0};

static const struct {
    const char *registry;
    const struct helper_url *url;
    const char *order;
} orders[] = {
    {"reg.acme.corp", NULL, "docker"},
    {"reg.acme.corp", &with_docker, "env env docker"},
    {"reg.acme.corp", &without_docker, "env env"},
    {"reg.acme.corp", &without_any, ""},
    {"ghcr.io", NULL, "github keyring docker"},
    {"ghcr.io", &with_docker, "env env docker"},
    {"ghcr.io", &without_any, "github keyring"},
    {"1.dkr.ecr.us-east-1.amazonaws.com", NULL, "docker aws"},
    {"acme.azurecr.io", NULL, "docker azure"},
    {"eu-docker.pkg.dev", &without_any, "google"},
};

static void the_file_comes_first_and_githubs_own_stand_in_for_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        CLEANUP(str_release) struct str order = STR_INIT(STR_UNLIMITED);
        struct helper_choice choice = {.registry = orders[i].registry,
                                       .url = orders[i].url};
        struct keychain_options options = {0};

        helper_sources(&choice, arena, &options);
        for (size_t at = 0; at < options.source_count; at++) {
            str_printf(&order, "%s%s", at > 0 ? " " : "",
                       options.sources[at].source);
        }
        check_text(orders[i].registry, order.data, orders[i].order);
        check(orders[i].registry, !options.with_defaults);
    }
}

static void github_has_its_own_key_in_the_keyring(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct helper_choice choice = {.registry = "ghcr.io"};
    struct keychain_options options = {0};

    helper_sources(&choice, arena, &options);
    assert_string_equal(options.sources[1].service, "gh:github.com");
    assert_int_equal(options.sources[1].binding, BINDING_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_comes_first_and_githubs_own_stand_in_for_it),
        cmocka_unit_test(github_has_its_own_key_in_the_keyring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
