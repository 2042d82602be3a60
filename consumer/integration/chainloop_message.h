#ifndef WAYBILL_INTEGRATION_CHAINLOOP_MESSAGE_H
#define WAYBILL_INTEGRATION_CHAINLOOP_MESSAGE_H

#include "template.h"

/*
 * The request bodies of Chainloop's webhook plugin (version 1.2), so that its
 * receivers can read ours. The member names are those of its Go structs.
 */

/* Appends what the plugin sends as the attestation: the envelope, its digest,
 * the statement and the predicate. The last two are null if the payload is not
 * an in-toto statement. */
void chainloop_append_attestation(const struct event *event, struct str *out);

/* Appends {"Metadata":{...},"Data":"<content in base64>","Kind":"..."}. */
void chainloop_append_message(const struct template_message *message,
                              struct str *out);

#endif
