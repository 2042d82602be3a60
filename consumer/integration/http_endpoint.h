#ifndef WAYBILL_INTEGRATION_HTTP_ENDPOINT_H
#define WAYBILL_INTEGRATION_HTTP_ENDPOINT_H

#include "waybill/field.h"
#include "waybill/http.h"
#include "waybill/integration.h"

/*
 * An HTTP endpoint that a registration names by its URL, and to which messages
 * are sent that may be acted upon each time. The URL, the headers and whatever
 * else it is shown are secrets: nothing but its host and port appears in a
 * message of ours, even where the endpoint repeats the rest.
 *
 * A request goes out once, over a connection of its own. Redirects that repeat
 * method and body (307, 308) are followed by the rules for what a registry says
 * (referral_is_allowed()), and the headers of the registration, its certificate
 * and the trace stay behind where they lead to another origin. Loop thread
 * only.
 */

/* A part of an integration's own struct of options */
struct endpoint_options {
    const char *url;
    struct field_map headers;
    struct http_transport transport;
    int plain_http;
};

/* For the URL's row */
int endpoint_check_url(const char *value, struct error *err);
/* What does not go together, whatever key the URL has; the fault belongs to
 * *ret_key. Rows of the others: headers, plain_http, TRANSPORT_FIELDS. */
int endpoint_check(const struct endpoint_options *options, const char *url_key,
                   const char **ret_key, struct error *err) NODISCARD;

/* Its host, and its port unless that is the usual one */
const char *endpoint_name(const struct endpoint_options *options,
                          struct arena *arena);
/* The value of one of its headers; NULL: it has none of that name */
const char *endpoint_header(const struct endpoint_options *options,
                            const char *name);

struct endpoint_request {
    const char *method;
    const char *const *headers; /* "Name: value", ends with NULL */
    const char *traceparent;    /* NULL: none */
    struct bytes body;
    struct field_strings secrets; /* more that it may repeat */
};

/* Called once, from the loop; then the request is gone. err is NULL: a success
 * (2xx). did_not_arrive as in struct delivery_report. */
typedef void endpoint_sent_fn(void *payload, const struct error *err,
                              bool did_not_arrive);
struct endpoint_sending;

/* The context, the options and what the request points to last until it is
 * over. */
struct endpoint_sending *endpoint_send(
    const struct integration_context *context,
    const struct endpoint_options *options,
    const struct endpoint_request *request, endpoint_sent_fn *done,
    void *payload);
/* done() is not called any more. */
void endpoint_cancel(struct endpoint_sending *sending);

#endif
