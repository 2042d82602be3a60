#ifndef WAYBILL_REPLAY_CLI_H
#define WAYBILL_REPLAY_CLI_H

#include "cli_internal.h"
#include "waybill/dead_letter_statistics.h"
#include "waybill/replay.h"

struct json_writer;

/* `waybill replay VERB`, as far as its verbs have it in common */
struct replaying {
    const struct cli_args *args;
    const struct settings *settings;
    struct replay_options options;
    struct replay *replay;
    bool json;
    bool all; /* also what is dealt with */
    bool yes;
};

/* --- replay_common.c
 * ------------------------------------------------------------------- */

/* Says on stderr why not; the status is then set. */
struct replay *replaying_open(struct replaying *replaying, bool write,
                              int *ret_status);
/* What an error means for the exit status, having said it */
int replaying_failed(const struct error *err);
void replaying_catch_signals(void);
bool replaying_interrupted(void);
/* 128 + the signal's number */
int replaying_interrupted_status(void);

/* --- replay_list.c
 * ------------------------------------------------------------------- */

int replay_list(struct replaying *replaying);
int replay_stats(struct replaying *replaying);
void append_tally(struct str *out, const char *title,
                  const struct tally *tally);
void append_tally_json(struct json_writer *json, const char *name,
                       const struct tally *tally);
void append_dead_letter_json(struct json_writer *json,
                             const struct dead_letter *dead_letter);

/* --- replay_show.c
 * ------------------------------------------------------------------- */

/* In single quotes, as a shell wants it */
void append_quoted(struct str *out, const char *text);

/* --- the other verbs
 * ------------------------------------------------------------------- */

int replay_show(struct replaying *replaying);
int replay_run_verb(struct replaying *replaying);
int replay_purge_verb(struct replaying *replaying);

#endif
