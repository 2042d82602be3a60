#include "http_endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport_options.h"
#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/credentials.h"
#include "waybill/limits.h"
#include "waybill/provider.h"
#include "waybill/secret.h"
#include "waybill/url.h"
#include "waybill/utf8.h"

/* MAX_EXCERPT bytes of a response body go into an error message. More than that
 * is read, so that a secret that begins within the excerpt is complete and can
 * be masked. */
#define MAX_EXCERPT 300
#define MAX_RESPONSE (2 * LIMIT_URL)
/* Shorter parts of secrets are not masked, because they occur in ordinary
 * text. */
#define MIN_TOKEN 8

/* --- options -----------------------------------------------------------------
 */

int endpoint_check_url(const char *value, struct error *err)
{
    struct error reason;
    struct url url;

    if (url_parse(value, NULL, &url, &reason) < 0) {
        return error_set(err, ERROR_CONFIG, "%s; write https://host/path",
                         reason.message);
    }
    url_release(&url);
    return 0;
}

/* The URL is valid: endpoint_check_url() was called when the configuration was
 * loaded. */
static void parse_url(const struct endpoint_options *options,
                      struct url *ret_url)
{
    struct error err;

    if (url_parse(options->url, NULL, ret_url, &err) < 0) {
        abort();
    }
}

static int check_scheme(const struct endpoint_options *options,
                        const char *url_key, const char **ret_key,
                        struct error *err)
{
    const struct http_transport *transport = &options->transport;
    struct url url;
    bool is_plain;
    bool is_loopback;

    parse_url(options, &url);
    is_plain = !url.https;
    is_loopback = host_classify(url.host) == ADDRESS_LOOPBACK;
    url_release(&url);
    if (is_plain && !is_loopback && options->plain_http != 1) {
        *ret_key = url_key;
        return error_set(err, ERROR_CONFIG,
                         "the URL is plain http; write https, or set "
                         "plain_http: true");
    }
    if (is_plain &&
        (transport->ca_file != NULL || transport->certificate != NULL)) {
        *ret_key =
            transport->ca_file != NULL ? "ca_file" : "client_certificate";
        return error_set(err, ERROR_CONFIG,
                         "plain http uses no certificates; remove this key, or "
                         "write https");
    }
    return 0;
}

/* Header fields that frame the message (RFC 9110, 9112), and those that we
 * set */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect",
        "TE",   "Trailer",        "Upgrade",           "traceparent"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strncasecmp(name, "webhook-", 8) == 0 ||
           strncasecmp(name, "proxy-", 6) == 0;
}

static int check_headers(const struct field_map *headers, struct error *err)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct field_pair *pair = &headers->pairs[i];

        if (!http_is_header_name(pair->key) || is_reserved(pair->key)) {
            return error_set(err, ERROR_CONFIG,
                             "the header '%s' cannot be set here; remove it",
                             pair->key);
        }
        if (!http_is_header_value(pair->value) ||
            strlen(pair->value) > LIMIT_URL) {
            return error_set(
                err, ERROR_CONFIG,
                "the value of the header '%s' contains a character "
                "that a header may not have, or is too long",
                pair->key);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcasecmp(headers->pairs[j].key, pair->key) == 0) {
                return error_set(err, ERROR_CONFIG,
                                 "the header '%s' is there twice; remove one",
                                 pair->key);
            }
        }
    }
    return 0;
}

int endpoint_check(const struct endpoint_options *options, const char *url_key,
                   const char **ret_key, struct error *err)
{
    if (check_scheme(options, url_key, ret_key, err) < 0 ||
        transport_check(&options->transport, ret_key, err) < 0) {
        return -1;
    }
    *ret_key = "headers";
    return check_headers(&options->headers, err);
}

const char *endpoint_name(const struct endpoint_options *options,
                          struct arena *arena)
{
    struct url url;
    const char *name;
    bool is_ipv6;

