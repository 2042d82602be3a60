#ifndef WAYBILL_HTTP_H
#define WAYBILL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/access.h"
#include "waybill/error.h"
#include "waybill/loop.h"
#include "waybill/secret.h"
#include "waybill/str.h"

/*
 * An asynchronous HTTP client: each request gets one response later. The
 * process has one curl multi handle, driven by the event loop; connections are
 * kept open and shared. HTTP/2 is used if a TLS server offers it. If a server
 * then violates HTTP/2, or ends a connection with requests on their way, these
 * are repeated in HTTP/1.1. After three times in a row, HTTP/1.1 is used with
 * that host for some minutes.
 *
 * This is a seam: the simulator links another implementation of this header, so
 * no socket, clock or thread is visible here.
 *
 * Not provided: redirects (the caller decides where a request may go), cookies
 * (never), retries (the pipeline's), authentication (a header like any other).
 * Loop thread only.
 */
struct http;
struct http_transfer;

/*
 * How to connect. With all members NULL and 0: the system's CA certificates,
 * the contents of the host's directory in certs.d (containers-certs.d(5)), TLS
 * 1.2 or newer, and the proxy that the environment names: https_proxy or
 * HTTPS_PROXY for https, http_proxy or HTTP_PROXY for http (not HTTP_PROXY if
 * REQUEST_METHOD is set, because it may then be the header of a CGI client),
 * else all_proxy or ALL_PROXY; except for hosts in no_proxy or NO_PROXY, which
 * is read as Go's clients read it (http/proxy.h). Loopback addresses use the
 * proxy too unless they are listed there.
 *
 * A configured proxy is a URL (http, https, socks5h). It may contain
 * credentials and so is a secret. no_proxy does not apply to it. The
 * certificate of a proxy that uses https is verified with the system's CA
 * certificates.
 */
struct http_transport {
    const char *ca_file;     /* PEM, instead of the system's CA certificates */
    bool any_name;           /* do not verify the host name */
    const char *certificate; /* client certificate, PEM */
    const char *key;         /* PEM; NULL: in the certificate's file */
    int min_tls;             /* index in http_tls_versions */
    const char *proxy;       /* URL; "": no proxy at all */
    struct secret own_proxy; /* in a copy: owns `proxy` */
    /* Read if neither ca_file nor certificate is set. NULL: the conventional
     * directories, the user's first; "": none. */
    const char *certs_dir;
};

extern const char *const http_tls_versions[]; /* "1.2", "1.3", NULL */
bool http_transport_equal(const struct http_transport *a,
                          const struct http_transport *b);
/* Copies all strings. http_transport_release() frees them. */
void http_transport_copy(struct http_transport *to,
                         const struct http_transport *from);
void http_transport_release(struct http_transport *transport);

/* Limits on the duration of a request */
struct http_timeouts {
    uint32_t connect_ms;
    /* Maximum time without progress in either direction, also while the server
     * processes the request. The whole request may take ten times as long, plus
     * the time that its body needs. */
    uint32_t answer_ms;
};

/* An AWS signature (version 4), created by libcurl. Only for a POST with a body
 * and without a query: libcurl 7.88 signs no other body, and does not normalize
 * a query. */
struct http_aws {
    const char *region;
    const char *service;
    const char *key_id;
    const char *secret;
    const char *session; /* session token; NULL: none */
};

struct http_request {
    const char *method; /* GET, HEAD, POST, PUT, PATCH, DELETE */
    const char *url;
    const char *const *headers; /* "Name: value"; NULL-terminated */
    /* borrowed until done() is called; sent with Content-Length */
    struct bytes body;
    const struct http_transport *transport; /* NULL: all defaults */
    const struct http_aws *aws;             /* NULL: not signed */
    size_t max_body; /* of the response, in bytes; a larger one is an error */
    bool truncates_body; /* truncate a larger response instead */
    /* The request is not idempotent. It uses a connection of its own and is
     * never repeated by the client: neither if a kept connection turns out to
     * be closed, nor in HTTP/1.1 after a failure of HTTP/2. */
    bool once;
    bool wants_peer;
    struct http_timeouts timeouts;
};

