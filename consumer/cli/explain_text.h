#ifndef WAYBILL_CLI_EXPLAIN_TEXT_H
#define WAYBILL_CLI_EXPLAIN_TEXT_H

#include "explain_suggest.h"
#include "explain_waiting.h"
#include "waybill/history.h"
#include "waybill/str.h"

/*
 * Formats the history of a record for `waybill explain`: as text of at most 78
 * columns, or as one line of JSON. Both end with the commands to run next. Text
 * from records is made safe for a terminal.
 *
 * The functions are pure: they append to *out and keep nothing.
 */

void explain_append_text(struct str *out, const struct history *history,
                         const struct waiting *waiting,
                         const struct explain_names *names);
void explain_append_json(struct str *out, const struct history *history,
                         const struct waiting *waiting,
                         const struct explain_names *names);

#endif
