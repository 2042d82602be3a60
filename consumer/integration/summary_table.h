#ifndef WAYBILL_INTEGRATION_SUMMARY_TABLE_H
#define WAYBILL_INTEGRATION_SUMMARY_TABLE_H

#include "waybill/event.h"
#include "waybill/str.h"

/*
 * The table in which Chainloop's plugins show an attestation, byte for byte as
 * app/controlplane/plugins/sdk/v1/helpers.go makes it: the workflow and its
 * run, the materials, the environment variables, and a command that shows the
 * rest. What the event does not say is blank.
 */

/* Appends the table. With more than `max` bytes it is cut, and says so; the
 * command stays. As in Chainloop's, `max` then counts characters, so that up to
 * about four times as many bytes are appended. */
void summary_table_append(const struct event *event, size_t max,
                          struct str *out);

#endif
