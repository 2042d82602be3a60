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
    va_list args;

    fputs("waybill: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nsee 'waybill %s%s--help'\n", command ? command : "",
            command ? " " : "");
}

static const struct option_row *find(const struct option_row *rows,
                                     const char *name, size_t len)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (strlen(rows->name) == len && strncmp(rows->name, name, len) == 0) {
            return rows;
        }
    }
    return NULL;
}

static void offer(struct suggestion *near, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        suggest_offer(near, rows->name);
    }
}

static int unknown_option(const struct cli_args *args, const char *word,
                          size_t len)
{
    char *name = mem_copy(word, len + 1);
    const char *command = args->command ? args->command->name : NULL;
    struct suggestion near;

    name[len] = '\0';
    suggest_init(&near, name);
    offer(&near, global_options);
    offer(&near, args->command ? args->command->options : NULL);
    if (near.nearest != NULL) {
        usage_error(command, "unknown option '%s' (did you mean '%s'?)", name,
                    near.nearest);
    } else {
        usage_error(command, "unknown option '%s'", name);
    }
    mem_free(name);
    return -1;
}

/* One option at argv[*at]; its value may be the next word. */
static int read_option(int argc, char **argv, int *at, struct cli_args *args)
{
    const char *word = argv[*at];
    const char *name = strcmp(word, "-h") == 0 ? "--help" : word;
    size_t len = strcspn(name, "=");
    const struct option_row *row = find(global_options, name, len);
    const char *command = args->command ? args->command->name : NULL;
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (row == NULL && args->command != NULL) {
        row = find(args->command->options, name, len);
    }
    if (row == NULL) {
        return unknown_option(args, word, len);
    }
    if (row->argument == NULL && value != NULL) {
        usage_error(command, "option '%s' takes no value", row->name);
        return -1;
    }
    if (row->argument != NULL && value == NULL) {
        if (*at + 1 >= argc) {
            usage_error(command, "option '%s' needs a value: %s", row->name,
                        row->argument);
            return -1;
        }
        value = argv[++*at];
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

static int read_command(struct cli_args *args, const char *word)
{
    struct suggestion near;

    args->command = find_command(args, word);
    if (args->command != NULL) {
        return 0;
    }
    suggest_init(&near, word);
    for (size_t i = 0; args->commands[i] != NULL; i++) {
        suggest_offer(&near, args->commands[i]->name);
    }
    if (near.nearest != NULL) {
        usage_error(NULL, "no command '%s' (did you mean '%s'?)", word,
                    near.nearest);
    } else {
        usage_error(NULL, "no command '%s'", word);
    }
    return -1;
}

/* Bazel runs a program with no arguments but its own: a link can be one. */
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
    bool only_words = false;

    *ret_args = (struct cli_args){.commands = commands, .words = argv};
    if (argc > 0) {
        ret_args->command = command_of_link(ret_args, argv[0]);
    }
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];

        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!only_words && word[0] == '-' && word[1] != '\0') {
            if (read_option(argc, argv, &at, ret_args) < 0) {
                return -1;
            }
        } else if (ret_args->command == NULL) {
            if (read_command(ret_args, word) < 0) {
                return -1;
            }
        } else {
            /* Words are gathered at argv's own front. */
            argv[ret_args->word_count++] = argv[at];
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

    if (args->word_count == 0) {
        args->words = standard_input;
        args->word_count = 1;
    }
}
