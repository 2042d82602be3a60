#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"
#include "waybill/alloc.h"
#include "waybill/file.h"
#include "waybill/secret.h"

/* A transfer slower than this for all of answer_ms has timed out. */
#define MIN_BYTES_PER_SECOND 1L
/* A server that sends slowly must not keep a request open forever: the whole
 * may take this many times answer_ms, plus the time for the body at this
 * speed. */
#define MAX_ANSWER_TIMEOUTS 10
#define MIN_BODY_BYTES_PER_MS 16
/* A body larger than LARGE_BODY bytes is sent with a larger buffer, which takes
 * fewer iterations of the loop. */
#define LARGE_BODY ((size_t)1024 * 1024)
#define LARGE_BUFFER (256L * 1024)
#define DEFAULT_BUFFER (64L * 1024)

static size_t on_header(char *data, size_t size, size_t count, void *payload)
{
    struct http_transfer *transfer = payload;
    struct str *headers = &transfer->response.headers;
    size_t len = size * count;
    size_t end = len;

    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        str_clear(headers); /* the final response, after a 1xx */
        return len;
    }
    while (end > 0 && (data[end - 1] == '\r' || data[end - 1] == '\n')) {
        end--;
    }
    if (end > 0) {
        str_append(headers, data, end);
        str_append_char(headers, '\n');
    }
    if (headers->overflow) {
        transfer->too_large = "headers";
        return 0;
    }
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *payload)
{
    struct http_transfer *transfer = payload;
    struct str *body = &transfer->response.body;
    size_t len = size * count;

    if (transfer->truncates_body && len > body->cap - body->len) {
        str_append(body, data, body->cap - body->len);
        transfer->is_truncated = true;
        return 0;
    }
    str_append(body, data, len);
    if (body->overflow) {
        transfer->too_large = "body";
        return 0;
    }
    return len;
}

static size_t on_send(char *data, size_t size, size_t count, void *payload)
{
    struct http_transfer *transfer = payload;
    size_t remaining = transfer->body.len - transfer->sent;
    size_t len = size * count < remaining ? size * count : remaining;

    if (len > 0) {
        memcpy(data, transfer->body.data + transfer->sent, len);
    }
    transfer->sent += len;
    return len;
}

/* curl sends the body again if a kept connection turns out to be closed. */
static int on_rewind(void *payload, curl_off_t offset, int origin)
{
    struct http_transfer *transfer = payload;

    if (origin != SEEK_SET || offset < 0 ||
        (size_t)offset > transfer->body.len) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    transfer->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_body(struct http_transfer *transfer)
{
    CURL *easy = transfer->easy;

    if (transfer->body.len > LARGE_BODY) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, LARGE_BUFFER);
        transfer->large = true;
    }
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
}

static void set_method(struct http_transfer *transfer,
                       const struct http_request *request)
{
    CURL *easy = transfer->easy;
    curl_off_t len = (curl_off_t)request->body.len;

    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->method, "PUT") == 0 ||
               strcmp(request->method, "PATCH") == 0) {
        /* CURLOPT_UPLOAD alone would send a PUT. */
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, len);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    } else if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, len);
    } else if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    set_body(transfer);
}

static void add_header(struct http_transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);

    if (longer != NULL) {
        transfer->headers = longer;
    }
}

/* Some servers compress a body although nobody has asked for it, so that all
 * codings that libcurl knows are decoded. They are not asked for: bodies are
 * small, and whoever signs or verifies a response sees it as it is. The limit
 * of the body applies to what is decoded. */
static void accept_codings(struct http_transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_ACCEPT_ENCODING, "");
    add_header(transfer, "Accept-Encoding:");
}

static void set_headers(struct http_transfer *transfer,
                        const struct http_request *request)
{
    for (const char *const *line = request->headers;
         line != NULL && *line != NULL; line++) {
        add_header(transfer, *line);
    }
    /* Authorization is settled before a body is sent, so 100-continue has no
     * use. Some servers never answer an Expect, and curl would wait a second
     * for each. */
    if (request->aws == NULL) {
        add_header(transfer, "Expect:");
        accept_codings(transfer);
    }
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

/*
 * Constraints of the signature in libcurl 7.88:
 * - It signs a body only from POSTFIELDS.
 * - It signs all custom headers, so the session token must be one of them, and
 * no header may be listed that is not sent ("Expect:").
 * - It does not sort the query, so the caller must pass none, or a sorted one.
 */
static void set_signature(struct http_transfer *transfer,
                          const struct http_request *request)
{
    CLEANUP(str_release) struct str provider = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret session = SECRET_INIT(STR_UNLIMITED);
    const struct http_aws *aws = request->aws;
    CURL *easy = transfer->easy;

    if (aws == NULL) {
        return;
    }
    str_printf(&provider, "aws:amz:%s:%s", aws->region, aws->service);
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, provider.data);
    curl_easy_setopt(easy, CURLOPT_USERNAME, aws->key_id);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, aws->secret);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data);
    if (aws->session != NULL) {
        str_printf(&session.text, "X-Amz-Security-Token: %s", aws->session);
        add_header(transfer, session.text.data);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_limits(CURL *easy, const struct http_request *request)
{
    const struct http_timeouts *timeouts = &request->timeouts;
    long seconds = ((long)timeouts->answer_ms + 999) / 1000;
    long whole = (long)timeouts->connect_ms +
                 MAX_ANSWER_TIMEOUTS * (long)timeouts->answer_ms +
                 (long)(request->body.len / MIN_BODY_BYTES_PER_MS);

    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, whole);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)timeouts->connect_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, MIN_BYTES_PER_SECOND);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, seconds);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "waybill/" WAYBILL_VERSION);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

