#include "waybill/cli.h"

#include "cli_internal.h"
#include "documents.h"
#include "waybill/error.h"

static const struct command *const commands[] = {
    &run_command,         &check_command,
    &push_command,        &publish_command,
    &kafka_command,       &status_command,
    &explain_command,     &replay_command,
    &integration_command, &credential_helper_command,
    &config_command,      &version_command,
    &help_command,        NULL,
};

static int print_help(const struct command *command)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (command != NULL) {
        append_command_help(&text, command);
    } else {
        append_help(&text, commands);
    }
    print_str(&text);
    return EXIT_OK;
}

static int run_command_of(const struct cli_args *args)
{
    const struct command *command = args->command;

    if (command->operands == NULL && args->operand_count > 0) {
        usage_error(command->name,
                    "this command takes no arguments, but got '%s'",
                    args->operands[0]);
        return EXIT_USAGE;
    }
    return command->run(args);
}

static int report_no_command(void)
{
    CLEANUP(str_release) struct str names = STR_INIT(STR_UNLIMITED);

    for (size_t i = 0; commands[i] != NULL; i++) {
        str_printf(&names, "%s%s", i > 0 ? ", " : "", commands[i]->name);
    }
    usage_error(NULL, "no command was given; it must be one of %s", names.data);
    return EXIT_USAGE;
}

static int run_args(const struct cli_args *args)
{
    if (args_option(args, "--help") != NULL) {
        return print_help(args->command);
    }
    if (args_option(args, "--version") != NULL) {
        return version_command.run(args);
    }
    return args->command != NULL ? run_command_of(args) : report_no_command();
}

int cli_main(int argc, char **argv)
{
    struct cli_args args;

    output_begin();
    if (args_read(argc, argv, commands, &args) < 0) {
        return EXIT_USAGE;
    }
    return output_end(run_args(&args));
}
