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

/* As much of its own words as a log line can bear. So much is read that a
 * secret which begins there also ends there, and is found. */
#define MAX_WORDS 300
#define MAX_RESPONSE (2 * LIMIT_URL)
/* What is shorter is a word of the language rather than a token. */
#define MIN_TOKEN 8

/* --- options -----------------------------------------------------------------
 */

int endpoint_check_url(const char *value, struct error *err)
{
    struct url url;

    if (url_parse(value, NULL, &url, err) < 0) {
        return -1;
    }
    url_release(&url);
    return 0;
}

/* Its row has checked it. */
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
    bool is_close;

    parse_url(options, &url);
    is_plain = !url.https;
    is_close = host_classify(url.host) == ADDRESS_LOOPBACK;
    url_release(&url);
    if (is_plain && !is_close && options->plain_http != 1) {
        *ret_key = url_key;
        return error_set(err, ERROR_CONFIG,
                         "is plain http (write https, or set plain_http: "
                         "true)");
    }
    if (is_plain &&
        (transport->ca_file != NULL || transport->certificate != NULL)) {
        *ret_key =
            transport->ca_file != NULL ? "ca_file" : "client_certificate";
        return error_set(err, ERROR_CONFIG,
                         "is of no use: there are no certificates in plain "
                         "http");
    }
    return 0;
}

