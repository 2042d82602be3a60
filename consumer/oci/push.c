#include <string.h>

#include "content_digest.h"
#include "errors.h"
#include "oci_internal.h"
#include "tag.h"
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
 * If the image may have been pushed before, HEAD manifest comes first. If the
 * PUT is rejected, or answered in a way that leaves in doubt whether anything
 * was stored, the tag is looked up: it may hold the same manifest already, and
 * be immutable.
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
    struct tag_lookup lookup;
    struct error rejection; /* the answer to the PUT that led to the lookup */
    bool is_unclear;        /* that answer was neither success nor failure */
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
    tag_lookup_cancel(&push->lookup);
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

static void read_error(const struct oci_push *push,
                       const struct oci_request *request,
                       const struct http_response *response, struct error *err)
{
    oci_error_of(response, "manifest", push->target, push->client,
                 oci_request_revealed(request), err);
    oci_request_explain(request, err);
}

static void fail_with_response(struct oci_push *push,
                               const struct oci_request *request,
                               const struct http_response *response)
{
    struct error err;

    read_error(push, request, response, &err);
    finish(push, &err);
}

/* --- a PUT that was not simply accepted ------------------------------------
 */

/* A later attempt, or an operator, can change the outcome. */
static bool is_permanent(const struct error *err)
{
    return disposition_of(err) == DISPOSITION_DEAD_LETTER;
}

/* The tag is taken: the registry does not replace what it holds. Permissions
 * may be missing as well, and something in between may have answered. */
static void reject_conflict(struct oci_push *push, const struct digest *stored)
{
    struct error *err = &push->rejection;

    if (!push->is_unclear &&
        (is_permanent(err) || err->kind == ERROR_BLOCKED)) {
        err->kind = ERROR_REJECTED;
        error_prepend(err,
                      "tag '%s' of '%s' has another manifest (%s), which the "
                      "registry does not replace",
                      push->target->tag, push->target->path, stored->text);
    }
    finish(push, err);
}

static void on_looked_up(void *payload, const struct digest *digest,
                         const struct error *err)
{
    struct oci_push *push = payload;

    if (digest != NULL &&
        strcmp(digest->text, push->image->manifest.digest.text) == 0) {
        push->already_stored = !push->is_unclear;
        finish(push, NULL);
    } else if (digest != NULL) {
        reject_conflict(push, digest);
    } else if (err != NULL && is_permanent(&push->rejection)) {
        finish(push, err); /* it may hold the manifest; ask again later */
    } else {
        finish(push, &push->rejection);
    }
}

static void look_up_tag(struct oci_push *push)
{
    push->lookup = (struct tag_lookup){
        .client = push->client,
        .target = push->target,
        .media_type = push->image->manifest.media_type,
        .finished = on_looked_up,
        .payload = push,
    };
    tag_lookup_start(&push->lookup);
}

static void handle_rejection(struct oci_push *push,
                             const struct oci_request *request,
                             const struct http_response *response)
{
    struct error *err = &push->rejection;

    read_error(push, request, response, err);
    if (err->kind == ERROR_INTERRUPTED) { /* it has no manifest, for sure */
        upload_report_lost_blob(&push->layer);
        upload_report_lost_blob(&push->config);
    }
    if (response->status / 100 != 4 || response->status == 401 ||
        err->kind == ERROR_INTERRUPTED ||
        http_status_is_temporary(response->status)) {
        finish(push, err);
    } else {
        look_up_tag(push);
    }
}

/* --- the PUT of the manifest -----------------------------------------------
 */

/* A registry that reports another digest has not stored what was sent. Only 201
 * says that it was stored (distribution specification, "Pushing manifests"); a
 * proxy may answer anything with 200. */
static void handle_success(struct oci_push *push,
                           const struct http_response *response)
{
    const struct digest *sent = &push->image->manifest.digest;
    struct error *err = &push->rejection;
    enum content_digest stored = content_digest_compare(response, sent);

    if (stored == CONTENT_DIGEST_SAME ||
        (stored == CONTENT_DIGEST_UNKNOWN && response->status == 201)) {
        finish(push, NULL);
    } else if (stored == CONTENT_DIGEST_UNKNOWN) {
        error_set(err, ERROR_INTERMEDIARY,
                  "manifest: registry '%s' answers %d instead of 201, and does "
                  "not have the manifest",
                  push->target->registry, response->status);
        err->http_status = response->status;
        push->is_unclear = true;
        look_up_tag(push);
    } else {
        error_set(
            err, ERROR_DIGEST_MISMATCH,
            "manifest: registry '%s' reports that it stored another digest "
            "than the %s that was sent",
            push->target->registry, sent->text);
        err->http_status = response->status;
        finish(push, err);
    }
}

static void on_manifest(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct oci_push *push = payload;
    const struct oci_request *request = push->manifest;

    push->manifest = NULL;
    if (response == NULL) {
        finish(push, err);
    } else if (response->status / 100 == 2 && !oci_is_web_page(response)) {
        handle_success(push, response);
    } else {
        handle_rejection(push, request, response);
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
        error_prefix(&failure, "creating repository '%s'", push->target->path);
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
        if (err->kind == ERROR_REJECTED || err->kind == ERROR_BLOCKED) {
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
