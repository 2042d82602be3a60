#include "echo.h"

/* The services of AWS and Azure at which credentials are exchanged, and the
 * registry. The first byte selects the cloud; the rest is the script (echo.h).
 * The configured secret is in the environment. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credential_source source = {.source = "aws"};
    struct keychain_options options = {
        .registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        .path = "acme",
        .sources = &source,
        .source_count = 1,
    };

    if (size == 0) {
        return 0;
    }
    echo_add(echo_mint());
    setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", echo.secrets[0], 1);
    setenv("AWS_SESSION_TOKEN", echo.secrets[0], 1);
    setenv("AZURE_TENANT_ID", "dir", 1);
    setenv("AZURE_CLIENT_ID", "app", 1);
    setenv("AZURE_CLIENT_SECRET", echo.secrets[0], 1);
    if (data[0] % 2 == 1) {
        source.source = "azure";
        options.registry = "name.azurecr.io";
    }
    echo_run(&options, data + 1, size - 1);
    return 0;
}
