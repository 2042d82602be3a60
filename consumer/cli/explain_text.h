#ifndef WAYBILL_CLI_EXPLAIN_TEXT_H
#define WAYBILL_CLI_EXPLAIN_TEXT_H

#include "waybill/history.h"
#include "waybill/str.h"

/*
 * Formats the history of a record for `waybill explain`: as text of at most 78
 * columns, or as one line of JSON. Both end with the commands to run next. Text
 * from records is made safe for a terminal.
 *
 * The functions are pure: they append to *out and keep nothing.
 */

/* The names that the suggested commands refer to */
struct explain_names {
    const char *program; /* "waybill", with --config if it was given */
    const char *brokers;
    const char *outcomes; /* topics */
    const char *dead_letters;
    const char *status; /* command that queries the admin port, or NULL */
};

void explain_append_text(struct str *out, const struct history *history,
                         const struct explain_names *names);
void explain_append_json(struct str *out, const struct history *history,
                         const struct explain_names *names);

#endif
