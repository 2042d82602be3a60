#include "waybill/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/error.h"

static const struct command *const commands[] = {
    &run_command,     &check_command,   &push_command,
    &publish_command, &kafka_command,   &status_command,
    &explain_command, &replay_command,  &credential_helper_command,
    &config_command,  &version_command, NULL,
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
        usage_error(command->name, "'%s' takes no arguments, but got '%s'",
                    command->name, args->operands[0]);
        return EXIT_USAGE;
    }
    return command->run(args);
}

int cli_main(int argc, char **argv)
{
    struct cli_args args;
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (args_read(argc, argv, commands, &args) < 0) {
        return EXIT_USAGE;
    }
    if (args_option(&args, "--help") != NULL) {
        status = print_help(args.command);
    } else if (args_option(&args, "--version") != NULL) {
        status = version_command.run(&args);
    } else if (args.command == NULL) {
        usage_error(NULL,
                    "which command? (run, check, push, publish, kafka, status, "
                    "explain, replay, credential-helper, config, version)");
        status = EXIT_USAGE;
    } else {
        status = run_command_of(&args);
    }
    /* A failed write to stdout (a full disk) must not look like success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_OK) {
        print_err("waybill: standard output cannot be written\n");
        status = EXIT_FAILED;
    }
    return status;
}
