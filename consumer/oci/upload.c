#include "upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "origin.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Uploads one blob in the shortest way that the registry is known to accept:
 *
 *     POST with the body  -> 201                              (single)
 *     POST -> PUT with the body -> 201                        (the usual one)
 *     POST -> PATCH -> PATCH ... -> PUT without a body -> 201 (chunks)
 *
 * Whether the first way works is learned with a blob that is small enough to be
 * sent in vain: a registry without single POST responds with 202 and a session,
 * as to any POST. The third way is for proxies that reject large bodies, which
 * only a 413 reveals. An upload is never resumed: if the response of a session
 * is lost, the session is left to expire.
 */

/* The default limit of nginx is 1 MiB (client_max_body_size); the second size
 * is for proxies with a lower limit. */
static const size_t fallback_chunk_sizes[] = {(size_t)1024 * 1024,
                                              (size_t)64 * 1024};

static void begin(struct upload *upload);

static void finish(struct upload *upload, const struct error *err)
{
    url_release(&upload->location);
    upload->location = (struct url){0};
    upload->done = err == NULL;
    upload->finished(upload->payload, err);
}

void upload_cancel(struct upload *upload)
{
    if (upload->request != NULL) {
        oci_request_cancel(upload->request);
        upload->request = NULL;
    }
    url_release(&upload->location);
    upload->location = (struct url){0};
}

static void error_of_response(const struct upload *upload,
                              const struct oci_request *request,
                              const struct http_response *response,
                              struct error *err)
{
    oci_error_of(response, upload->what, upload->target, upload->client,
                 oci_request_revealed(request), err);
    oci_request_explain(request, err);
}

static void fail_with_response(struct upload *upload,
                               const struct oci_request *request,
                               const struct http_response *response)
{
    struct error err;

    error_of_response(upload, request, response, &err);
    finish(upload, &err);
}

/* An upload session is missing because one of several replicas does not know
 * it, or because the registry gave it up (ACR). Not all registries send an
 * error code. */
static void fail_session(struct upload *upload,
                         const struct oci_request *request,
                         const struct http_response *response)
{
    struct error err;

    error_of_response(upload, request, response, &err);
    if (response->status == 404 && response->body.len == 0) {
        err.kind = ERROR_INTERRUPTED;
    }
    finish(upload, &err);
}

static int read_location(struct upload *upload,
                         const struct http_response *response,
                         const struct url *base, struct error *err)
{
    CLEANUP(str_release) struct str location = STR_INIT(LIMIT_LOCATION);
    struct url url;

    if (!http_header(response, "Location", 0, &location) || location.len == 0) {
        error_set(err, ERROR_INTERMEDIARY,
                  "%s: registry '%s' answers %d without a Location",
                  upload->what, upload->target->registry, response->status);
        err->http_status = response->status;
        return -1;
    }
    if (url_parse(location.data, base, &url, err) < 0) {
        err->kind = ERROR_INTERMEDIARY;
        return error_prefix(err, "%s: Location of registry '%s'", upload->what,
                            upload->target->registry);
    }
    url_release(&upload->location);
    upload->location = url;
    return 0;
}

static bool is_success(const struct http_response *response)
{
    return response->status / 100 == 2 && !oci_is_web_page(response);
}

static void send(struct upload *upload, const struct oci_request_spec *spec,
                 oci_response_fn *done)
{
    upload->request =
        oci_request_start(upload->client, upload->target, spec, done, upload);
}

/* --- a body that was too large -------------------------------------------- */

/* Starts again with smaller chunks, if there is a smaller size. Each size is
 * tried once, since the chunks may have been larger than the size
 * (apply_min_chunk_size()), and would be again. */
