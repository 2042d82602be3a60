#include "emulated.h"
#include "helper_world.h"

/* The order in which sources are queried: none of these has a credential. */

#define WITH(config) "{\"urls\":[{\"helper\":\"oci\",\"config\":{" config "}}]}"
#define ENV                                                                    \
    "\"lookup_chain\":[{\"source\":\"env\",\"name\":\"A\"},"                   \
    "{\"source\":\"env\",\"name\":\"B\"}]"
#define NO_DOCKER "\"parse_docker_config\":false"

static const struct {
    const char *registry;
    const char *config; /* NULL: there is no file */
    const char *order;
} orders[] = {
    {"quay.io", NULL, "docker"},
    {"reg.acme.corp", WITH(ENV), "env A, env B, docker"},
    {"reg.acme.corp", WITH(ENV "," NO_DOCKER), "env A, env B"},
    {"reg.acme.corp", WITH(NO_DOCKER), ""},
    {"ghcr.io", NULL, "github, keyring gh:github.com, docker"},
    {"ghcr.io", WITH(ENV), "env A, env B, docker"},
    {"ghcr.io", WITH(NO_DOCKER), "github, keyring gh:github.com"},
    {"123456789012.dkr.ecr.us-east-1.amazonaws.com", NULL, "docker, aws"},
    {"acme.azurecr.io", NULL, "docker, azure"},
    {"eu-docker.pkg.dev", WITH(NO_DOCKER), "google"},
};

/* "env A: not set; docker: ..." without the reasons */
static void append_order(struct str *out, const char *report)
{
    while (*report != '\0') {
        const char *end = strstr(report, "; ");

        str_append_text(out, out->len > 0 ? ", " : "");
        str_append(out, report, (size_t)(strstr(report, ": ") - report));
        report = end != NULL ? end + strlen("; ") : "";
    }
}

static void the_file_comes_first_and_githubs_own_stand_in_for_it(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    skip_if_spawn_is_a_fork();
    SET("AWS_EC2_METADATA_DISABLED", "true");
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        CLEANUP(str_release) struct str order = STR_INIT(STR_UNLIMITED);

        helper_configure(orders[i].config);
        check_asks(arena_printf(arena, "https://%s" IMAGE, orders[i].registry),
                   arena_printf(arena, "'%s', repository:a/b:pull",
                                orders[i].registry));
        append_order(&order, helper_noted("asked: "));
        check_text(orders[i].registry, order.data, orders[i].order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELPER_TEST(the_file_comes_first_and_githubs_own_stand_in_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
