#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/suggest.h"

const struct option_row global_options[] = {
    {"--config", "FILE",
     "the configuration file; without it WAYBILL_CONFIG, ./config.yaml or "
     "/etc/waybill/config.yaml"},
    {"--help", NULL, "print help for Waybill, or for the command"},
    {"--version", NULL, "print the versions of Waybill and of its libraries"},
    {0},
};

static const struct short_option {
    const char *name;
    const char *long_name;
} short_options[] = {{"-h", "--help"}, {"-V", "--version"}};

const char *short_option_of(const char *long_name)
{
    for (size_t i = 0; i < ARRAY_SIZE(short_options); i++) {
        if (strcmp(short_options[i].long_name, long_name) == 0) {
            return short_options[i].name;
        }
    }
    return NULL;
}

static const char *long_option_of(const char *argument)
{
    for (size_t i = 0; i < ARRAY_SIZE(short_options); i++) {
        if (strcmp(short_options[i].name, argument) == 0) {
            return short_options[i].long_name;
        }
    }
    return argument;
}

void usage_error(const char *command, const char *format, ...)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    va_list args;

    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    if (command == NULL) {
        print_err("waybill: %s\nRun 'waybill help' to list the commands and "
                  "options.\n",
                  text.data);
    } else {
        print_err(
            "waybill %s: %s\nRun 'waybill help %s' to see its options and "
            "examples.\n",
            command, text.data, command);
    }
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

/* The first command, other than that of the command line, that has the
 * option; or NULL */
static const struct command *owner_of_option(const struct cli_args *args,
                                             const char *name)
{
    for (size_t i = 0; args->commands[i] != NULL; i++) {
        const struct command *command = args->commands[i];

        if (command != args->command &&
            find_option(command->options, name, strlen(name)) != NULL) {
            return command;
        }
    }
    return NULL;
}

static void report_unknown_option(const struct cli_args *args, const char *name)
{
    const char *command = args->command ? args->command->name : NULL;
    const struct command *owner = owner_of_option(args, name);
    struct suggestion near;

    suggest_init(&near, name);
    suggest_options(&near, global_options);
    suggest_options(&near, args->command ? args->command->options : NULL);
    if (command == NULL && owner != NULL) {
        usage_error(command,
                    "the option '%s' belongs to a command and must follow its "
                    "name, as in 'waybill %s %s'",
                    name, owner->name, name);
    } else if (near.nearest != NULL) {
        usage_error(command, "there is no option '%s' (did you mean '%s'?)",
                    name, near.nearest);
    } else if (owner != NULL) {
        usage_error(command, "there is no option '%s'; 'waybill %s' has one",
                    name, owner->name);
    } else {
        usage_error(command, "there is no option '%s'", name);
    }
}

static int unknown_option(const struct cli_args *args, const char *argument,
                          size_t len)
{
    char *name = mem_copy(argument, len + 1);

    name[len] = '\0';
    report_unknown_option(args, name);
    mem_free(name);
    return -1;
}

/* An empty value is a mistake, usually a shell variable that is not set. A
 * record's key may be empty. */
static int check_value(const char *command, const struct option_row *row,
                       const char *value)
{
    if (row->argument == NULL && value != NULL) {
        usage_error(command, "the option '%s' takes no value, but got '%s'",
                    row->name, value);
        return -1;
    }
    if (row->argument != NULL && value == NULL) {
        usage_error(command, "the option '%s' needs a value: %s %s", row->name,
                    row->name, row->argument);
        return -1;
    }
    if (row->argument != NULL && *value == '\0' &&
        strcmp(row->name, "--key") != 0) {
        usage_error(command,
                    "the value of '%s' is empty, but must not be: %s %s",
                    row->name, row->name, row->argument);
        return -1;
    }
    return 0;
}

static int add_option(struct cli_args *args, const struct option_row *row,
                      const char *value)
{
    const char *command = args->command ? args->command->name : NULL;

    if (check_value(command, row, value) < 0) {
        return -1;
    }
    if (args->option_count == CLI_MAX_OPTIONS) {
        usage_error(command, "there are more than %d options", CLI_MAX_OPTIONS);
        return -1;
    }
    args->options[args->option_count++] =
        (struct option_value){row, value != NULL ? value : ""};
    return 0;
}

/* Parses the option at argv[*index]. Its value may be the next element, which
 * is then consumed. */
static int read_option(int argc, char **argv, int *index, struct cli_args *args)
{
    const char *name = long_option_of(argv[*index]);
    size_t len = strcspn(name, "=");
    const struct option_row *row = find_option(global_options, name, len);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (row == NULL && args->command != NULL) {
        row = find_option(args->command->options, name, len);
    }
    if (row == NULL) {
        return unknown_option(args, name, len);
    }
    if (row->argument != NULL && value == NULL && *index + 1 < argc) {
        value = argv[++*index];
    }
    return add_option(args, row, value);
}

static const struct command *find_command(const struct command *const *commands,
                                          const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

const struct command *require_command(const struct command *const *commands,
                                      const char *name)
{
    const struct command *command = find_command(commands, name);
    struct suggestion near;

    if (command != NULL) {
        return command;
    }
    suggest_init(&near, name);
    for (size_t i = 0; commands[i] != NULL; i++) {
        suggest_offer(&near, commands[i]->name);
    }
    if (near.nearest != NULL) {
        usage_error(NULL, "there is no command '%s' (did you mean '%s'?)", name,
                    near.nearest);
    } else {
        usage_error(NULL, "there is no command '%s'", name);
    }
    return NULL;
}

/* Bazel passes only its own arguments to a credential helper, so a link with
 * this name selects the command. */
static const struct command *command_of_link(const struct cli_args *args,
                                             const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash != NULL ? slash + 1 : program,
                  "waybill-credential-helper") == 0
               ? find_command(args->commands, "credential-helper")
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
            ret_args->command = require_command(commands, argument);
            if (ret_args->command == NULL) {
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
