#include "upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "origin.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * One blob, by the shortest way that its registry is known to take:
 *
 *     POST with the body  -> 201                              (single)
 *     POST -> PUT with the body -> 201                        (the usual one)
 *     POST -> PATCH -> PATCH ... -> PUT without a body -> 201 (chunks)
 *
 * Whether the first way is taken is learnt with a blob that is small enough to
 * be sent for nothing: who does not take it answers 202 with a session, as to
 * any POST. The third is for what stands in front of a registry and refuses
 * large bodies: nothing but a 413 tells. There is no going on in the middle: a
 * session whose answer is lost is left to the registry's own clock.
 */

/* nginx takes 1 MiB when nobody has told it otherwise; who takes less than that
 * may take this. */
static const size_t learnt_chunks[] = {(size_t)1024 * 1024, (size_t)64 * 1024};

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

static void explain(const struct upload *upload,
                    const struct oci_request *request,
                    const struct http_response *response, struct error *err)
{
    oci_error_of(response, upload->what, upload->target, upload->client,
                 oci_request_revealed(request), err);
}

static void refuse(struct upload *upload, const struct oci_request *request,
                   const struct http_response *response)
{
    struct error err;

    explain(upload, request, response, &err);
    finish(upload, &err);
}

/* A session that is not there: lost by one of several replicas, or given up
 * (ACR). Not all say so with a code. */
static void refuse_session(struct upload *upload,
                           const struct oci_request *request,
                           const struct http_response *response)
{
    struct error err;

    explain(upload, request, response, &err);
    if (response->status == 404 && err.code[0] == '\0') {
        err.kind = ERROR_INTERRUPTED;
    }
    finish(upload, &err);
}

static int read_location(struct upload *upload,
                         const struct http_response *response,
                         const struct url *base, struct error *err)
{
    CLEANUP(str_release) struct str location = STR_INIT(LIMIT_URL);
    struct url url;

    if (!http_header(response, "Location", 0, &location) || location.len == 0) {
        return error_set(err, ERROR_REJECTED,
                         "%s: registry '%s' answers %d without a Location",
                         upload->what, upload->target->registry,
                         response->status);
    }
    if (url_parse(location.data, base, &url, err) < 0) {
        return error_prefix(err, "%s: Location of registry '%s'", upload->what,
                            upload->target->registry);
    }
    url_release(&upload->location);
    upload->location = url;
    return 0;
}

static void send(struct upload *upload, const struct oci_request_spec *spec,
                 oci_response_fn *done)
{
    upload->request =
        oci_request_start(upload->client, upload->target, spec, done, upload);
}

/* --- a body that was too large
 * ------------------------------------------------
 */

/* The whole once more in smaller pieces, if there are any. Each size once: the
 * pieces may have been larger than asked for (heed_minimum()), and so would be
 * again. */
static bool shrink(struct upload *upload)
{
    size_t last = upload->chunk > 0 ? upload->chunk : upload->blob->data.len;

    while (upload->sizes < ARRAY_SIZE(learnt_chunks)) {
        size_t chunk = learnt_chunks[upload->sizes++];

        if (chunk < last) {
            capabilities_learn_max_chunk(&upload->origin->capabilities, chunk);
            begin(upload);
            return true;
        }
    }
    return false;
}

static bool may_shrink(const struct upload *upload,
                       const struct http_response *response)
{
    return response->status == 413 && upload->target->chunk_size == 0;
}

/* --- the end of a session
 * ------------------------------------------------------
 */

static void on_put(void *payload, const struct http_response *response,
                   const struct error *err)
{
    struct upload *upload = payload;
    const struct oci_request *request = upload->request;

    upload->request = NULL;
    if (response == NULL) {
        finish(upload, err);
    } else if (response->status / 100 == 2) {
        finish(upload, NULL);
    } else if (!may_shrink(upload, response) || !shrink(upload)) {
        refuse_session(upload, request, response);
    }
}

/* The Location may hold what the registry has signed: its query is kept as it
 * is, ours goes behind it. */
static void put(struct upload *upload, struct bytes body)
{
    CLEANUP(str_release)
    struct str url = STR_INIT(LIMIT_URL + DIGEST_TEXT + 16);
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

/* --- chunks
 * -------------------------------------------------------------------
 */

static void patch(struct upload *upload);

/* "0-1023": the registry has that much. Who does not say is believed. */
static bool has_kept_up(const struct upload *upload,
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
    } else if (may_shrink(upload, response) && shrink(upload)) {
        return;
    } else if (response->status / 100 != 2) { /* ECR says 201 for 202 */
        refuse_session(upload, request, response);
    } else if (read_location(upload, response, oci_request_url(request),
                             &failure) < 0) {
        finish(upload, &failure);
    } else if (!has_kept_up(upload, response)) {
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
    size_t left = upload->blob->data.len - upload->sent;
    size_t len = left < upload->chunk ? left : upload->chunk;
    struct oci_request_spec spec = {
        .what = upload->what,
        .method = "PATCH",
        .url = upload->location.text,
        .content_type = "application/octet-stream",
        .content_range = upload->range,
        .body = {upload->blob->data.data + upload->sent, len},
    };

    if (left == 0) {
        put(upload, (struct bytes){0});
        return;
    }
    snprintf(upload->range, sizeof(upload->range), "%zu-%zu", upload->sent,
             upload->sent + len - 1);
    upload->sent += len;
    send(upload, &spec, on_patch);
}

/* ECR wants pieces of at least 5 MiB, and says so. */
static void heed_minimum(struct upload *upload,
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

/* --- the beginning
 * --------------------------------------------------------------
 */

static void on_session(struct upload *upload,
                       const struct http_response *response)
{
    if (upload->chunk > 0) {
        heed_minimum(upload, response);
        patch(upload);
    } else {
        put(upload, upload->blob->data);
    }
}

/* True: the answer was about the way, not about the blob, which is on another
 * one now. */
static bool takes_another_way(struct upload *upload,
                              const struct http_response *response)
{
    int status = response != NULL ? response->status : 0;

    if (upload->origin != NULL &&
        capabilities_learn_post(&upload->origin->capabilities, upload->single,
                                status)) {
        begin(upload);
        return true;
    }
    return response != NULL && upload->single && may_shrink(upload, response) &&
           shrink(upload);
}

static void on_post(void *payload, const struct http_response *response,
                    const struct error *err)
{
    struct upload *upload = payload;
    const struct oci_request *request = upload->request;
    struct error failure;

    upload->request = NULL;
    if (takes_another_way(upload, response)) {
        return;
    }
    if (response == NULL) {
        finish(upload, err);
    } else if (response->status / 100 != 2) {
        refuse(upload, request, response);
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

/* The registry misses a blob that its answer to a POST said it had. */
void upload_was_forgotten(const struct upload *upload)
{
    if (upload->single && upload->origin != NULL) {
        capabilities_learn_loss(&upload->origin->capabilities);
    }
}

void upload_start(struct upload *upload)
{
    struct error err;

    /* An origin that cannot be is said by the request. */
    upload->origin = origin_of(upload->client, upload->target, &err);
    begin(upload);
}
