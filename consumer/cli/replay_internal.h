#ifndef WAYBILL_REPLAY_CLI_H
#define WAYBILL_REPLAY_CLI_H

#include "cli_internal.h"
#include "waybill/dead_letter_statistics.h"
#include "waybill/replay.h"

struct json_writer;

/* State that all subcommands of `waybill replay` share */
struct replay_context {
    const struct cli_args *args;
    const struct settings *settings;
    struct replay_options options;
    struct replay *replay;
    bool json;
    bool all; /* --all: include dead letters that need no action */
    bool yes;
};

/* --- replay_common.c ------------------------------------------------------ */

/* Returns NULL after it has printed the reason on stderr and set
 * *ret_status. */
struct replay *replay_context_open(struct replay_context *context, bool write,
                                   int *ret_status);
/* Prints the error on stderr and returns the exit status for it. */
int replay_report_error(const struct error *err);
/* From here on SIGINT and SIGTERM end the process at once, whatever call it is
 * in, with the status 128 + signal number. */
void replay_catch_signals(void);
/* From here on the first signal only makes replay_is_interrupted() true, and
 * ends the process soon if it is still running then. */
void replay_end_in_order(void);
bool replay_is_interrupted(void);
/* 128 + signal number, as shells report it */
int replay_interrupted_status(void);

/* --- replay_names.c ------------------------------------------------------- */

/* Sets the names of the configuration that a filter may ask for. The lists are
 * allocated from the arena, the names belong to the settings. */
void replay_set_names(const struct settings *settings, struct arena *arena,
                      struct filter_names *ret_names);

/* --- replay_list.c -------------------------------------------------------- */

int replay_list(struct replay_context *context);
int replay_stats(struct replay_context *context);
void append_tally(struct str *out, const char *title,
                  const struct tally *tally);
void append_tally_json(struct json_writer *json, const char *name,
                       const struct tally *tally);
void append_dead_letter_json(struct json_writer *json,
                             const struct dead_letter *dead_letter);

/* --- replay_show.c -------------------------------------------------------- */

/* Appends the text as one word for a POSIX shell, in single quotes. */
void append_quoted(struct str *out, const char *text);

/* --- the other subcommands ------------------------------------------------ */

int replay_show(struct replay_context *context);
int replay_run_command(struct replay_context *context);
int replay_purge_command(struct replay_context *context);

#endif
