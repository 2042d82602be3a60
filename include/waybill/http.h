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
 * HTTP requests: one out, one response later. One curl multi handle for the
 * whole process, turned by the loop; connections are kept and shared. HTTP/2
 * where a TLS server offers it; one that then breaks it is asked again, and for
 * some minutes only, in HTTP/1.1.
 *
 * It is a seam: the simulator links another implementation behind this header.
 * So no socket, clock or thread of it is visible here.
 *
 * Not here: redirects (the caller decides where a request may go), cookies
 * (never), retries (the pipeline's), authentication (a header like any other).
 * Loop thread only.
 */
struct http;
struct http_transfer;

/*
 * How to get there. All NULL and 0: the system's authorities, what the host's
 * folder in certs.d holds (containers-certs.d(5)), TLS 1.2 or newer, and the
 * proxy that the environment names: https_proxy, HTTPS_PROXY, http_proxy (for
 * http, in lower case only: HTTP_PROXY may be a CGI client's header),
 * all_proxy, ALL_PROXY, but none for what no_proxy or NO_PROXY lists. Loopback
 * goes through it too, unless that lists it.
 *
 * A proxy of one's own is a URL (http, https, socks5h), which may hold
 * credentials and so is a secret; no_proxy does not count for it. A proxy that
 * speaks https is judged by the system's authorities.
 */
struct http_transport {
    const char *ca_file;     /* instead of the system's authorities */
    bool any_name;           /* ... for a host that is not the one it names */
    const char *certificate; /* of ours, PEM */
    const char *key;         /* NULL: in the certificate's file */
    int oldest_tls;          /* place in http_tls_versions */
    const char *proxy;       /* "" for none at all */
    struct secret own_proxy; /* of a copy: what `proxy` points to */
    /* Looked into when neither ca_file nor certificate is given. NULL: the
     * conventional ones, the user's first; "" for none at all. */
    const char *certs_dir;
};

extern const char *const http_tls_versions[]; /* "1.2", "1.3", NULL */
bool http_transport_equal(const struct http_transport *a,
                          const struct http_transport *b);
/* Of all texts, which release() frees */
void http_transport_copy(struct http_transport *to,
                         const struct http_transport *from);
void http_transport_release(struct http_transport *transport);

/* How long a request may take */
struct http_timeouts {
    uint32_t connect_ms;
    /* From the last byte sent or received to the next, also while the server
     * commits; the whole may take ten times as long, and what a body needs. */
    uint32_t answer_ms;
};

/* An AWS signature (version 4), which libcurl makes. Only for a POST with a
 * body and without a query: libcurl 7.88 signs no other body, and a query only
 * as it stands. */
struct http_aws {
    const char *region;
    const char *service;
    const char *key_id;
    const char *secret;
    const char *session; /* NULL: none */
};

struct http_request {
    const char *method; /* GET, HEAD, POST, PUT, PATCH, DELETE */
    const char *url;
    const char *const *headers; /* "Name: value", ends with NULL */
    struct bytes body;          /* borrowed until done; sent with a length */
    const struct http_transport *transport; /* NULL: all defaults */
    const struct http_aws *aws;             /* NULL: not signed */
    size_t max_body; /* of the response; more is an error, or ... */
    bool cuts_body;  /* ... is left out */
    /* Whoever gets it may act on it each time. So it goes out on a connection
     * of its own and is never sent again from here: not when a kept connection
     * turns out to be dead, and not in HTTP/1.1 after a failure of HTTP/2. */
    bool once;
    bool wants_peer;
    struct http_timeouts timeouts;
};

/* Of the connection that answered, where `wants_peer` asked for it */
struct http_peer {
    char address[64]; /* "192.0.2.1:443" */
    char protocol[8]; /* "1.1", "2" */
    struct str until; /* its certificate's last day; empty: no TLS */
    struct str issuer;
};

struct http_response {
    int status;
    struct str headers; /* "name: value\n" for each, as received */
    struct str body;
    const struct http_peer *peer; /* NULL: not asked for */
};

/* Exactly one call for each request, never from inside http_start(); either
 * response or err is NULL. Both are gone when it returns. err->unsent: the
 * server cannot have seen the request. */
typedef void http_done_fn(void *payload, const struct http_response *response,
                          const struct error *err);

/* The authorities, and certs.d's conventional folders */
void http_access(struct access *access);

struct http *http_new(struct loop *loop);
void http_free(struct http *http); /* no transfer may be running */

struct http_transfer *http_start(struct http *http,
                                 const struct http_request *request,
                                 http_done_fn *done, void *payload);
/* done() is not called any more. */
void http_cancel(struct http_transfer *transfer);

/*
 * What everything that makes requests is given: the loop that it runs on, the
 * client that it sends through, and how long an answer may take. There is one
 * for all that share these settings; it is passed down as a const pointer, and
 * outlives whoever was given it.
 */
struct network {
    struct loop *loop;
    struct http *http;
    struct http_timeouts timeouts;
};

/* The value of the n-th (from 0) header of that name, or false. Appended to
 * *value; surrounding white space is gone. */
bool http_header(const struct http_response *response, const char *name,
                 size_t n, struct str *value);
/* Visible ASCII only: fit to be put into a header as it is. Not NULL. */
bool http_value_is_plain(const char *value);
/* A header's name (RFC 9110, section 5.1) and its value as we send them:
 * visible ASCII with blanks between. Not NULL. */
bool http_is_header_name(const char *name);
bool http_is_header_value(const char *value);
/* Retry-After in milliseconds, given as seconds or as a date; 0: none. At most
 * five minutes: a registry does not decide when we are next seen. */
#define HTTP_MAX_RETRY_AFTER_MS ((uint32_t)300000)
uint32_t http_retry_after_ms(const struct http_response *response,
                             int64_t wall_ms);

/*
 * What a response means that is not a success. Every caller takes the kind of
 * its error from here, and adds its own context and what it knows better: a
 * registry's error code, or that a token server refuses with any status.
 *
 * The first row that includes the status counts; the last row, whose `first` is
 * 0, is for every status that no other row includes. deploy/reference/errors.md
 * is written from the rows.
 */
struct http_meaning {
    int first; /* status */
    int last;
    enum error_kind kind;
    const char *text; /* for the reference */
};

extern const struct http_meaning http_meanings[];

enum error_kind http_error_kind(int status);
/* The request may succeed later as it is: 408, 425, 429 and 5xx. */
bool http_status_is_temporary(int status);
/* Fills all of *err: kind, status and Retry-After by the response, the message
 * by the caller. */
void http_error_fill(struct error *err, const struct http_response *response,
                     int64_t wall_ms, const char *format, ...) PRINTF(4, 5);

const char *http_library_version(void);

#endif
