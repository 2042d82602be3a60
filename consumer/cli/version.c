#include <stdio.h>

#include "cli_internal.h"
#include "waybill/config.h"
#include "waybill/digest.h"
#include "waybill/error.h"
#include "waybill/http.h"
#include "waybill/json.h"
#include "waybill/queue.h"

static int run_version(const struct cli_args *args)
{
    const char *versions[][2] = {
        {"waybill", WAYBILL_VERSION},
        {"librdkafka", queue_library_version()},
        {"libcurl", http_library_version()},
        {"cJSON", json_library_version()},
        {"libyaml", config_library_version()},
        {"OpenSSL", digest_library_version()},
    };
    CLEANUP(str_release) struct str json = STR_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &json};

    if (args_option(args, "--json") == NULL) {
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            printf("%-10s %s\n", versions[i][0], versions[i][1]);
        }
    }
    if (args_option(args, "--json") != NULL) {
        json_open(&writer, NULL, '{');
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            json_put_string(&writer, versions[i][0], versions[i][1]);
        }
        json_close(&writer, '}');
        str_putc(&json, '\n');
        print_str(&json);
    }
    return EXIT_OK;
}

static const struct option_row options[] = {
    {"--json", NULL, "print JSON"},
    {0},
};

const struct command version_command = {
    .name = "version",
    .summary = "Print the versions of waybill and of the libraries in use",
    .text = "The libraries are those that the running program has loaded.\n",
    .examples = "  waybill version\n"
                "  waybill version --json\n",
    .exits = "  0   always\n",
    .options = options,
    .run = run_version,
};