    parse_url(options, &url);
    is_ipv6 = strchr(url.host, ':') != NULL;
    name = arena_printf(arena, "%s%s%s", is_ipv6 ? "[" : "", url.host,
                        is_ipv6 ? "]" : "");
    if (url.port != (url.https ? 443U : 80U)) {
        name = arena_printf(arena, "%s:%u", name, url.port);
    }
    url_release(&url);
    return name;
}

const char *endpoint_header(const struct endpoint_options *options,
                            const char *name)
{
    for (size_t i = 0; i < options->headers.count; i++) {
        if (strcasecmp(options->headers.pairs[i].key, name) == 0) {
            return options->headers.pairs[i].value;
        }
    }
    return NULL;
}

/* --- a request ---------------------------------------------------------------
 */

struct endpoint_transfer {
    const struct integration_context *context;
    const struct endpoint_options *options;
    struct endpoint_request request;
    struct arena *arena; /* holds secrets */
    const char *name;
    struct url configured; /* as in the registration */
    struct url url;        /* where the request goes */
    unsigned redirects;
    struct http_transfer *http;
    endpoint_sent_fn *done;
    void *payload;
};

static void transfer_free(struct endpoint_transfer *transfer)
{
    url_release(&transfer->configured);
    url_release(&transfer->url);
    arena_wipe_and_free(transfer->arena);
    mem_free(transfer);
}

static void finish(struct endpoint_transfer *transfer, const struct error *err,
                   bool did_not_arrive)
{
    endpoint_sent_fn *done = transfer->done;
    void *payload = transfer->payload;

    transfer_free(transfer);
    done(payload, err, did_not_arrive);
}

static bool is_at_configured_origin(const struct endpoint_transfer *transfer)
{
    const struct url *configured = &transfer->configured;
    const struct url *url = &transfer->url;

    return configured->https == url->https && configured->port == url->port &&
           strcmp(configured->host, url->host) == 0;
}

/* Returns the caller's header fields and, at the configured origin, those of
 * the registration. Content-Type is sent to any origin, because it describes
 * the body. */
static const char *const *headers_of(const struct endpoint_transfer *transfer)
{
    const struct field_map *extra = &transfer->options->headers;
    const char *const *requested = transfer->request.headers;
    const char **headers;
    size_t count = 0;

    while (requested[count] != NULL) {
        count++;
    }
    headers = arena_alloc(transfer->arena,
                          (count + extra->count + 2) * sizeof(*headers));
    memcpy(headers, requested, count * sizeof(*headers));
    for (size_t i = 0; i < extra->count; i++) {
        const struct field_pair *pair = &extra->pairs[i];

        if (is_at_configured_origin(transfer) ||
            strcasecmp(pair->key, "Content-Type") == 0) {
            headers[count++] =
                arena_printf(transfer->arena, "%s: %s", pair->key, pair->value);
        }
    }
    if (transfer->request.traceparent != NULL &&
        is_at_configured_origin(transfer)) {
        headers[count] = arena_printf(transfer->arena, "traceparent: %s",
                                      transfer->request.traceparent);
    }
    return headers;
}

/* The conventional directories of certificates (certs.d) are for registries
 * only. */
static struct http_transport transport_of(
    const struct endpoint_transfer *transfer)
{
    struct http_transport transport =
        transport_of_options(&transfer->options->transport);

    transport.certs_dir = "";
    if (!is_at_configured_origin(transfer)) {
        transport.certificate = NULL;
        transport.key = NULL;
    }
    return transport;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err);

static void start(struct endpoint_transfer *transfer)
{
    const struct integration_context *context = transfer->context;
    struct http_transport transport = transport_of(transfer);

    transfer->http = http_start(context->network.http,
                                &(struct http_request){
                                    .method = transfer->request.method,
                                    .url = transfer->url.text,
                                    .headers = headers_of(transfer),
                                    .body = transfer->request.body,
                                    .transport = &transport,
                                    .max_body = transfer->request.max_response,
                                    .truncates_body = true,
                                    .once = true,
                                    .timeouts = context->network.timeouts,
                                },
                                on_response, transfer);
}

