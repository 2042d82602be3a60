#include "tag.h"

#include <string.h>

#include "errors.h"
#include "waybill/limits.h"

static void ask(struct tag_lookup *lookup, const char *method);

static bool digest_in_header(const struct http_response *response,
                             struct digest *ret_digest)
{
    CLEANUP(str_release) struct str header = STR_INIT(256);

    return http_header(response, "Docker-Content-Digest", 0, &header) &&
           digest_parse(header.data, ret_digest);
}

static void fail(struct tag_lookup *lookup, const struct oci_request *request,
                 const struct http_response *response)
{
    struct error err;

    oci_error_of(response, "look-up of the tag", lookup->target, lookup->client,
                 oci_request_revealed(request), &err);
    lookup->finished(lookup->payload, NULL, &err);
}

/* The body shows what the header does not. */
static void finish_with_body(struct tag_lookup *lookup,
                             const struct http_response *response)
{
    struct digest digest;

    if (response->status != 200 || response->body.len == 0 ||
        oci_is_web_page(response)) {
        lookup->finished(lookup->payload, NULL, NULL);
        return;
    }
    digest_of(response->body.data, response->body.len, &digest);
    lookup->finished(lookup->payload, &digest, NULL);
}

static void on_answer(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct tag_lookup *lookup = payload;
    const struct oci_request *request = lookup->request;
    struct digest digest;

    lookup->request = NULL;
    if (response == NULL) {
        lookup->finished(lookup->payload, NULL, err);
    } else if (http_status_is_temporary(response->status)) {
        fail(lookup, request, response);
    } else if (response->status == 200 && digest_in_header(response, &digest)) {
        lookup->finished(lookup->payload, &digest, NULL);
    } else if (response->status == 200 && !lookup->is_get) {
        ask(lookup, "GET");
    } else {
        finish_with_body(lookup, response);
    }
}

static void ask(struct tag_lookup *lookup, const char *method)
{
    CLEANUP(str_release) struct str url = STR_INIT(LIMIT_URL);
    struct oci_request_spec spec = {
        .what = "look-up of the tag",
        .method = method,
        .accept = lookup->media_type,
        .reads = true,
    };

    str_printf(&url, "/v2/%s/manifests/%s", lookup->target->path,
               lookup->target->tag);
    spec.url = url.data;
    lookup->is_get = strcmp(method, "GET") == 0;
    lookup->request = oci_request_start(lookup->client, lookup->target, &spec,
                                        on_answer, lookup);
}

void tag_lookup_start(struct tag_lookup *lookup)
{
    ask(lookup, "HEAD");
}

void tag_lookup_cancel(struct tag_lookup *lookup)
{
    if (lookup->request != NULL) {
        oci_request_cancel(lookup->request);
        lookup->request = NULL;
    }
}
