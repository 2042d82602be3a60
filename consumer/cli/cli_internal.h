#ifndef WAYBILL_CLI_INTERNAL_H
#define WAYBILL_CLI_INTERNAL_H

#include <stdbool.h>

#include "waybill/admin.h"
#include "waybill/config.h"
#include "waybill/json.h"
#include "waybill/message.h"
#include "waybill/str.h"

/* --- options.c: argv by a table
 * ------------------------------------------------ */

struct option_row {
    const char *name;     /* "--key" */
    const char *argument; /* "KEY"; NULL: a switch */
    const char *doc;
};

#define CLI_MAX_OPTIONS 32

struct option_value {
    const struct option_row *row;
    const char *value;
};

struct cli_args {
    const struct command *const *commands; /* all that there are */
    const struct command *command;
    struct option_value options[CLI_MAX_OPTIONS];
    size_t option_count;
    char **words; /* what is no option, without the command */
    size_t word_count;
};

/* -1: said on stderr what is wrong, and how to find help */
int args_read(int argc, char **argv, const struct command *const *commands,
              struct cli_args *ret_args);
extern const struct option_row global_options[];
/* The last value of an option, "" for a switch; NULL: not given */
const char *args_option(const struct cli_args *args, const char *name);
/* Where files are wanted and none is named */
void args_default_to_stdin(struct cli_args *args);
void usage_error(const char *command, const char *format, ...) PRINTF(2, 3);

/* --- wrap.c: text for people
 * ------------------------------------------------ */

/* Text in lines of at most so many columns: the first begins where `out` ends,
 * in that column, and the others below it. */
void append_wrapped(struct str *out, const char *text, size_t column,
                    size_t line);
void print_str(const struct str *text); /* on stdout */

/* --- version.c */
const struct admin_version *library_versions(size_t *ret_count);

/* --- what a command is; cli.c has the table of them, which ends with NULL
 * ------------------------------------------------ */

struct command {
    const char *name;
    const char *words;   /* "[EVENT...]"; NULL: takes none */
    const char *summary; /* one line, for the list */
    const char *text;    /* paragraphs, for its own help */
    const char *examples;
    const char *exits;                /* what its statuses mean */
    const struct option_row *options; /* ends with a row without a name */
    int (*run)(const struct cli_args *args);
};

/* --- help.c, manual.c, completion.c: the table as documents
 * ------------------------------------------------ */

void append_command_help(struct str *out, const struct command *command);
void append_help(struct str *out, const struct command *const *commands);
/* All of it as Markdown: `waybill config cli` is what docs are made of */
void append_cli_reference(struct str *out,
                          const struct command *const *commands);
/* What both help and the manual page begin and end with */
#define CLI_SUMMARY                                                            \
    "Takes attestations from Kafka, puts each into the OCI registries that "   \
    "its\nworkflow is attached to, and says on Kafka what became of it."

#define CLI_EXITS                                                              \
    "  0   all well\n"                                                         \
    "  1   a delivery failed or was refused\n"                                 \
    "  2   the command line is wrong\n"                                        \
    "  75  temporary: broker or registry out of reach, attempts used up\n"     \
    "  78  the configuration is wrong\n"
/* manual.c: waybill(1) */
void append_manual(struct str *out, const struct command *const *commands);
/* completion.c: for bash */
void append_completion(struct str *out, const struct command *const *commands);
/* config_registries.c */
void append_registries_reference(struct str *out);
/* config_errors.c */
void append_errors_reference(struct str *out);

/* --- load.c: the settings of a command
 * ------------------------------------------------ */

/* Loads what --config or its stand-ins name, says every fault, sets the log up.
 * NULL: the status is EXIT_CONFIG. */
struct settings *load_settings(const struct cli_args *args, unsigned access);
/* The same, for who wants to do it again: *ret_files is to be released. */
struct settings *load_reloadable_settings(const struct cli_args *args,
                                          unsigned access,
                                          struct config_files *ret_files);
extern const struct config_rules config_rules;

/* --- check_online.c
 * ------------------------------------------------------------- */

/* Asks every registration's place, and prints what would go wrong; the exit
 * status. */
int check_online(const struct settings *settings, bool as_json);

/* --- events.c: files of events
 * ----------------------------------------------------- */

/* One of a file's JSON values. What is not JSON comes as well, as far as the
 * next line that begins with '{': one broken event hides no other. */
struct events {
    const char *file; /* "-": standard input */
    char *data;
    size_t len;
    size_t at;
    int64_t index;
};

/* Says on stderr why not. */
int events_open(const char *file, struct events *ret_events);
void events_close(struct events *events);
/* False at the end. *ret_message holds the value and a content type. */
bool events_next(struct events *events, struct input *ret_input);

/* --- the commands
 * -------------------------------------------------------------------- */

extern const struct command run_command;
extern const struct command check_command;
extern const struct command push_command;
extern const struct command publish_command;
extern const struct command status_command;
extern const struct command explain_command;
extern const struct command replay_command;
extern const struct command credential_helper_command;
extern const struct command config_command;
extern const struct command version_command;

#endif
