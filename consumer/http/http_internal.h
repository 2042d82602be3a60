#ifndef WAYBILL_HTTP_INTERNAL_H
#define WAYBILL_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "certs.h"
#include "waybill/http.h"
#include "waybill/url.h"

/* What driver.c (the multi handle and the loop), transfer.c (one request),
 * apply.c (how to get there), hosts.c and certs.c (what is known of a host)
 * and explain.c (what went wrong) share. */

struct host {
    TAILQ_ENTRY(host) link;
    char *name;      /* host[:port], as it stands in the URL */
    char *certs_dir; /* of the transport */
    size_t transfers;
    struct certs *certs; /* NULL: nobody asked yet */
    uint64_t certs_until_ms;
    uint64_t http1_until_ms; /* it breaks HTTP/2 */
};
TAILQ_HEAD(hosts, host);

struct http_transfer {
    struct http *http;
    CURL *easy;
    struct host *host;               /* NULL: not https */
    struct certs *certs;             /* NULL: none */
    struct http_transport transport; /* its own copy, as it is in force */
    struct task refusal;             /* what never goes out ends with this */
    bool http1;
    bool large; /* has a larger buffer */
    bool once;
    bool cuts_body;
    bool is_cut;
    struct curl_slist *headers;
    http_done_fn *done;
    void *payload;
    struct bytes body;
    size_t sent;
    size_t max_body;
    struct http_response response;
    struct http_peer peer;
    bool wants_peer;
    const char *too_large; /* what passed its cap */
    char curl_says[CURL_ERROR_SIZE];
};

struct http {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    CURL **idle; /* easy handles to use again */
    size_t idle_count;
    size_t idle_capacity;
    size_t running;
    struct hosts hosts; /* most recently used first */
    size_t host_count;
};

/* easy.c */
CURL *http_take_easy(struct http *http);
void http_give_easy(struct http *http, CURL *easy);
void http_free_easy(struct http *http);

/* transfer.c */
void transfer_finish(struct http_transfer *transfer, CURLcode result);

/* apply.c */
void transport_apply(struct http_transfer *transfer,
                     const struct http_transport *transport);

/* hosts.c */
struct host *host_enter(struct http *http, const char *url,
                        const char *certs_dir); /* NULL: none of https */
void host_leave(struct host *host);             /* NULL is fine */
struct certs *host_certs(struct host *host,
                         uint64_t now_ms); /* one more user */
void host_avoid_http2(struct host *host, uint64_t now_ms);
void hosts_free(struct http *http);

/* url.c: whatever libcurl takes for a proxy's URL; the scheme may be missing.
 * It may hold a password, so the text becomes host:port. */
bool url_parse_proxy(const char *text, struct url *ret_url);

/* explain.c */
int transfer_explain(const struct http_transfer *transfer, CURLcode result,
                     struct error *err);

#endif
