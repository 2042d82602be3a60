#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/suggest.h"

const struct option_row global_options[] = {
    {"--config", "FILE",
     "configuration (else WAYBILL_CONFIG, ./config.yaml, "
     "/etc/waybill/config.yaml)"},
    {"--help", NULL, "this text, or a command's own"},
    {"--version", NULL, "the versions of waybill and of its libraries"},
    {0},
};

void usage_error(const char *command, const char *format, ...)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    va_list args;

    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    print_err("waybill: %s\nsee 'waybill %s%s--help'\n", text.data,
              command ? command : "", command ? " " : "");
}

static const struct option_row *find_option(const struct option_row *rows,
                                            const char *name, size_t len)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (strlen(rows->name) == len && strncmp(rows->name, name, len) == 0) {
            return rows;
        }
    }
    return NULL;
}

static void suggest_options(struct suggestion *near,
                            const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        suggest_offer(near, rows->name);
    }
}

static int unknown_option(const struct cli_args *args, const char *argument,
                          size_t len)
{
    char *name = mem_copy(argument, len + 1);
    const char *command = args->command ? args->command->name : NULL;
    struct suggestion near;

    name[len] = '\0';
    suggest_init(&near, name);
    suggest_options(&near, global_options);
    suggest_options(&near, args->command ? args->command->options : NULL);
    if (near.nearest != NULL) {
        usage_error(command, "unknown option '%s' (did you mean '%s'?)", name,
                    near.nearest);
    } else {
        usage_error(command, "unknown option '%s'", name);
    }
    mem_free(name);
    return -1;
}

/* Parses the option at argv[*at]. Its value may be the next element, which
 * is then consumed. */
static int read_option(int argc, char **argv, int *index, struct cli_args *args)
{
    const char *argument = argv[*index];
    const char *name = strcmp(argument, "-h") == 0 ? "--help" : argument;
    size_t len = strcspn(name, "=");
    const struct option_row *row = find_option(global_options, name, len);
    const char *command = args->command ? args->command->name : NULL;
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (row == NULL && args->command != NULL) {
        row = find_option(args->command->options, name, len);
    }
    if (row == NULL) {
        return unknown_option(args, argument, len);
    }
    if (row->argument == NULL && value != NULL) {
        usage_error(command, "option '%s' takes no value", row->name);
        return -1;
    }
    if (row->argument != NULL && value == NULL) {
        if (*index + 1 >= argc) {
            usage_error(command, "option '%s' needs a value: %s", row->name,
                        row->argument);
            return -1;
        }
        value = argv[++*index];
    }
    if (args->option_count == CLI_MAX_OPTIONS) {
        usage_error(command, "more than %d options", CLI_MAX_OPTIONS);
        return -1;
    }
    args->options[args->option_count++] =
        (struct option_value){row, value != NULL ? value : ""};
    return 0;
}

static const struct command *find_command(const struct cli_args *args,
                                          const char *name)
{
    for (size_t i = 0; args->commands[i] != NULL; i++) {
        if (strcmp(args->commands[i]->name, name) == 0) {
            return args->commands[i];
        }
    }
    return NULL;
}

static int read_command(struct cli_args *args, const char *argument)
{
    struct suggestion near;

    args->command = find_command(args, argument);
    if (args->command != NULL) {
        return 0;
    }
    suggest_init(&near, argument);
    for (size_t i = 0; args->commands[i] != NULL; i++) {
        suggest_offer(&near, args->commands[i]->name);
    }
    if (near.nearest != NULL) {
        usage_error(NULL, "no command '%s' (did you mean '%s'?)", argument,
                    near.nearest);
    } else {
        usage_error(NULL, "no command '%s'", argument);
    }
    return -1;
}

/* Bazel passes only its own arguments to a credential helper, so a link with
 * this name selects the command. */
static const struct command *command_of_link(const struct cli_args *args,
                                             const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash != NULL ? slash + 1 : program,
                  "waybill-credential-helper") == 0
               ? find_command(args, "credential-helper")
               : NULL;
}

int args_read(int argc, char **argv, const struct command *const *commands,
              struct cli_args *ret_args)
{
    bool options_ended = false;

    *ret_args = (struct cli_args){.commands = commands, .operands = argv};
    if (argc > 0) {
        ret_args->command = command_of_link(ret_args, argv[0]);
    }
    for (int index = 1; index < argc; index++) {
        const char *argument = argv[index];

        if (!options_ended && strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && argument[0] == '-' &&
                   argument[1] != '\0') {
            if (read_option(argc, argv, &index, ret_args) < 0) {
                return -1;
            }
        } else if (ret_args->command == NULL) {
            if (read_command(ret_args, argument) < 0) {
                return -1;
            }
        } else {
            /* Operands are collected at the front of argv, in place. */
            argv[ret_args->operand_count++] = argv[index];
        }
    }
    return 0;
}

const char *args_option(const struct cli_args *args, const char *name)
{
    for (size_t i = args->option_count; i > 0; i--) {
        if (strcmp(args->options[i - 1].row->name, name) == 0) {
            return args->options[i - 1].value;
        }
    }
    return NULL;
}

void args_default_to_stdin(struct cli_args *args)
{
    static char dash[] = "-";
    static char *standard_input[] = {dash};

    if (args->operand_count == 0) {
        args->operands = standard_input;
        args->operand_count = 1;
    }
}
