#ifndef WAYBILL_INTEGRATION_HTTP_ENDPOINT_H
#define WAYBILL_INTEGRATION_HTTP_ENDPOINT_H

#include "waybill/field.h"
#include "waybill/http.h"
#include "waybill/integration.h"

/*
 * An HTTP endpoint that a registration names by its URL, and to which requests
 * are sent that may have an effect each time. The URL, the header fields and
 * the secrets of the request are confidential: our messages contain nothing but
 * the host and the port, even if the endpoint repeats the rest.
 *
 * A request is sent at most once, over a connection of its own, without
 * automatic retries. Redirects that repeat the method and the body (307, 308)
 * are followed by the rules for what a registry says (referral_is_allowed()).
 * The configured header fields, the client certificate and the trace are not
 * sent to another origin. Loop thread only.
 */

/* Embedded in the options struct of an integration */
struct endpoint_options {
    const char *url;
    struct field_map headers;
    struct http_transport transport;
    int plain_http;
};

/* The check() of the field with the URL */
int endpoint_check_url(const char *value, struct error *err);
/* Checks the combination of options; on failure *ret_key is the key at fault.
 * `url_key` is the key of the URL; those of the others are headers, plain_http
 * and TRANSPORT_FIELDS. */
int endpoint_check(const struct endpoint_options *options, const char *url_key,
                   const char **ret_key, struct error *err) NODISCARD;

/* Returns host[:port], without the default port, allocated from the arena. */
const char *endpoint_name(const struct endpoint_options *options,
                          struct arena *arena);
/* Returns the value of a configured header field, NULL if there is none of that
 * name. */
const char *endpoint_header(const struct endpoint_options *options,
                            const char *name);

/* Looks at the response before the callback, and may refine the error: its
 * kind, its code and its delay. `err` is NULL for a 2xx response. */
typedef void endpoint_response_fn(void *payload,
                                  const struct http_response *response,
                                  struct error *err);

struct endpoint_request {
    const char *method;
    const char *query; /* appended to the configured URL; NULL if none */
    const char *const *headers; /* "Name: value", terminated by NULL */
    const char *traceparent;    /* NULL if none */
    struct bytes body;
    struct field_strings secrets; /* further secrets to mask in messages */
    size_t max_response; /* bytes; a longer body is cut. 0: enough for errors */
    endpoint_response_fn *on_response; /* NULL if none */
};

/* The longest delay that a response 429 may ask for */
#define ENDPOINT_MAX_DELAY_MS ((uint32_t)24 * 60 * 60 * 1000)

/* Called exactly once, from the loop, after which the transfer no longer
 * exists. `err` is NULL for a 2xx response; did_not_arrive as in struct
 * delivery_report. */
typedef void endpoint_sent_fn(void *payload, const struct error *err,
                              bool did_not_arrive);
struct endpoint_transfer;

/* Starts a request. The context, the options and whatever the request points to
 * must remain valid until it ends. */
struct endpoint_transfer *endpoint_send(
    const struct integration_context *context,
    const struct endpoint_options *options,
    const struct endpoint_request *request, endpoint_sent_fn *done,
    void *payload);
/* Cancels and frees; done() is not called any more. */
void endpoint_cancel(struct endpoint_transfer *transfer);

#endif
