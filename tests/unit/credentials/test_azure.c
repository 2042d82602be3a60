/* The directory of Azure at which the token of a registry is requested */

#include "cloud_world.h"

static void have_secret(void)
{
    setenv("AZURE_TENANT_ID", "dir", 1);
    setenv("AZURE_CLIENT_ID", "app", 1);
    setenv("AZURE_CLIENT_SECRET", "s3cret", 1);
}

/* The registry is recognized by its name, or by the address in the
 * configuration. */
static void azure__a_registrys_name_says_which_cloud_it_is(void **state)
{
    static const struct {
        const char *registry;
        bool known;
        const char *authority;
    } rows[] = {
        {"name.azurecr.io", true,
         "POST https://login.microsoftonline.com/dir/oauth2/v2.0/token"},
        {"name.azurecr.io:443", true,
         "POST https://login.microsoftonline.com/dir/oauth2/v2.0/token"},
        {"name.azurecr.cn", true,
         "POST https://login.chinacloudapi.cn/dir/oauth2/v2.0/token"},
        {"name.azurecr.us", true,
         "POST https://login.microsoftonline.us/dir/oauth2/v2.0/token"},
        {".azurecr.io", false,
         "POST https://login.microsoftonline.com/dir/oauth2/v2.0/token"},
        {"name.azurecr.io.example", false,
         "POST https://login.microsoftonline.com/dir/oauth2/v2.0/token"},
        {"azurecr.io", false,
         "POST https://login.microsoftonline.com/dir/oauth2/v2.0/token"},
        {"ghcr.io", false,
         "POST https://login.microsoftonline.com/dir/oauth2/v2.0/token"},
    };

    struct world *world = *state;

    have_secret();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct credential_source plain = {.source = "azure"};
        const struct credential_source named = {
            .source = "azure", .endpoint = "https://registry.example"};
        const char *registry = rows[i].registry;

        check_asks(world, registry, &named, rows[i].authority);
        if (rows[i].known) {
            check_asks(world, registry, &plain, rows[i].authority);
        } else {
            check_contains(registry, first_request(world, registry, &plain),
                           "is not a host name of Azure");
        }
    }
}

static void azure__another_directory_may_be_named(void **state)
{
    const struct credential_source source = {.source = "azure"};
    struct world *world = *state;

    have_secret();
    setenv("AZURE_AUTHORITY_HOST", "https://login.example/", 1);
    check_asks(world, "name.azurecr.io", &source,
               "POST https://login.example/dir/oauth2/v2.0/token");
    setenv("AZURE_AUTHORITY_HOST", "http://login.example/", 1);
    check_contains("plain", first_request(world, "name.azurecr.io", &source),
                   "AZURE_AUTHORITY_HOST");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOUD_TEST(azure__a_registrys_name_says_which_cloud_it_is),
        CLOUD_TEST(azure__another_directory_may_be_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
