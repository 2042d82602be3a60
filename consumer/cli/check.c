#include <stdio.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/json.h"

static void print_json(const struct settings *settings, const char *path)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &text};

    json_open(&json, NULL, '{');
    json_append_string(&json, "file", path);
    json_append_bool(&json, "kafka", settings->kafka.brokers != NULL);
    json_open(&json, "attachments", '[');
    for (size_t i = 0; i < settings->attachment_count; i++) {
        const struct attachment *attachment = &settings->attachments[i];

        json_open(&json, NULL, '{');
        json_append_string(&json, "name", attachment->name);
        json_append_string(&json, "registration",
                           attachment->registration->name);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(&text, '\n');
    print_str(&text);
}

static void print_table(const struct settings *settings, const char *path)
{
    print_out("%s: ok, %zu registrations, %zu attachments%s\n", path,
              settings->registration_count, settings->attachment_count,
              settings->kafka.brokers ? "" : ", no kafka (push only)");
    for (size_t i = 0; i < settings->attachment_count; i++) {
        const struct attachment *attachment = &settings->attachments[i];
        const struct workflow_selector *workflow = &attachment->workflow;

        if (workflow->id != NULL) {
            print_out("  workflow %s -> %s (attachment '%s')\n", workflow->id,
                      attachment->registration->name, attachment->name);
        } else {
            print_out("  project %s, workflow %s -> %s (attachment '%s')\n",
                      workflow->project ? workflow->project : "*",
                      workflow->name ? workflow->name : "*",
                      attachment->registration->name, attachment->name);
        }
    }
}

static int run_check(const struct cli_args *args)
{
    struct settings *settings = load_settings(args, CONFIG_CHECKS_CLIENTS);
    const char *path = config_path(args_option(args, "--config"));

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    if (args_option(args, "--online") != NULL) {
        int status =
            check_online(settings, args_option(args, "--json") != NULL);

        settings_free(settings);
        return status;
    }
    if (args_option(args, "--json") != NULL) {
        print_json(settings, path);
    } else {
        print_table(settings, path);
    }
    settings_free(settings);
    return EXIT_OK;
}

static const struct option_row options[] = {
    {"--json", NULL, "print JSON"},
    {"--online", NULL,
     "also ask Kafka and each registration's endpoint what would go wrong"},
    {0},
};

const struct command check_command = {
    .name = "check",
    .summary = "Check the configuration, and say every fault of it",
    .text =
        "Faults go to stderr, a line each: file:line:column: key: what is "
        "wrong.\nKafka's clients are created with these settings, but connect "
        "to nothing unless --online\nis given. Then the brokers are asked "
        "whether the topics exist, whether this principal\nmay use them, "
        "and whether the dead-letter topic accepts what the attestations "
        "topic\naccepts; and each registration's endpoint is asked, step "
        "by step, as for a delivery. Of a\nregistry: its name, TLS, what "
        "it wants to be shown, where the credentials come from, a\ntoken, "
        "and an upload that is opened and cancelled. This is tried where "
        "the artifacts of each\nattachment go, once for each repository path "
        "and for 100 of them at most, because a\nregistry may permit one path "
        "and deny another. Nothing is stored, and no secret is\nprinted.\n",
    .examples = "  waybill check\n"
                "  waybill check --config /etc/waybill/config.yaml\n"
                "  waybill check --online\n",
    .exit_statuses =
        "  0   nothing is wrong\n"
        "  1   --online: Kafka lacks something, or an endpoint would refuse a "
        "delivery\n"
        "  2   the command line is wrong\n"
        "  75  --online: Kafka or an endpoint is out of reach\n"
        "  78  the configuration is wrong\n",
    .options = options,
    .run = run_check,
};
