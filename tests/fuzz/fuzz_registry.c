#include "echo.h"

/* A registry and its token server. The first byte of an input selects the
 * credential; the rest is the script (echo.h). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int bindings[] = {BINDING_IDENTITY_TOKEN,
                                   BINDING_REGISTRY_TOKEN};
    struct keychain_options options = {.registry = "reg.example",
                                       .path = "acme"};
    struct credential_source source = {.source = "static"};

    if (size == 0) {
        return 0;
    }
    echo_add(echo_mint());
    if (data[0] % 3 == 0) {
        options.username = "robot";
        options.password = echo.secrets[0];
    } else {
        source.binding = bindings[data[0] % 3 - 1];
        source.value = echo.secrets[0];
        options.sources = &source;
        options.source_count = 1;
    }
    echo_run(&options, data + 1, size - 1);
    return 0;
}
