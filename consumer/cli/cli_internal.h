#ifndef WAYBILL_CLI_INTERNAL_H
#define WAYBILL_CLI_INTERNAL_H

#include <stdbool.h>

#include "output.h"
#include "waybill/admin.h"
#include "waybill/arena.h"
#include "waybill/config.h"
#include "waybill/config_report.h"
#include "waybill/event.h"
#include "waybill/json.h"
#include "waybill/kafka.h"
#include "waybill/message.h"
#include "waybill/str.h"

/* --- options.c: command line parsing -------------------------------------- */

struct option_row {
    const char *name;     /* "--key" */
    const char *argument; /* "KEY"; NULL for a switch */
    const char *doc;
};

#define CLI_MAX_OPTIONS 32

struct option_value {
    const struct option_row *row;
    const char *value;
};

struct cli_args {
    const struct command *const *commands; /* every command; ends with NULL */
    const struct command *command;
    struct option_value options[CLI_MAX_OPTIONS];
    size_t option_count;
    char **operands; /* without the name of the command */
    size_t operand_count;
};

/* Parses argv, which it reorders: the operands move to its front. On -1 the
 * error, and how to get help, has been printed on stderr. */
int args_read(int argc, char **argv, const struct command *const *commands,
              struct cli_args *ret_args);
extern const struct option_row global_options[];
/* "-h" of "--help"; NULL: there is none */
const char *short_option_of(const char *long_name);
/* Returns NULL after it has reported that there is no such command. */
const struct command *require_command(const struct command *const *commands,
                                      const char *name);
/* Returns the last value given for the option, "" for a switch, or NULL when
 * the option is absent. */
const char *args_option(const struct cli_args *args, const char *name);
/* Makes standard input the only operand when no file is named. */
void args_default_to_stdin(struct cli_args *args);
/* Prints the fault of the command line, and which help to read. A NULL command
 * is none. */
void usage_error(const char *command, const char *format, ...) PRINTF(2, 3);

/* --- version.c ------------------------------------------------------------ */
const struct admin_version *library_versions(size_t *ret_count);

/* --- a command; the table of all commands is in cli.c --------------------- */

struct command {
    const char *name;
    const char *operands; /* synopsis, as "[EVENT...]"; NULL: takes none */
    /* What may follow an operand, for completion: "available list describe".
     * Ends with NULL; NULL: nothing */
    const char *const *verbs;
    const char *summary; /* one line, for the list of commands */
    const char *text;    /* paragraphs, for the help of the command */
    const char *examples;
    const char *exit_statuses;        /* the exit statuses and what they mean */
    const struct option_row *options; /* ends with a row whose name is NULL */
    int (*run)(const struct cli_args *args);
};

/* --- load.c: loading the configuration of a command ----------------------- */

/* Loads the configuration file (--config, WAYBILL_CONFIG or a default path),
 * prints every fault and warning on stderr, and sets up the log. Returns
 * NULL when there is a fault; the command then exits with EXIT_CONFIG.
 * `access` is a set of CONFIG_... flags. The caller frees the
 * result with settings_free(). */
struct settings *load_settings(const struct cli_args *args, unsigned access);
/* Also returns the files that were read, so that a change of them can be
 * detected. *ret_files must be released, even after a failure. */
struct settings *load_reloadable_settings(const struct cli_args *args,
                                          unsigned access,
                                          struct config_files *ret_files);
/* Adds the faults and warnings to the report, and prints nothing. */
struct settings *load_settings_reporting(const struct cli_args *args,
                                         unsigned access,
                                         struct config_report *report);
/* Prints a line on stderr for each fault and warning. */
void print_report(const struct config_report *report);
extern const struct config_rules config_rules;
/* The options of a client with the settings of the service. They refer to
 * `kafka`. */
void kafka_options_of(const struct kafka_settings *kafka,
                      struct kafka_options *ret_options);

/* --- check_online.c ------------------------------------------------------- */

/* Checks Kafka and the endpoint of every registration over the network, prints
 * the findings and returns the exit status. */
int check_online(const struct settings *settings, bool as_json);
/* --- check_registration.c ------------------------------------------------- */

/* Asks the endpoint of one of the registrations whether it would accept a
 * delivery, and returns the exit status. What is not good is appended: findings
 * that are bad or doubtful, or that the endpoint cannot be asked. */
int check_registration(const struct settings *settings,
                       const struct registration *registration,
                       struct str *findings);

/* --- events.c: files of events -------------------------------------------- */

/* A file that is a sequence of JSON values, one per event. Text that is not
 * JSON is returned as an event of its own, up to the next line that begins
 * with '{', so that one malformed event does not hide the others. */
struct events {
    const char *file; /* "-" is standard input */
    char *data;
    size_t len;
    size_t at;
    size_t line;    /* in which the latest event begins, from 1 */
    size_t counted; /* bytes whose lines are counted */
    int64_t index;
    const struct workflow *workflow; /* of bare envelopes; NULL: none */
    struct str wrapped;
};

#define WORKFLOW_OPTION                                                        \
    {                                                                          \
        "--workflow", "PROJECT/NAME",                                          \
            "wrap bare DSSE envelopes and Sigstore bundles into events of "    \
            "this "                                                            \
            "workflow"                                                         \
    }

/* Reads the option; without it *ret_workflow is NULL. On -1 the error has been
 * printed on stderr. The names are allocated from the arena. */
int args_workflow(const struct cli_args *args, struct arena *arena,
                  const struct workflow **ret_workflow);
/* With a workflow, a value that is a bare DSSE envelope or Sigstore bundle is
 * returned as an event of it; other values are returned as they are. On -1 the
 * reason has been printed on stderr. */
/* The name of the file for messages */
const char *events_name(const char *file);
int events_open(const char *file, const struct workflow *workflow,
                struct events *ret_events);
void events_close(struct events *events);
/* Returns false at the end. The message in *ret_input holds only the value,
 * which is valid until the next call or events_close(). */
bool events_next(struct events *events, struct input *ret_input);

/* --- the commands --------------------------------------------------------- */

extern const struct command run_command;
extern const struct command check_command;
extern const struct command push_command;
extern const struct command publish_command;
extern const struct command kafka_command;
extern const struct command status_command;
extern const struct command explain_command;
extern const struct command replay_command;
extern const struct command integration_command;
extern const struct command credential_helper_command;
extern const struct command config_command;
extern const struct command version_command;
extern const struct command help_command;

#endif
