#include <stdio.h>

#include "cli_internal.h"
#include "waybill/integration.h"
#include "waybill/kafka_check.h"
#include "waybill/log.h"
#include "waybill/process.h"

static int check_clients(const struct kafka_settings *kafka,
                         const char **ret_key, struct error *err)
{
    struct kafka_options options;

    kafka_options_of(kafka, &options);
    return kafka_check_clients(&options, ret_key, err);
}

const struct config_rules config_rules = {
    .integrations = integration_table,
    .check_property = kafka_check_property,
    .find_property = kafka_find_property,
    .check_clients = check_clients,
};

void kafka_options_of(const struct kafka_settings *kafka,
                      struct kafka_options *ret_options)
{
    *ret_options = (struct kafka_options){
        .brokers = kafka->brokers,
        .group = kafka->group,
        .topic = kafka->topics.attestations,
        .optional_topic = kafka->topics.replays,
        .outcomes = kafka->topics.outcomes,
        .dead_letters = kafka->topics.dead_letters,
        .transactional_id = kafka->transactional_id,
        .instance_id = kafka->instance_id,
        .properties = &kafka->properties,
    };
}

static void report_not_found(struct config_report *report, const char *searched)
{
    struct config_fault fault = {
        .message = arena_printf(report->arena, "no configuration was found: %s",
                                searched),
        .fix = "create one of these files ('waybill config reference' lists "
               "all keys), or name another one with --config",
    };

    fault.text = arena_printf(report->arena, "waybill: %s; %s", fault.message,
                              fault.fix);
    config_report_add(report, &fault);
}

static struct settings *load(const struct cli_args *args, unsigned access,
                             struct config_report *report,
                             struct config_files *ret_files)
{
    CLEANUP(str_release) struct str searched = STR_INIT(STR_UNLIMITED);
    const char *argument = args_option(args, "--config");
    struct settings *settings;

    *ret_files = (struct config_files){0};
    if (!config_find(argument, &searched)) {
        report_not_found(report, searched.data);
        return NULL;
    }
    if (config_load_reporting(config_path(argument), &config_rules, access,
                              &settings, report, ret_files) < 0) {
        return NULL;
    }
    /* This must come after the configuration has been read: a process that
     * is not dumpable cannot open a FILE like /dev/fd/63 any more. */
    process_hide_memory();
    log_setup((enum log_level)settings->log.level,
              (enum log_format)settings->log.format);
    return settings;
}

void print_report(const struct config_report *report)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    config_report_append_text(report, &text);
    print_err("%s", text.data);
}

struct settings *load_reloadable_settings(const struct cli_args *args,
                                          unsigned access,
                                          struct config_files *ret_files)
{
    struct config_report report = {.arena = arena_new()};
    struct settings *settings = load(args, access, &report, ret_files);

    print_report(&report);
    arena_free(report.arena);
    return settings;
}

struct settings *load_settings(const struct cli_args *args, unsigned access)
{
    struct config_files files;
    struct settings *settings = load_reloadable_settings(args, access, &files);

    config_files_release(&files);
    return settings;
}

struct settings *load_settings_reporting(const struct cli_args *args,
                                         unsigned access,
                                         struct config_report *report)
{
    struct config_files files;
    struct settings *settings = load(args, access, report, &files);

    config_files_release(&files);
    return settings;
}
