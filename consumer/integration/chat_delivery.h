#ifndef WAYBILL_INTEGRATION_CHAT_DELIVERY_H
#define WAYBILL_INTEGRATION_CHAT_DELIVERY_H

#include "http_endpoint.h"
#include "waybill/delivery.h"
#include "waybill/field.h"
#include "waybill/integration.h"

/*
 * What the integrations with services for messages share: the options of their
 * attachments, and a delivery that is one request to the URL of a webhook.
 *
 * Such a service shows a message once more if it is sent once more, and cannot
 * be asked whether it has one. The URL is all that authorizes the sender, so
 * that a response 404 means what 401 means elsewhere.
 */

/* --- options of an attachment ------------------------------------------------
 */

enum chat_format { CHAT_FORMAT_COMPACT, CHAT_FORMAT_CHAINLOOP };

struct chat_attachment {
    int format;
    int on_doubt;
};

extern const struct field chat_attachment_fields[];
/* The required inputs of Chainloop's plugins, for both integrations */
extern const char *const chat_registration_inputs[]; /* "webhook", NULL */
extern const char *const chat_attachment_inputs[];   /* NULL */

/* Returns the host and the name of the registration, because each webhook has a
 * rate limit of its own: "hooks.slack.com (alerts)". */
const char *chat_endpoint_name(const struct endpoint_options *options,
                               const struct registration *registration,
                               struct arena *arena);

/* --- a delivery --------------------------------------------------------------
 */

/* What a response says */
struct chat_answer {
    const char *id;    /* of the message; NULL if unknown */
    uint32_t pause_ms; /* as in struct delivery_report */
};

/* Reads a response. `err` is NULL for a 2xx response, and may be refined
 * otherwise. */
typedef void chat_read_fn(const struct http_response *response,
                          struct error *err, struct arena *arena,
                          struct chat_answer *ret_answer);

struct chat_request {
    const struct endpoint_options *endpoint;
    const char *query; /* as in struct endpoint_request */
    const char *content_type;
    struct bytes body; /* in the arena of the attempt */
    size_t max_response;
    chat_read_fn *read;
};

/* Returns false if an earlier attempt may have arrived and the attachment says
 * not to repeat it: chat_skip() is then called instead of chat_deliver(). */
bool chat_is_wanted(const struct delivery_request *request);
struct integration_operation *chat_skip(struct integration *integration,
                                        const struct delivery_request *request,
                                        delivery_done_fn *done, void *payload);
struct integration_operation *chat_deliver(
    struct integration *integration, const struct delivery_request *request,
    const struct chat_request *message, delivery_done_fn *done, void *payload);

#endif
