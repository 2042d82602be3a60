#ifndef WAYBILL_HTTP_INTERNAL_H
#define WAYBILL_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "certs.h"
#include "waybill/http.h"
#include "waybill/url.h"

/* Declarations shared by driver.c (the multi handle and the loop), transfer.c
 * (one request), apply.c (the transport), hosts.c and certs.c (state kept for
 * each host) and explain.c (error messages). */

struct host {
    TAILQ_ENTRY(host) link;
    char *name;      /* host[:port], as in the URL */
    char *certs_dir; /* from the transport */
    size_t transfers;
    struct certs *certs; /* NULL: not loaded yet */
    uint64_t certs_until_ms;
    uint64_t http1_until_ms;       /* the host violates HTTP/2 */
    uint64_t http2_doubt_until_ms; /* it did, or it was restarted */
    unsigned http2_failures;       /* since the last response in HTTP/2 */
    /* The last request that was started before the last failure */
    uint64_t http2_failed_number;
};
TAILQ_HEAD(hosts, host);

struct http_transfer {
    struct http *http;
    uint64_t number; /* in the order in which requests are started, from 1 */
    CURL *easy;
    struct host *host;               /* NULL: no https */
    struct certs *certs;             /* NULL: none */
    struct http_transport transport; /* a copy, completed */
    struct task unsent_task;         /* reports a request that was not sent */
    char *unsent;                    /* why it was not; NULL: it was */
    bool http1;
    bool large; /* uses a larger buffer */
    bool once;
    bool truncates_body;
    bool is_truncated;
    struct curl_slist *headers;
    http_done_fn *done;
    void *payload;
    struct bytes body;
    size_t sent;
    size_t max_body;
    struct http_response response;
    struct http_peer peer;
    bool wants_peer;
    const char *too_large; /* what exceeded its limit */
    char curl_message[CURL_ERROR_SIZE];
};

struct http {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    CURL **idle; /* easy handles to reuse */
    size_t idle_count;
    size_t idle_capacity;
    size_t running;
    uint64_t started;   /* requests so far */
    struct hosts hosts; /* most recently used first */
    size_t host_count;
};

/* easy.c */
CURL *http_take_easy(struct http *http);
void http_return_easy(struct http *http, CURL *easy);
void http_free_easy(struct http *http);

/* transfer.c */
void transfer_finish(struct http_transfer *transfer, CURLcode result);

/* apply.c */
void transport_apply(struct http_transfer *transfer,
                     const struct http_transport *transport, const char *url);

/* hosts.c */
struct host *host_acquire(struct http *http, const char *url,
                          const char *certs_dir); /* NULL: no https */
void host_release(struct host *host);             /* NULL is allowed */
struct certs *host_certs(struct host *host,
                         uint64_t now_ms); /* a new reference */
/* Report how a request in HTTP/2 has ended. `number` is the request's, and
 * `last_number` that of the request which was started last. */
void host_note_http2_failure(struct host *host, uint64_t number,
                             uint64_t last_number, uint64_t now_ms);
void host_note_http2_success(struct host *host);
/* A request that must not be repeated avoids HTTP/2 at the first doubt. */
bool host_avoids_http2(const struct host *host, bool once, uint64_t now_ms);
void hosts_free(struct http *http);

/* url.c: parses whatever libcurl accepts as the URL of a proxy; the scheme may
 * be missing. ret_url->text becomes host:port, because the URL may contain a
 * password. */
bool url_parse_proxy(const char *text, struct url *ret_url);

/* explain.c */
int transfer_explain(const struct http_transfer *transfer, CURLcode result,
                     struct error *err);

#endif