/* The headers may contain a password or a token. */
static void free_headers(struct curl_slist *headers)
{
    for (const struct curl_slist *at = headers; at != NULL; at = at->next) {
        explicit_bzero(at->data, strlen(at->data));
    }
    curl_slist_free_all(headers);
}

static void release(struct http_transfer *transfer)
{
    struct http *http = transfer->http;

    loop_cancel(http->loop, &transfer->unsent_task);
    curl_multi_remove_handle(http->multi, transfer->easy);
    if (transfer->large) {
        /* This frees the large one, which an idle handle would keep. */
        curl_easy_setopt(transfer->easy, CURLOPT_UPLOAD_BUFFERSIZE,
                         DEFAULT_BUFFER);
    }
    http_return_easy(http, transfer->easy);
    host_release(transfer->host);
    certs_release(transfer->certs);
    http_transport_release(&transfer->transport);
    http->running--;
    free_headers(transfer->headers);
    str_release(&transfer->response.body);
    str_release(&transfer->response.headers);
    str_release(&transfer->peer.until);
    str_release(&transfer->peer.issuer);
    mem_free(transfer->unsent);
    mem_free(transfer);
}

static void report_unsent(void *payload)
{
    struct http_transfer *transfer = payload;
    struct error err;

    error_set(&err, ERROR_UNREACHABLE, "%s", transfer->unsent);
    err.unsent = true;
    transfer->done(transfer->payload, NULL, &err);
    release(transfer);
}

/* libcurl and OpenSSL would wait for the other end of a FIFO. The configuration
 * was checked, but the files may have been replaced since. */
static char *name_blocking_file(const struct http_transport *transport)
{
    const char *const paths[] = {transport->ca_file, transport->certificate,
                                 transport->key};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(LIMIT_MESSAGE);

        if (paths[i] != NULL && file_may_block(paths[i])) {
            str_printf(&text, "'%s' cannot be read: it is not a regular file",
                       paths[i]);
            return str_take(&text);
        }
    }
    return NULL;
}

/* Returns NULL if the request can be sent. */
static char *find_obstacle(const struct http_transfer *transfer)
{
    return transfer->certs != NULL && transfer->certs->error != NULL
               ? mem_strdup(transfer->certs->error)
               : name_blocking_file(&transfer->transport);
}

struct http_transfer *http_start(struct http *http,
                                 const struct http_request *request,
                                 http_done_fn *done, void *payload)
{
    struct http_transfer *transfer = mem_zalloc(sizeof(*transfer));
    CURL *easy = http_take_easy(http);

    transfer->http = http;
    transfer->number = ++http->started;
    transfer->easy = easy;
    transfer->done = done;
    transfer->payload = payload;
    transfer->body = request->body;
    task_init(&transfer->unsent_task, report_unsent, transfer);
    str_init(&transfer->response.headers, LIMIT_HTTP_HEADERS);
    /* The response to a token request holds a token. */
    str_init_secret(&transfer->response.body, request->max_body);
    str_init(&transfer->peer.until, LIMIT_URL);
    str_init(&transfer->peer.issuer, LIMIT_URL);
    transfer->wants_peer = request->wants_peer;
    transfer->truncates_body = request->truncates_body;
    transfer->once = request->once;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->once ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->once ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CERTINFO, request->wants_peer ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_message);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    transfer->host = host_acquire(
        http, request->url,
        request->transport != NULL ? request->transport->certs_dir : NULL);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    set_method(transfer, request);
    set_headers(transfer, request);
    set_signature(transfer, request);
    set_limits(easy, request);
    transport_apply(transfer, request->transport, request->url);
    http->running++;
    transfer->unsent = find_obstacle(transfer);
    if (transfer->unsent != NULL) {
        loop_defer(http->loop, &transfer->unsent_task);
    } else {
        /* Only starts it: curl calls nothing back before the loop turns. */
        curl_multi_add_handle(http->multi, easy);
    }
    return transfer;
}

