#include <stdlib.h>
#include <string.h>

#include "cli_internal.h"
#include "kafka_text.h"
#include "waybill/error.h"

#define MAX_PARTITIONS 10000
#define MAX_REPLICAS 100

static int read_number(const struct cli_args *args, const char *option, int max,
                       int *value)
{
    const char *text = args_option(args, option);
    char *end = NULL;
    long number;

    if (text == NULL) {
        return 0;
    }
    number = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 ||
        number > max) {
        usage_error("kafka", "%s must be a number from 1 to %d, not '%s'",
                    option, max, text);
        return -1;
    }
    *value = (int)number;
    return 0;
}

/* "replay=User:ops" is the principal of one command, "User:waybill" that of all
 * of them. A principal of a certificate contains equals signs, too:
 * "User:CN=waybill". */
static int read_principal(const char *value, struct prepare_request *request)
{
    for (enum kafka_user user = 0; user < KAFKA_USERS; user++) {
        const char *name = kafka_user_name(user);
        size_t len = strlen(name);

        if (strncmp(value, name, len) == 0 && value[len] == '=') {
            request->principals[user] = value + len + 1;
            value += len + 1;
            break;
        }
        if (user + 1 == KAFKA_USERS) {
            for (enum kafka_user each = 0; each < KAFKA_USERS; each++) {
                request->principals[each] = value;
            }
        }
    }
    if (strchr(value, ':') == NULL || strchr(value, ':') == value) {
        usage_error("kafka",
                    "--principal must be TYPE:NAME, as in User:waybill, or "
                    "COMMAND=TYPE:NAME with the command run, replay, explain "
                    "or publish, not '%s'",
                    value);
        return -1;
    }
    return 0;
}

static int read_options(const struct cli_args *args,
                        struct prepare_request *request)
{
    for (size_t i = 0; i < args->option_count; i++) {
        if (strcmp(args->options[i].row->name, "--principal") == 0 &&
            read_principal(args->options[i].value, request) < 0) {
            return -1;
        }
    }
    request->tools.command_config = args_option(args, "--command-config");
    return read_number(args, "--partitions", MAX_PARTITIONS,
                       &request->sizes.partitions) < 0 ||
                   read_number(args, "--replication-factor", MAX_REPLICAS,
                               &request->sizes.replicas) < 0
               ? -1
               : 0;
}

static int apply(const struct prepare_request *request, bool as_json,
                 struct arena *arena)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct kafka_topic_finding *findings;
    struct error err;
    size_t count;

    if (kafka_prepare(request->kafka, &request->tools, &request->sizes, arena,
                      &findings, &count, &err) < 0) {
        print_err("waybill: %s\n", err.message);
        return error_exit_code(err.kind);
    }
    if (as_json) {
        append_findings_json(&text, findings, count);
    } else {
        append_findings_table(&text, findings, count);
    }
    print_str(&text);
    return findings_are_ok(findings, count) ? EXIT_OK : EXIT_FAILED;
}

static void print_plan(const struct prepare_request *request, bool as_json)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (as_json) {
        append_prepare_json(&text, request);
    } else {
        append_prepare_script(&text, request);
    }
    print_str(&text);
}

static int prepare(const struct cli_args *args, struct prepare_request *request,
                   const struct settings *settings)
{
    bool as_json = args_option(args, "--json") != NULL;
    struct arena *arena = arena_new();
    struct kafka_options options;
    const char *configured;
    int status = EXIT_OK;

    kafka_options_of(&settings->kafka, &options);
    configured = kafka_principal(&options, arena);
    for (enum kafka_user user = 0; user < KAFKA_USERS; user++) {
        if (request->principals[user] == NULL) {
            request->principals[user] = configured;
        }
    }
    request->kafka = &options;
    request->tools.brokers = options.brokers;
    request->config = config_path(args_option(args, "--config"));
    if (args_option(args, "--apply") != NULL) {
        status = apply(request, as_json, arena);
    } else {
        print_plan(request, as_json);
    }
    arena_free(arena);
    return status;
}

static int run_kafka(const struct cli_args *args)
{
    struct prepare_request request = {0};
    struct settings *settings;
    int status;

    if (args->operand_count != 1 || strcmp(args->operands[0], "prepare") != 0) {
        usage_error("kafka", "the only argument must be the action 'prepare'");
        return EXIT_USAGE;
    }
    if (read_options(args, &request) < 0) {
        return EXIT_USAGE;
    }
    settings = load_settings(args, CONFIG_REQUIRES_KAFKA);
    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    status = prepare(args, &request, settings);
    settings_free(settings);
    return status;
}

static const struct option_row options[] = {
    {"--apply", NULL,
     "create the topics that do not exist, and compare others"},
    {"--principal", "PRINCIPAL",
     "User:NAME, or COMMAND=User:NAME for one command; repeatable"},
    {"--partitions", "N",
     "the number of partitions of each topic except the dead letter topic "
     "(default 6)"},
    {"--replication-factor", "N",
     "the replication factor of all topics (default: that of the brokers)"},
    {"--command-config", "FILE",
     "the --command-config file of Kafka's tools in the printed commands"},
    {"--json", NULL, "print JSON"},
    {0},
};

const struct command kafka_command = {
    .name = "kafka",
    .operands = "prepare",
    .summary = "Prepare a Kafka cluster: topics and permissions",
    .text =
        "Without --apply this prints a shell script of kafka-topics.sh and "
        "kafka-acls.sh\ncommands with the reason for each, for an "
        "administrator to read and run. Kafka is\nnot contacted. The "
        "permissions are those that each command needs, and no more:\n"
        "run, replay, explain and publish may have principals of their own. "
        "The default is\nthe principal of sasl.username.\n"
        "\n"
        "With --apply it creates the topics that do not exist, with the "
        "credentials of the\nconfiguration, which must permit that. It "
        "changes no topic that exists: where the\nsettings of one differ from "
        "what Waybill needs, it prints the command that\nchanges them. It "
        "grants no permissions.\n",
    .examples = "  waybill kafka prepare > prepare.sh\n"
                "  waybill kafka prepare --principal User:waybill \\\n"
                "      --principal replay=User:operator --command-config "
                "admin.properties\n"
                "  waybill kafka prepare --apply --partitions 12\n",
    .exit_statuses = "  0 printed; --apply: all topics exist and are suitable\n"
                     "  1   --apply: a topic differs, or could not be created\n"
                     "  2   the command line is wrong\n"
                     "  75  the brokers cannot be reached\n"
                     "  78  the configuration is wrong\n",
    .options = options,
    .run = run_kafka,
};
