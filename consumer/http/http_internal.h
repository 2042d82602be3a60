#ifndef WAYBILL_HTTP_INTERNAL_H
#define WAYBILL_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "waybill/http.h"

/* What driver.c (the multi handle and the loop) and transfer.c (one request)
 * share. */

struct http_transfer {
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    http_done_fn *done;
    void *payload;
    struct bytes body;
    size_t sent;
    size_t most_body;
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
};

/* driver.c */
CURL *http_take_easy(struct http *http);
void http_give_easy(struct http *http, CURL *easy);

/* transfer.c */
void transfer_finish(struct http_transfer *transfer, CURLcode result);

#endif