/* Reads the server's own certificate, which is the first of the chain. */
static void read_certificate(CURL *easy, struct http_peer *peer)
{
    static const char until[] = "Expire date:";
    static const char issuer[] = "Issuer:";
    struct curl_certinfo *info = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK ||
        info == NULL || info->num_of_certs < 1) {
        return;
    }
    for (const struct curl_slist *at = info->certinfo[0]; at; at = at->next) {
        if (strncmp(at->data, until, sizeof(until) - 1) == 0) {
            str_append_text(&peer->until, at->data + sizeof(until) - 1);
        } else if (strncmp(at->data, issuer, sizeof(issuer) - 1) == 0) {
            str_append_text(&peer->issuer, at->data + sizeof(issuer) - 1);
        }
    }
}

static void read_peer(struct http_transfer *transfer)
{
    struct http_peer *peer = &transfer->peer;
    char *address = NULL;
    long port = 0;
    long version = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &address);
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    snprintf(peer->address, sizeof(peer->address), "%.50s:%ld",
             address != NULL ? address : "?", port);
    snprintf(peer->protocol, sizeof(peer->protocol), "%s",
             version == CURL_HTTP_VERSION_2_0 ? "2" : "1.1");
    read_certificate(transfer->easy, peer);
    transfer->response.peer = peer;
}

void http_cancel(struct http_transfer *transfer)
{
    release(transfer);
}

/*
 * A server may reject a request early and close the connection while the body
 * is sent. Sending fails then, but the response is available and says more than
 * "broken pipe". The same is true if its body cannot be decoded. A 407 comes
 * from a proxy, since plain http passes it on unchanged, and is not a response
 * of the server.
 */
static bool has_response(const struct http_transfer *transfer, CURLcode result)
{
    int status = transfer->response.status;

    return status != 407 && (result == CURLE_OK || transfer->is_truncated ||
                             result == CURLE_BAD_CONTENT_ENCODING ||
                             (result == CURLE_SEND_ERROR && status >= 400));
}

/*
 * Some servers and middleboxes offer HTTP/2 but do not implement it correctly.
 * The request may be repeated whatever its method: an upload never appends,
 * every PUT is named by its digest, and an upload session that was opened twice
 * expires.
 */
static bool needs_http1(const struct http_transfer *transfer, CURLcode result)
{
    /* libcurl reports CURLE_GOT_NOTHING for invalid frames. It also does so if
     * a server that speaks HTTP/1.1 closes the connection; that costs one more
     * request, and only once, because the result is remembered for the host. */
    bool broken = result == CURLE_HTTP2 || result == CURLE_HTTP2_STREAM ||
                  result == CURLE_GOT_NOTHING;

    /* After a GOAWAY */
    if (result == CURLE_PARTIAL_FILE &&
        strncmp(transfer->curl_message, "HTTP/2 ", 7) == 0) {
        broken = true;
    }
    return broken && !transfer->http1 && transfer->host != NULL;
}

static void note_http2_failure(const struct http_transfer *transfer)
{
    host_note_http2_failure(transfer->host, transfer->number,
                            transfer->http->started,
                            loop_now(transfer->http->loop));
}

static void note_http2_success(const struct http_transfer *transfer,
                               CURLcode result)
{
    long version = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    if (transfer->host != NULL && result == CURLE_OK &&
        version == CURL_HTTP_VERSION_2_0) {
        host_note_http2_success(transfer->host);
    }
}

static void repeat_in_http1(struct http_transfer *transfer)
{
    struct http *http = transfer->http;

    curl_multi_remove_handle(http->multi, transfer->easy);
    transfer->sent = 0;
    transfer->too_large = NULL;
    transfer->curl_message[0] = '\0';
    str_clear(&transfer->response.headers);
    str_clear(&transfer->response.body);
    transfer->http1 = true;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION,
                     (long)CURL_HTTP_VERSION_1_1);
    /* libcurl would use the connection for the next requests too. */
    curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_multi_add_handle(http->multi, transfer->easy);
}

/* libcurl records the time at which it is about to send the request. */
static bool is_unsent(const struct http_transfer *transfer)
{
    curl_off_t ready_us = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us == 0;
}

void transfer_finish(struct http_transfer *transfer, CURLcode result)
{
    static const struct secret_set remembered; /* nothing else */
    struct error err;
    long status = 0;

    if (needs_http1(transfer, result)) {
        note_http2_failure(transfer);
        if (!transfer->once) {
            repeat_in_http1(transfer);
            return;
        }
    }
    note_http2_success(transfer, result);
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->response.status = (int)status;
    if (has_response(transfer, result)) {
        if (transfer->wants_peer) {
            read_peer(transfer);
        }
        transfer->done(transfer->payload, &transfer->response, NULL);
    } else {
        transfer_explain(transfer, result, &err);
        /* It may quote what the server has sent: names of a certificate. */
        secret_set_scrub(&remembered, err.message);
        err.unsent = is_unsent(transfer);
        transfer->done(transfer->payload, NULL, &err);
    }
    release(transfer);
}
