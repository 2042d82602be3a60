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

struct settings *load_reloadable_settings(const struct cli_args *args,
                                          unsigned access,
                                          struct config_files *ret_files)
{
    CLEANUP(str_release) struct str faults = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str warnings = STR_INIT(STR_UNLIMITED);
    struct settings *settings = NULL;
    const char *path = config_path(args_option(args, "--config"));

    if (config_load(path, &config_rules, access, &settings, &faults, &warnings,
                    ret_files) < 0) {
        print_err("%s", faults.data);
        print_err("%s", warnings.data);
        return NULL;
    }
    print_err("%s", warnings.data);
    /* This must come after the configuration has been read: a process that
     * is not dumpable cannot open a FILE like /dev/fd/63 any more. */
    process_hide_memory();
    log_setup((enum log_level)settings->log.level,
              (enum log_format)settings->log.format);
    return settings;
}

struct settings *load_settings(const struct cli_args *args, unsigned access)
{
    struct config_files files;
    struct settings *settings = load_reloadable_settings(args, access, &files);

    config_files_release(&files);
    return settings;
}