static void add_query(struct endpoint_transfer *transfer)
{
    const char *query = transfer->request.query;
    const char *configured = transfer->options->url;
    const char *text;
    struct error err;

    if (query == NULL) {
        parse_url(transfer->options, &transfer->url);
        return;
    }
    text = arena_printf(transfer->arena, "%s%c%s", configured,
                        strchr(configured, '?') != NULL ? '&' : '?', query);
    if (url_parse(text, NULL, &transfer->url, &err) < 0) {
        abort(); /* the caller's query is valid, as the URL is */
    }
}

struct endpoint_transfer *endpoint_send(
    const struct integration_context *context,
    const struct endpoint_options *options,
    const struct endpoint_request *request, endpoint_sent_fn *done,
    void *payload)
{
    struct endpoint_transfer *transfer = mem_zalloc(sizeof(*transfer));

    transfer->context = context;
    transfer->options = options;
    transfer->request = *request;
    transfer->arena = arena_new();
    transfer->name = endpoint_name(options, transfer->arena);
    transfer->done = done;
    transfer->payload = payload;
    if (transfer->request.max_response == 0) {
        transfer->request.max_response = MAX_RESPONSE;
    }
    parse_url(options, &transfer->configured);
    add_query(transfer);
    start(transfer);
    return transfer;
}

void endpoint_cancel(struct endpoint_transfer *transfer)
{
    http_cancel(transfer->http);
    transfer_free(transfer);
}

/* --- error messages without secrets ------------------------------------------
 */

/* Adds the first `len` bytes unless they are too short to be recognized as part
 * of a secret. */
static void add_part(struct secret_set *set, const char *part, size_t len)
{
    struct secret copy = {0};

    if (len >= MIN_TOKEN) {
        secret_assign_bytes(&copy, part, len);
        secret_set_add_part(set, secret_text(&copy));
        secret_release(&copy);
    }
}

/* Adds a secret as a whole ("Bearer a/b"), what follows each delimiter in it
 * ("a/b"), and each part between delimiters. */
static void add_secret(struct secret_set *set, const char *secret)
{
    secret_set_add(set, secret);
    while (*secret != '\0') {
        size_t len = strcspn(secret, "/?&=#,; _");

        add_part(set, secret, strlen(secret));
        add_part(set, secret, len);
        secret += len + (secret[len] != '\0');
    }
}

/* Adds what follows the host, with and without the query. */
static void add_url(struct secret_set *set, const char *url)
{
    const char *path = url_parts(url).path;

    add_part(set, url, strlen(url));
    add_part(set, path, strcspn(path, "?#"));
    add_secret(set, path);
}

/* Adds everything that the endpoint may repeat in a response. */
static void add_request_secrets(struct secret_set *set,
                                const struct endpoint_transfer *transfer)
{
    const struct endpoint_options *options = transfer->options;
    const struct field_strings *secrets = &transfer->request.secrets;

    add_url(set, options->url);
    add_url(set, transfer->url.text);
    for (size_t i = 0; i < options->headers.count; i++) {
        add_secret(set, options->headers.pairs[i].value);
    }
    for (size_t i = 0; i < secrets->count; i++) {
        add_secret(set, secrets->items[i]);
    }
}

static void mask_secrets(const struct endpoint_transfer *transfer, char *text)
{
    CLEANUP(secret_set_release) struct secret_set secrets = {0};

    add_request_secrets(&secrets, transfer);
    secret_set_scrub(&secrets, text);
}

/* Plain text and JSON are worth showing; an HTML page is not. */
static void append_message(const struct endpoint_transfer *transfer,
                           const struct http_response *response,
                           struct str *out)
{
    CLEANUP(secret_set_release) struct secret_set secrets = {0};
    const char *text = response->body.data;

