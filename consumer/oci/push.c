#include <string.h>

#include "content_digest.h"
#include "errors.h"
#include "oci_internal.h"
#include "upload.h"
#include "waybill/alloc.h"
#include "waybill/ecr.h"
#include "waybill/fault.h"
#include "waybill/limits.h"

/*
 *      layer  \
 *               > PUT manifest -> done
 *      config /
 *
 * If the image may have been pushed before, HEAD manifest comes first.
 */

struct oci_push {
    struct oci_client *client;
    const struct oci_target *target;
    const struct oci_image *image;
    struct upload layer;
    struct upload config;
    bool already_stored;
    struct oci_request *head;
    struct oci_request *manifest;
    struct aws_creation *creation;
    bool created; /* do not try again */
    oci_push_done_fn *done;
    void *payload;
};

static void cancel_requests(struct oci_push *push)
{
    struct oci_request **requests[] = {&push->head, &push->manifest};

    upload_cancel(&push->layer);
    upload_cancel(&push->config);
    if (push->creation != NULL) {
        aws_create_repository_cancel(push->creation);
        push->creation = NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        if (*requests[i] != NULL) {
            oci_request_cancel(*requests[i]);
            *requests[i] = NULL;
        }
    }
}

void oci_push_cancel(struct oci_push *push)
{
    cancel_requests(push);
    mem_free(push);
}

static void finish(struct oci_push *push, const struct error *err)
{
    static const struct secret_set no_request;
    struct error failure;

    cancel_requests(push); /* the request for the other blob */
    if (err != NULL) {
        failure = *err;
        oci_scrub(push->target, &no_request, &failure);
    }
    push->done(push->payload, push->already_stored,
               err != NULL ? &failure : NULL);
    mem_free(push);
}

static void fail_with_response(struct oci_push *push,
                               const struct oci_request *request,
                               const struct http_response *response)
{
    struct error err;

    oci_error_of(response, "manifest", push->target, push->client,
                 oci_request_revealed(request), &err);
    oci_request_explain(request, &err);
    if (err.kind == ERROR_INTERRUPTED) {
        upload_report_lost_blob(&push->layer);
        upload_report_lost_blob(&push->config);
    }
    finish(push, &err);
}

/* A registry that reports another digest has not stored what was sent. */
static int check_digest(const struct oci_push *push,
                        const struct http_response *response, struct error *err)
{
    const struct digest *sent = &push->image->manifest.digest;

    if (content_digest_compare(response, sent) != CONTENT_DIGEST_OTHER) {
        return 0;
    }
    error_set(err, ERROR_DIGEST_MISMATCH,
              "manifest: registry '%s' says that it stored another digest "
              "than the %s that was sent",
              push->target->registry, sent->text);
    err->http_status = response->status;
    return -1;
}

static void on_manifest(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct oci_push *push = payload;
    const struct oci_request *request = push->manifest;
    struct error mismatch;

    push->manifest = NULL;
    if (response == NULL) {
        finish(push, err);
    } else if (response->status / 100 != 2) {
        fail_with_response(push, request, response);
    } else if (check_digest(push, response, &mismatch) < 0) {
        finish(push, &mismatch);
    } else {
        finish(push, NULL);
    }
}

static struct oci_request_spec manifest_spec(const struct oci_push *push,
                                             struct str *url)
{
    str_printf(url, "/v2/%s/manifests/%s", push->target->path,
               push->target->tag);
    return (struct oci_request_spec){.what = "manifest", .url = url->data};
}

static void put_manifest(struct oci_push *push)
{
    CLEANUP(str_release) struct str url = STR_INIT(LIMIT_URL);
    const struct oci_blob *manifest = &push->image->manifest;
    struct oci_request_spec spec = manifest_spec(push, &url);

    spec.method = "PUT";
    spec.content_type = manifest->media_type;
    spec.body = manifest->data;
    push->manifest =
        oci_request_start(push->client, push->target, &spec, on_manifest, push);
}

