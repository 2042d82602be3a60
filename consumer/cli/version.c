#include <stdio.h>

#include "cli_internal.h"
#include "waybill/config.h"
#include "waybill/digest.h"
#include "waybill/error.h"
#include "waybill/http.h"
#include "waybill/json.h"
#include "waybill/kafka.h"

/* The program itself comes first: the metric waybill_build_info relies on
 * it. */
const struct admin_version *library_versions(size_t *ret_count)
{
    static struct admin_version versions[] = {
        {"waybill", WAYBILL_VERSION},
        {"librdkafka", NULL},
        {"libcurl", NULL},
        {"cJSON", NULL},
        {"libyaml", NULL},
        {"OpenSSL", NULL},
        {"libmicrohttpd", NULL},
    };
    const char *(*const loaded[])(void) = {
        kafka_library_version,  http_library_version,   json_library_version,
        config_library_version, digest_library_version, admin_library_version,
    };

    _Static_assert(ARRAY_SIZE(versions) == ARRAY_SIZE(loaded) + 1, "one each");
    for (size_t i = 0; i < ARRAY_SIZE(loaded); i++) {
        versions[i + 1].version = loaded[i]();
    }
    *ret_count = ARRAY_SIZE(versions);
    return versions;
}

static int run_version(const struct cli_args *args)
{
    size_t count;
    const struct admin_version *versions = library_versions(&count);
    CLEANUP(str_release) struct str json = STR_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &json};

    if (args_option(args, "--json") == NULL) {
        for (size_t i = 0; i < count; i++) {
            print_out("%-13s %s\n", versions[i].name, versions[i].version);
        }
    }
    if (args_option(args, "--json") != NULL) {
        json_open(&writer, NULL, '{');
        for (size_t i = 0; i < count; i++) {
            json_append_string(&writer, versions[i].name, versions[i].version);
        }
        json_close(&writer, '}');
        str_append_char(&json, '\n');
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
    .summary = "Print the versions of Waybill and of its libraries",
    .text = "The versions are those of the libraries that are loaded at run "
            "time.\n",
    .examples = "  waybill version\n"
                "  waybill version --json\n",
    .exit_statuses = "  0   the versions were printed\n"
                     "  2   the command line is wrong\n",
    .options = options,
    .run = run_version,
};