    text += strspn(text, " \t\r\n");
    if (*text != '\0' && *text != '<') {
        add_request_secrets(&secrets, transfer);
        str_append_text(out, ": ");
        secret_set_append_printable(&secrets, out, text, MAX_EXCERPT);
    }
}

/* A gateway that reports 502 or 504 does not know whether the request
 * arrived. */
static bool may_have_arrived(int status)
{
    return status == 502 || status == 504;
}

static void show_response(const struct endpoint_transfer *transfer,
                          const struct http_response *response,
                          struct error *err)
{
    if (transfer->request.on_response != NULL) {
        transfer->request.on_response(transfer->payload, response, err);
    }
}

static void fail_with_response(struct endpoint_transfer *transfer,
                               const struct http_response *response)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct clock *clock = loop_clock(transfer->context->network.loop);
    struct error err;

    append_message(transfer, response, &text);
    http_error_fill(&err, response, clock_wall_ms(clock), "'%s' answers %d%s%s",
                    transfer->name, response->status,
                    response->status / 100 == 3
                        ? " (only the redirects 307 and 308 are followed)"
                        : "",
                    text.data);
    if (err.kind == ERROR_RATE_LIMITED) {
        err.retry_after_ms = http_retry_after_up_to_ms(
            response, clock_wall_ms(clock), ENDPOINT_MAX_DELAY_MS);
    }
    show_response(transfer, response, &err);
    finish(transfer, &err, !may_have_arrived(response->status));
}

/* --- redirects ---------------------------------------------------------------
 */

/* Only these two redirects repeat the method and the body (RFC 9110, section
 * 15.4). With the others the message would be lost. */
static bool is_redirect(int status)
{
    return status == 307 || status == 308;
}

/* Both the configured endpoint and the one that redirects must be allowed to
 * refer to the target. */
static bool is_allowed(const struct endpoint_transfer *transfer,
                       const struct url *to)
{
    const struct integration_context *context = transfer->context;
    const struct allow_list allowed = {
        .patterns = context->allowed.items,
        .count = context->allowed.count,
        .any = context->allow_any,
    };
    bool plain_http = transfer->options->plain_http == 1;

    return referral_is_allowed(&transfer->configured, to, &allowed,
                               plain_http) &&
           referral_is_allowed(&transfer->url, to, &allowed, plain_http);
}

static int follow(struct endpoint_transfer *transfer,
                  const struct http_response *response, struct error *err)
{
    CLEANUP(secret_release) struct secret location = SECRET_INIT(LIMIT_URL);
    struct url to;

    if (++transfer->redirects > LIMIT_REDIRECTS) {
        return error_set(err, ERROR_REJECTED,
                         "'%s' redirects more than %d times", transfer->name,
                         LIMIT_REDIRECTS);
    }
    if (!http_header(response, "Location", 0, &location.text) ||
        url_parse(location.text.data, &transfer->url, &to, err) < 0) {
        return error_set(err, ERROR_REJECTED,
                         "'%s' redirects to a location that cannot be used",
                         transfer->name);
    }
    if (!is_allowed(transfer, &to)) {
        error_set(err, ERROR_REJECTED,
                  "'%s' redirects to '%s://%s', which is not allowed (if you "
                  "trust it, add '%s' to registries.allowed)",
                  transfer->name, to.https ? "https" : "http", to.host,
                  to.host);
        url_release(&to);
        return -1;
    }
    url_release(&transfer->url);
    transfer->url = to;
    return 0;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct endpoint_transfer *transfer = payload;
    struct error failure;

    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "'%s'", transfer->name);
        mask_secrets(transfer, failure.message);
        finish(transfer, &failure, err->unsent);
    } else if (response->status / 100 == 2) {
        show_response(transfer, response, NULL);
        finish(transfer, NULL, false);
    } else if (!is_redirect(response->status)) {
        fail_with_response(transfer, response);
    } else if (follow(transfer, response, &failure) == 0) {
        start(transfer);
    } else {
        failure.http_status = response->status;
        finish(transfer, &failure, true);
    }
}