/* Those that say where a body ends, and those that are ours */
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
            return error_set(err, ERROR_CONFIG, "'%s' cannot be set",
                             pair->key);
        }
        if (!http_is_header_value(pair->value) ||
            strlen(pair->value) > LIMIT_URL) {
            return error_set(err, ERROR_CONFIG,
                             "the value of '%s' is no header's", pair->key);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcasecmp(headers->pairs[j].key, pair->key) == 0) {
                return error_set(err, ERROR_CONFIG, "'%s' is there twice",
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

struct endpoint_sending {
    const struct integration_context *context;
    const struct endpoint_options *options;
    struct endpoint_request request;
    struct arena *arena; /* holds secrets */
    const char *name;
    struct url home; /* the endpoint's own URL */
    struct url url;  /* where the request goes */
    unsigned redirects;
    struct http_transfer *transfer;
    endpoint_sent_fn *done;
    void *payload;
};

static void sending_free(struct endpoint_sending *sending)
{
    url_release(&sending->home);
    url_release(&sending->url);
    arena_wipe_and_free(sending->arena);
    mem_free(sending);
}

static void finish(struct endpoint_sending *sending, const struct error *err,
                   bool did_not_arrive)
{
    endpoint_sent_fn *done = sending->done;
    void *payload = sending->payload;

    sending_free(sending);
    done(payload, err, did_not_arrive);
}

static bool is_at_home(const struct endpoint_sending *sending)
{
    const struct url *home = &sending->home;
    const struct url *url = &sending->url;

    return home->https == url->https && home->port == url->port &&
           strcmp(home->host, url->host) == 0;
}

/* The caller's, and at home the registration's. Content-Type is of both: it is
 * about the body. */
static const char *const *headers_of(const struct endpoint_sending *sending)
{
    const struct field_map *own = &sending->options->headers;
    const char *const *given = sending->request.headers;
    const char **headers;
    size_t count = 0;

    while (given[count] != NULL) {
        count++;
    }
    headers = arena_alloc(sending->arena,
                          (count + own->count + 2) * sizeof(*headers));
    memcpy(headers, given, count * sizeof(*headers));
    for (size_t i = 0; i < own->count; i++) {
        const struct field_pair *pair = &own->pairs[i];

        if (is_at_home(sending) || strcasecmp(pair->key, "Content-Type") == 0) {
            headers[count++] =
                arena_printf(sending->arena, "%s: %s", pair->key, pair->value);
        }
    }
    if (sending->request.traceparent != NULL && is_at_home(sending)) {
        headers[count] = arena_printf(sending->arena, "traceparent: %s",
                                      sending->request.traceparent);
    }
    return headers;
}

/* The conventional folders of certificates are about registries. */
static struct http_transport transport_of(
    const struct endpoint_sending *sending)
{
    struct http_transport transport =
        transport_of_options(&sending->options->transport);

    transport.certs_dir = "";
    if (!is_at_home(sending)) {
        transport.certificate = NULL;
        transport.key = NULL;
    }
    return transport;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err);

static void start(struct endpoint_sending *sending)
{
    const struct integration_context *context = sending->context;
    struct http_transport transport = transport_of(sending);

    sending->transfer = http_start(context->network.http,
                                   &(struct http_request){
                                       .method = sending->request.method,
                                       .url = sending->url.text,
                                       .headers = headers_of(sending),
                                       .body = sending->request.body,
                                       .transport = &transport,
                                       .max_body = MAX_RESPONSE,
                                       .cuts_body = true,
                                       .once = true,
                                       .timeouts = context->network.timeouts,
                                   },
                                   on_response, sending);
}

struct endpoint_sending *endpoint_send(
    const struct integration_context *context,
    const struct endpoint_options *options,
    const struct endpoint_request *request, endpoint_sent_fn *done,
    void *payload)
{
    struct endpoint_sending *sending = mem_zalloc(sizeof(*sending));

    sending->context = context;
    sending->options = options;
    sending->request = *request;
    sending->arena = arena_new();
    sending->name = endpoint_name(options, sending->arena);
    sending->done = done;
    sending->payload = payload;
    parse_url(options, &sending->home);
    parse_url(options, &sending->url);
    start(sending);
    return sending;
}

void endpoint_cancel(struct endpoint_sending *sending)
{
    http_cancel(sending->transfer);
    sending_free(sending);
}

/* --- what it says ------------------------------------------------------------
 */

/* The first `len` bytes, unless they are too short to tell from any word */
static void add_part(struct secret_set *set, const char *part, size_t len)
{
    struct secret copy = {0};

    if (len >= MIN_TOKEN) {
        secret_assign_bytes(&copy, part, len);
        secret_set_add(set, secret_text(&copy));
        secret_release(&copy);
    }
}

/* A secret as a whole ("Bearer a/b"), what stands in it after a delimiter
 * ("a/b"), and each part by itself */
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

/* What stands behind its host, first without the query */
static void add_url(struct secret_set *set, const char *url)
{
    const char *path = url_parts(url).path;

    add_part(set, url, strlen(url));
    add_part(set, path, strcspn(path, "?#"));
    add_secret(set, path);
}

/* All that the request has shown */
static void add_revealed(struct secret_set *set,
                         const struct endpoint_sending *sending)
{
    const struct endpoint_options *options = sending->options;
    const struct field_strings *secrets = &sending->request.secrets;

    add_url(set, options->url);
    add_url(set, sending->url.text);
    for (size_t i = 0; i < options->headers.count; i++) {
        add_secret(set, options->headers.pairs[i].value);
    }
    for (size_t i = 0; i < secrets->count; i++) {
        add_secret(set, secrets->items[i]);
    }
}

static void scrub(const struct endpoint_sending *sending, char *text)
{
    CLEANUP(secret_set_release) struct secret_set revealed = {0};

    add_revealed(&revealed, sending);
    secret_set_scrub(&revealed, text);
}

/* Plain text and JSON are worth showing, a page of HTML is not. */
static void append_message(const struct endpoint_sending *sending,
                           const struct http_response *response,
                           struct str *out)
{
    CLEANUP(secret_set_release) struct secret_set revealed = {0};
    const char *words = response->body.data;

    words += strspn(words, " \t\r\n");
    if (*words != '\0' && *words != '<') {
        add_revealed(&revealed, sending);
        str_append_text(out, ": ");
        secret_set_append_printable(&revealed, out, words, MAX_WORDS);
    }
}

/* A gateway does not know what became of what it has passed on. */
static bool may_have_arrived(int status)
{
    return status == 502 || status == 504;
}

static void refuse(struct endpoint_sending *sending,
                   const struct http_response *response)
{
    CLEANUP(str_release) struct str words = STR_INIT(STR_UNLIMITED);
    const struct clock *clock = loop_clock(sending->context->network.loop);
    struct error err;

    append_message(sending, response, &words);
    http_error_fill(&err, response, clock_wall_ms(clock), "'%s' answers %d%s%s",
                    sending->name, response->status,
                    response->status / 100 == 3
                        ? " (of redirects only 307 and 308 are followed)"
                        : "",
                    words.data);
    finish(sending, &err, !may_have_arrived(response->status));
}

/* --- redirects ---------------------------------------------------------------
 */

/* Of all redirects only these two repeat method and body (RFC 9110, section
 * 15.4); by the others the message would be lost on the way. */
static bool is_redirect(int status)
{
    return status == 307 || status == 308;
}

/* The endpoint itself must be allowed to send us there, and who does it now. */
static bool is_allowed(const struct endpoint_sending *sending,
                       const struct url *to)
{
    const struct integration_context *context = sending->context;
    const struct allow_list allowed = {
        .patterns = context->allowed.items,
        .count = context->allowed.count,
        .any = context->allow_any,
    };
    bool plain_http = sending->options->plain_http == 1;

    return referral_is_allowed(&sending->home, to, &allowed, plain_http) &&
           referral_is_allowed(&sending->url, to, &allowed, plain_http);
}

static int follow(struct endpoint_sending *sending,
                  const struct http_response *response, struct error *err)
{
    CLEANUP(secret_release) struct secret location = SECRET_INIT(LIMIT_URL);
    struct url to;

    if (++sending->redirects > LIMIT_REDIRECTS) {
        return error_set(err, ERROR_REJECTED,
                         "'%s' redirects more than %d times", sending->name,
                         LIMIT_REDIRECTS);
    }
    if (!http_header(response, "Location", 0, &location.text) ||
        url_parse(location.text.data, &sending->url, &to, err) < 0) {
        return error_set(err, ERROR_REJECTED,
                         "'%s' redirects to nowhere that we can go",
                         sending->name);
    }
    if (!is_allowed(sending, &to)) {
        error_set(err, ERROR_REJECTED,
                  "'%s' redirects to '%s://%s', where we do not go (if it is "
                  "right, add '%s' to registries.allowed)",
                  sending->name, to.https ? "https" : "http", to.host, to.host);
        url_release(&to);
        return -1;
    }
    url_release(&sending->url);
    sending->url = to;
    return 0;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct endpoint_sending *sending = payload;
    struct error failure;

    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "'%s'", sending->name);
        scrub(sending, failure.message);
        finish(sending, &failure, err->unsent);
    } else if (response->status / 100 == 2) {
        finish(sending, NULL, false);
    } else if (!is_redirect(response->status)) {
        refuse(sending, response);
    } else if (follow(sending, response, &failure) == 0) {
        start(sending);
    } else {
        failure.http_status = response->status;
        finish(sending, &failure, true);
    }
}
