#include <stdio.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/json.h"

static void append_faults(struct json_writer *json, const char *name,
                          const struct config_report *report, bool warnings)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < report->count; i++) {
        const struct config_fault *fault = &report->faults[i];

        if (fault->is_warning != warnings) {
            continue;
        }
        json_open(json, NULL, '{');
        json_append_optional(json, "file", fault->file);
        if (fault->line > 0) {
            json_append_integer(json, "line", (int64_t)fault->line);
            json_append_integer(json, "column", (int64_t)fault->column);
        }
        json_append_optional(json, "key", fault->key);
        json_append_string(json, "message", fault->message);
        json_append_optional(json, "fix", fault->fix);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_attachments(struct json_writer *json,
                               const struct settings *settings)
{
    json_open(json, "attachments", '[');
    for (size_t i = 0; i < settings->attachment_count; i++) {
        const struct attachment *attachment = &settings->attachments[i];

        json_open(json, NULL, '{');
        json_append_string(json, "name", attachment->name);
        json_append_string(json, "registration",
                           attachment->registration->name);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* The document of deploy/reference/check.schema.json. The settings are NULL if
 * they are not valid. */
static void print_json(const struct settings *settings, const char *path,
                       const struct config_report *report)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &text};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "ok", settings != NULL);
    json_append_optional(&json, "file", path);
    append_faults(&json, "faults", report, false);
    if (report->omitted > 0) {
        json_append_integer(&json, "omitted_faults", (int64_t)report->omitted);
    }
    append_faults(&json, "warnings", report, true);
    if (settings != NULL) {
        json_append_bool(&json, "kafka", settings->kafka.brokers != NULL);
        append_attachments(&json, settings);
    }
    json_close(&json, '}');
    str_append_char(&text, '\n');
    print_str(&text);
}

static void print_table(const struct settings *settings, const char *path)
{
    print_out("%s: ok, %zu registration%s, %zu attachment%s%s\n", path,
              settings->registration_count,
              plural_s(settings->registration_count),
              settings->attachment_count, plural_s(settings->attachment_count),
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

static int check(const struct cli_args *args, const struct settings *settings,
                 const struct config_report *report)
{
    const char *path = config_path(args_option(args, "--config"));
    bool as_json = args_option(args, "--json") != NULL;

    if (as_json &&
        (settings == NULL || args_option(args, "--online") == NULL)) {
        /* If no file was found, its fault names none. */
        bool is_missing = report->count > 0 && report->faults[0].file == NULL;

        print_json(settings, is_missing ? NULL : path, report);
        return settings != NULL ? EXIT_OK : EXIT_CONFIG;
    }
    print_report(report);
    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    if (args_option(args, "--online") != NULL) {
        return check_online(settings, as_json);
    }
    print_table(settings, path);
    return EXIT_OK;
}

static int run_check(const struct cli_args *args)
{
    struct config_report report = {.arena = arena_new()};
    struct settings *settings =
        load_settings_reporting(args, CONFIG_CHECKS_CLIENTS, &report);
    int status = check(args, settings, &report);

    settings_free(settings);
    arena_free(report.arena);
    return status;
}

static const struct option_row options[] = {
    {"--json", NULL, "print the result as JSON on standard output"},
    {"--online", NULL,
     "also ask Kafka and the endpoint of each registration whether a delivery "
     "would succeed"},
    {0},
};

const struct command check_command = {
    .name = "check",
    .summary = "Check the configuration and report every fault in it",
    .text =
        "Each fault is a line on standard error: file:line:column: key: what "
        "is wrong and\n"
        "how to correct it. With --json, standard output is a document in "
        "which "
        "\"ok\" is\n"
        "whether the configuration is valid, and \"faults\" and \"warnings\" "
        "are lists of\n"
        "objects with \"message\", and if they are known \"file\", \"line\", "
        "\"column\", \"key\" and\n"
        "\"fix\". deploy/reference/check.schema.json describes the "
        "document.\n"
        "\n"
        "Kafka's clients are created with the settings, but nothing is "
        "contacted unless\n"
        "--online is given. With --online, the brokers are asked whether the "
        "topics exist,\n"
        "whether this principal may use them, and whether the dead-letter "
        "topic "
        "accepts\n"
        "what the attestations topic accepts. Each endpoint is asked step by "
        "step, as in a\n"
        "delivery. For a registry these steps are its name, TLS, the "
        "authentication that it\n"
        "requires, the source of the credentials, a token, and an upload that "
        "is opened and\n"
        "cancelled. A registry may permit one repository path and deny "
        "another, "
        "so up to\n"
        "100 paths of the attachments are tried. Nothing is stored, and no "
        "secret is\n"
        "printed.\n",
    .examples = "  waybill check\n"
                "  waybill check --config /etc/waybill/config.yaml\n"
                "  waybill check --json | jq -r '.faults[].message'\n"
                "  waybill check --online\n",
    .exit_statuses =
        "  0   the configuration is valid; with --online, nothing is wrong\n"
        "  1   --online: Kafka lacks something, or an endpoint would refuse a "
        "delivery\n"
        "  2   the command line is wrong\n"
        "  75  --online: Kafka or an endpoint could not be reached\n"
        "  78  the configuration is wrong\n",
    .options = options,
    .run = run_check,
};
