#ifndef WAYBILL_INTEGRATION_CHAINLOOP_MESSAGE_H
#define WAYBILL_INTEGRATION_CHAINLOOP_MESSAGE_H

#include "template.h"

/*
 * The bodies that Chainloop's webhook plugin (version 1.2) sends, so that who
 * reads those reads ours. The names of members are those of its Go structs.
 */

/* What the plugin calls the attestation, as content of a message: the envelope,
 * its hash, the statement and the predicate. The last two are null where the
 * payload is no in-toto statement. Appends. */
void chainloop_append_attestation(const struct event *event, struct str *out);

/* {"Metadata":{...},"Data":"<content in base64>","Kind":"..."}. Appends. */
void chainloop_append_message(const struct template_message *message,
                              struct str *out);

#endif