static void upload_both(struct oci_push *push);

static void on_created(void *payload, const struct error *err)
{
    struct oci_push *push = payload;
    struct error failure;

    push->creation = NULL;
    if (err != NULL) {
        failure = *err;
        error_prefix(&failure, "making repository '%s'", push->target->path);
        finish(push, &failure);
    } else {
        upload_both(push);
    }
}

/* Both uploads fail if the repository is missing; the first failure creates
 * it. */
static bool create_repository(struct oci_push *push, const struct error *err)
{
    if (err->kind != ERROR_NOT_FOUND || !push->target->create_repository ||
        push->created) {
        return false;
    }
    cancel_requests(push);
    push->created = true;
    push->creation = aws_create_repository_start(
        push->client->network, push->target->creator, push->target->registry,
        push->target->path, on_created, push);
    return true;
}

static void on_uploaded(void *payload, const struct error *err)
{
    struct oci_push *push = payload;

    if (err != NULL && create_repository(push, err)) {
        return;
    }
    if (err != NULL || fault_is_broken("commit-before-push")) {
        finish(push, err);
    } else if (push->layer.done && push->config.done) {
        put_manifest(push);
    }
}

static void upload_blob(struct oci_push *push, struct upload *upload,
                        const struct oci_blob *blob, const char *what)
{
    *upload = (struct upload){
        .client = push->client,
        .target = push->target,
        .blob = blob,
        .what = what,
        .finished = on_uploaded,
        .payload = push,
    };
    upload_start(upload);
}

static void upload_both(struct oci_push *push)
{
    upload_blob(push, &push->layer, &push->image->layer, "layer");
    upload_blob(push, &push->config, &push->image->config, "config");
}

static bool is_stored(const struct oci_push *push,
                      const struct http_response *response)
{
    return response->status == 200 &&
           content_digest_compare(response, &push->image->manifest.digest) ==
               CONTENT_DIGEST_SAME;
}

/* A client without permission to read, or whose read is redirected to a host
 * that is not allowed, may still be able to write; an outage affects both.
 * Returns true if the push is finished. */
static bool finish_on_head(struct oci_push *push,
                           const struct oci_request *request,
                           const struct http_response *response,
                           const struct error *err)
{
    if (response == NULL) {
        if (err->kind == ERROR_REJECTED) {
            return false;
        }
        finish(push, err);
        return true;
    }
    if (http_status_is_temporary(response->status)) {
        fail_with_response(push, request, response);
        return true;
    }
    if (is_stored(push, response)) {
        push->already_stored = true;
        finish(push, NULL);
        return true;
    }
    return false;
}

static void on_head(void *payload, const struct http_response *response,
                    const struct error *err)
{
    struct oci_push *push = payload;
    const struct oci_request *request = push->head;

    push->head = NULL;
    if (finish_on_head(push, request, response, err)) {
        return;
    }
    if (fault_is_broken("skip-blob")) {
        put_manifest(push);
    } else {
        upload_both(push);
    }
}

static void head_manifest(struct oci_push *push)
{
    CLEANUP(str_release) struct str url = STR_INIT(LIMIT_URL);
    struct oci_request_spec spec = manifest_spec(push, &url);

    spec.method = "HEAD";
    spec.reads = true;
    spec.accept = push->image->manifest.media_type;
    push->head =
        oci_request_start(push->client, push->target, &spec, on_head, push);
}

struct oci_push *oci_push_start(struct oci_client *client,
                                const struct oci_target *target,
                                const struct oci_image *image, bool check_first,
                                oci_push_done_fn *done, void *payload)
{
    struct oci_push *push = mem_zalloc(sizeof(*push));

    push->client = client;
    push->target = target;
    push->image = image;
    push->done = done;
    push->payload = payload;
    if (check_first) {
        head_manifest(push);
    } else {
        upload_both(push);
    }
    return push;
}
