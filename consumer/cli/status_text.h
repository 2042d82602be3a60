#ifndef WAYBILL_CLI_STATUS_TEXT_H
#define WAYBILL_CLI_STATUS_TEXT_H

#include <stdbool.h>

#include "waybill/json.h"
#include "waybill/str.h"

/*
 * What `waybill status` prints of a document from /status or /readyz: a line
 * for each thing that there is to know. The document may be of any shape, since
 * another program may answer on that port; what is missing or of another type
 * is shown as "?". Text of others is made fit for a terminal.
 *
 * Pure: appends to *out and keeps nothing.
 */
bool status_is_ready(const struct json *status);
void append_status_text(struct str *out, const struct json *status);

#endif
