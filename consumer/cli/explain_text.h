#ifndef WAYBILL_CLI_EXPLAIN_TEXT_H
#define WAYBILL_CLI_EXPLAIN_TEXT_H

#include "waybill/history.h"
#include "waybill/str.h"

/*
 * What `waybill explain` prints of what it has found out about a record: a
 * text of at most 78 columns for a person, or one line of JSON for a program.
 * Both end with what to type next. Text of others is made fit for a terminal.
 *
 * Pure: every function appends to *out and keeps nothing.
 */

/* What the commands to type next are made of */
struct explain_names {
    const char *program; /* "waybill", with --config where it was given */
    const char *brokers;
    const char *outcomes; /* topics */
    const char *dead_letters;
    const char *status; /* how to ask the admin port; NULL: there is none */
};

void explain_append_text(struct str *out, const struct history *history,
                         const struct explain_names *names);
void explain_append_json(struct str *out, const struct history *history,
                         const struct explain_names *names);

#endif