/* The connection that the response came from, if `wants_peer` was set */
struct http_peer {
    char address[64]; /* "192.0.2.1:443" */
    char protocol[8]; /* "1.1", "2" */
    struct str until; /* expiry date of its certificate; empty: no TLS */
    struct str issuer;
};

struct http_response {
    int status;
    struct str headers; /* "name: value\n" for each, as received */
    struct str body;
    const struct http_peer *peer; /* NULL: not requested */
};

/* Called exactly once for each request, never from inside http_start(). Either
 * response or err is NULL, and neither is valid after the call. err->unsent is
 * true if the server cannot have seen the request. */
typedef void http_done_fn(void *payload, const struct http_response *response,
                          const struct error *err);

/* Adds the CA certificates and the conventional directories of certs.d. */
void http_access(struct access *access);

struct http *http_new(struct loop *loop);
void http_free(struct http *http); /* no transfer may be running */

struct http_transfer *http_start(struct http *http,
                                 const struct http_request *request,
                                 http_done_fn *done, void *payload);
/* Cancels and frees the transfer; done() is not called. */
void http_cancel(struct http_transfer *transfer);

/*
 * What every module that sends requests needs: the loop that it runs on, the
 * client that sends the requests, and the timeouts. Modules with the same
 * settings share one; it is passed as a const pointer and outlives them.
 */
struct network {
    struct loop *loop;
    struct http *http;
    struct http_timeouts timeouts;
};

/* Appends the value of the n-th (from 0) header of that name to *value, without
 * surrounding white space. Returns false if there is none. */
bool http_header(const struct http_response *response, const char *name,
                 size_t n, struct str *value);
/* True if the value contains only visible ASCII. Must not be NULL. */
bool http_value_is_plain(const char *value);
/* True for a valid header name (RFC 9110, section 5.1), and for a value as this
 * client sends it: visible ASCII with spaces between. Must not be NULL. */
bool http_is_header_name(const char *name);
bool http_is_header_value(const char *value);
/* The value of Retry-After, in seconds (perhaps with a fraction) or as a date,
 * converted to milliseconds; 0 if there is none. It is capped, because a server
 * must not decide to stop deliveries for longer: at five minutes, or, for
 * services that ban who ignores a delay of hours, at `max_ms`. */
#define HTTP_MAX_RETRY_AFTER_MS ((uint32_t)300000)
uint32_t http_retry_after_ms(const struct http_response *response,
                             int64_t wall_ms);
uint32_t http_retry_after_up_to_ms(const struct http_response *response,
                                   int64_t wall_ms, uint32_t max_ms);

/*
 * The meaning of error responses. Every caller takes the kind of its error from
 * here and adds its own context and whatever it knows better, such as a
 * registry's error code, or that a token server refuses with any status.
 *
 * The first row that includes the status applies; the last row, whose `first`
 * is 0, applies to every status that no other row includes.
 * deploy/reference/errors.md is generated from the rows.
 */
struct http_meaning {
    int first; /* status */
    int last;
    enum error_kind kind;
    const char *text; /* for the reference */
};

extern const struct http_meaning http_meanings[];

enum error_kind http_error_kind(int status);
/* True if the same request may succeed later: 408, 425, 429 and 5xx. */
bool http_status_is_temporary(int status);
/* True for a redirect to the URL in Location: 301, 302, 303, 307 and 308. */
bool http_status_is_redirect(int status);
/* Fills all of *err: kind, status and Retry-After from the response, and the
 * message from `format`. `wall_ms` is the current time. */
void http_error_fill(struct error *err, const struct http_response *response,
                     int64_t wall_ms, const char *format, ...) PRINTF(4, 5);

const char *http_library_version(void);

#endif