static bool retry_smaller(struct upload *upload)
{
    size_t last = upload->chunk > 0 ? upload->chunk : upload->blob->data.len;

    while (upload->sizes_tried < ARRAY_SIZE(fallback_chunk_sizes)) {
        size_t chunk = fallback_chunk_sizes[upload->sizes_tried++];

        if (chunk < last) {
            capabilities_learn_max_chunk(&upload->origin->capabilities, chunk);
            begin(upload);
            return true;
        }
    }
    return false;
}

static bool may_retry_smaller(const struct upload *upload,
                              const struct http_response *response)
{
    return response->status == 413 && upload->target->chunk_size == 0 &&
           !oci_is_blocked(response);
}

/* --- the PUT that ends a session ------------------------------------------ */

static void on_put(void *payload, const struct http_response *response,
                   const struct error *err)
{
    struct upload *upload = payload;
    const struct oci_request *request = upload->request;

    upload->request = NULL;
    if (response == NULL) {
        finish(upload, err);
    } else if (is_success(response)) {
        finish(upload, NULL);
    } else if (!may_retry_smaller(upload, response) || !retry_smaller(upload)) {
        fail_session(upload, request, response);
    }
}

/* The Location may be signed by the registry, so its query is kept unchanged
 * and the digest is appended. */
static void put(struct upload *upload, struct bytes body)
{
    CLEANUP(str_release)
    struct str url = STR_INIT(LIMIT_LOCATION + DIGEST_TEXT + 16);
    const char *location = upload->location.text;
    struct oci_request_spec spec = {
        .what = upload->what,
        .method = "PUT",
        .content_type = "application/octet-stream",
        .body = body,
    };

    str_printf(&url, "%s%sdigest=%s", location,
               strchr(location, '?') != NULL ? "&" : "?",
               upload->blob->digest.text);
    spec.url = url.data;
    send(upload, &spec, on_put);
}

/* --- chunks --------------------------------------------------------------- */

static void patch(struct upload *upload);

/* Range "0-1023" is what the registry has received; it is optional. */
static bool has_received_all(const struct upload *upload,
                             const struct http_response *response)
{
    CLEANUP(str_release) struct str range = STR_INIT(64);
    CLEANUP(str_release) struct str expected = STR_INIT(64);

    if (!http_header(response, "Range", 0, &range)) {
        return true;
    }
    str_printf(&expected, "0-%zu", upload->sent - 1);
    return strcmp(range.data, expected.data) == 0 ||
           (strncmp(range.data, "bytes=", 6) == 0 &&
            strcmp(range.data + 6, expected.data) == 0);
}

static void on_patch(void *payload, const struct http_response *response,
                     const struct error *err)
{
    struct upload *upload = payload;
    const struct oci_request *request = upload->request;
    struct error failure;

    upload->request = NULL;
    if (response == NULL) {
        finish(upload, err);
    } else if (may_retry_smaller(upload, response) && retry_smaller(upload)) {
        return;
    } else if (!is_success(response)) { /* ECR sends 201 for 202 */
        fail_session(upload, request, response);
    } else if (read_location(upload, response, oci_request_url(request),
                             &failure) < 0) {
        finish(upload, &failure);
    } else if (!has_received_all(upload, response)) {
        error_set(&failure, ERROR_INTERRUPTED,
                  "%s: registry '%s' has not kept all of the chunks",
                  upload->what, upload->target->registry);
        finish(upload, &failure);
    } else {
        patch(upload);
    }
}

static void patch(struct upload *upload)
{
    size_t remaining = upload->blob->data.len - upload->sent;
    size_t len = remaining < upload->chunk ? remaining : upload->chunk;
    struct oci_request_spec spec = {
        .what = upload->what,
        .method = "PATCH",
        .url = upload->location.text,
        .content_type = "application/octet-stream",
        .content_range = upload->range,
        .body = {upload->blob->data.data + upload->sent, len},
    };

    if (remaining == 0) {
        put(upload, (struct bytes){0});
        return;
    }
    snprintf(upload->range, sizeof(upload->range), "%zu-%zu", upload->sent,
             upload->sent + len - 1);
    upload->sent += len;
    send(upload, &spec, on_patch);
}

