#ifndef WAYBILL_CLI_STATUS_TEXT_H
#define WAYBILL_CLI_STATUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/json.h"
#include "waybill/str.h"

/*
 * Formats a document of /status or /readyz for `waybill status`: a labelled row
 * for each subject, what needs attention first. The document may have any
 * shape, since another program may be
 * listening on that port: values that are missing or have an unexpected type
 * are shown as "?". Text from the document is made safe for a terminal.
 *
 * The functions are pure: they append to *out and keep nothing.
 */
/* Columns, if stdout is not a terminal */
#define STATUS_WIDTH 80

struct status_layout {
    size_t width; /* columns */
    bool all;     /* list what is idle, and more than the first few of a kind */
};

bool status_is_ready(const struct json *status);
void append_status_text(struct str *out, const struct json *status,
                        const struct status_layout *layout);

#endif
