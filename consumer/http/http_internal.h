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
    uint64_t http1_until_ms; /* the host violates HTTP/2 */
};
TAILQ_HEAD(hosts, host);

struct http_transfer {
    struct http *http;
    CURL *easy;
    struct host *host;               /* NULL: no https */
    struct certs *certs;             /* NULL: none */
    struct http_transport transport; /* a copy, with certs.d applied */
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
                     const struct http_transport *transport);

/* hosts.c */
struct host *host_acquire(struct http *http, const char *url,
                          const char *certs_dir); /* NULL: no https */
void host_release(struct host *host);             /* NULL is allowed */
struct certs *host_certs(struct host *host,
                         uint64_t now_ms); /* a new reference */
void host_avoid_http2(struct host *host, uint64_t now_ms);
void hosts_free(struct http *http);

/* url.c: parses whatever libcurl accepts as the URL of a proxy; the scheme may
 * be missing. ret_url->text becomes host:port, because the URL may contain a
 * password. */
bool url_parse_proxy(const char *text, struct url *ret_url);

/* explain.c */
int transfer_explain(const struct http_transfer *transfer, CURLcode result,
                     struct error *err);

#endif