/* ECR requires chunks of at least 5 MiB and states that in this header. */
static void apply_min_chunk_size(struct upload *upload,
                                 const struct http_response *response)
{
    CLEANUP(str_release) struct str min = STR_INIT(32);
    uintmax_t bytes;

    if (!http_header(response, "OCI-Chunk-Min-Length", 0, &min)) {
        return;
    }
    bytes = strtoumax(min.data, NULL, 10);
    if (bytes > upload->chunk) {
        upload->chunk = bytes < upload->blob->data.len ? (size_t)bytes
                                                       : upload->blob->data.len;
    }
}

/* --- the POST that opens a session ---------------------------------------- */

static void on_session(struct upload *upload,
                       const struct http_response *response)
{
    if (upload->chunk > 0) {
        apply_min_chunk_size(upload, response);
        patch(upload);
    } else {
        put(upload, upload->blob->data);
    }
}

/* Returns true if the response rejects the way of the upload, not the blob, and
 * the upload has started again in another way. */
static bool retry_another_way(struct upload *upload,
                              const struct http_response *response)
{
    /* What a web page answers says nothing about the registry. */
    int status =
        response != NULL && !oci_is_web_page(response) ? response->status : 0;

    if (status == 404 && oci_error_code_is(response, "NAME_UNKNOWN")) {
        return false; /* the repository is missing, whatever the way */
    }
    if (upload->origin != NULL &&
        capabilities_learn_post(&upload->origin->capabilities, upload->single,
                                status)) {
        begin(upload);
        return true;
    }
    return response != NULL && upload->single &&
           may_retry_smaller(upload, response) && retry_smaller(upload);
}

static void on_post(void *payload, const struct http_response *response,
                    const struct error *err)
{
    struct upload *upload = payload;
    const struct oci_request *request = upload->request;
    struct error failure;

    upload->request = NULL;
    if (retry_another_way(upload, response)) {
        return;
    }
    if (response == NULL) {
        finish(upload, err);
    } else if (!is_success(response)) {
        fail_with_response(upload, request, response);
    } else if (response->status == 201 && upload->single) {
        finish(upload, NULL);
    } else if (read_location(upload, response, oci_request_url(request),
                             &failure) < 0) {
        finish(upload, &failure);
    } else {
        on_session(upload, response);
    }
}

static size_t chunk_of(const struct upload *upload)
{
    size_t chunk = upload->target->chunk_size;

    if (chunk == 0 && upload->origin != NULL) {
        chunk = upload->origin->capabilities.max_chunk;
    }
    return chunk < upload->blob->data.len ? chunk : 0;
}

static void begin(struct upload *upload)
{
    CLEANUP(str_release) struct str url = STR_INIT(LIMIT_URL);
    struct oci_request_spec spec = {.what = upload->what, .method = "POST"};

    upload->sent = 0;
    upload->chunk = chunk_of(upload);
    upload->single = upload->origin != NULL && upload->chunk == 0 &&
                     capabilities_use_single_post(&upload->origin->capabilities,
                                                  upload->blob->data.len);
    str_printf(&url, "/v2/%s/blobs/uploads/", upload->target->path);
    if (upload->single) {
        str_printf(&url, "?digest=%s", upload->blob->digest.text);
        spec.content_type = "application/octet-stream";
        spec.body = upload->blob->data;
    }
    spec.url = url.data;
    send(upload, &spec, on_post);
}

void upload_report_lost_blob(const struct upload *upload)
{
    if (upload->single && upload->origin != NULL) {
        capabilities_learn_lost_blob(&upload->origin->capabilities);
    }
}

void upload_start(struct upload *upload)
{
    struct error err;

    /* The request reports the error if there is no origin. */
    upload->origin = origin_of(upload->client, upload->target, &err);
    begin(upload);
}
