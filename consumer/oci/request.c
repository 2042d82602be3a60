#include "request.h"

#include <string.h>

#include "authorizer.h"
#include "errors.h"
#include "oci_internal.h"
#include "trust.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Sends one request with the required authorization, answers one 401 and
 * follows redirects as far as trust.c allows. Each step calls the next one:
 *
 *      authorize -> send -> on_response
 *          ^                    | 401, once
 *          +--------------------+
 */
struct oci_request {
    struct oci_client *client;
    struct origin *origin;
    const struct oci_target *target;
    struct oci_request_spec spec;
    struct url url;
    struct authorizer authorizer;
    bool with_credentials; /* false after a redirect to another origin */
    bool has_answered_401; /* one 401 has been answered */
    unsigned redirects;
    struct http_transfer *transfer;
    struct task failing; /* so that done() is never called from start() */
    struct error failure;
    oci_response_fn *done;
    void *payload;
};

static void authorize(struct oci_request *request);

static void request_free(struct oci_request *request)
{
    authorizer_release(&request->authorizer);
    url_release(&request->url);
    mem_free(request);
}

static void finish(struct oci_request *request,
                   const struct http_response *response,
                   const struct error *err)
{
    request->done(request->payload, response, err);
    request_free(request);
}

static void run_failing(void *payload)
{
    struct oci_request *request = payload;

    finish(request, NULL, &request->failure);
}

/* Fails later with request->failure. */
static void fail(struct oci_request *request)
{
    oci_scrub(request->target, &request->authorizer.revealed,
              &request->failure);
    loop_defer(request->client->network->loop, &request->failing);
}

static void fail_with(struct oci_request *request, const struct error *err)
{
    request->failure = *err;
    error_prefix(&request->failure, "%s", request->spec.what);
    fail(request);
}

static int check_redirect(struct oci_request *request,
                          const struct http_response *response,
                          struct error *err)
{
    bool has_no_body = strcmp(request->spec.method, "GET") == 0 ||
                       strcmp(request->spec.method, "HEAD") == 0;

    if (response->status == 303 && !has_no_body) {
        return error_set(err, ERROR_INTERMEDIARY,
                         "registry '%s' redirects a %s with 303",
                         request->target->registry, request->spec.method);
    }
    if (++request->redirects > LIMIT_REDIRECTS) {
        return error_set(err, ERROR_INTERMEDIARY,
                         "registry '%s' redirects more than %d times",
                         request->target->registry, LIMIT_REDIRECTS);
    }
    return 0;
}

static int follow_redirect(struct oci_request *request,
                           const struct http_response *response,
                           struct error *err)
{
    CLEANUP(str_release) struct str location = STR_INIT(LIMIT_LOCATION);
    enum trust trust;
    struct url url;

    if (check_redirect(request, response, err) < 0) {
        return -1;
    }
    if (!http_header(response, "Location", 0, &location) ||
        url_parse(location.data, &request->url, &url, err) < 0) {
        return error_set(
            err, ERROR_INTERMEDIARY,
            "registry '%s' redirects to a location that cannot be used",
            request->target->registry);
    }
    trust =
        trust_of(&request->origin->url, request->target, &url, REDIRECT_UPLOAD);
    if (trust == TRUST_REFUSED) {
        error_set(err, ERROR_BLOCKED,
                  "registry '%s' redirects to '%s://%s', which is not allowed "
                  "(if you trust it, add '%s' to registries.allowed)",
                  request->target->registry, url.https ? "https" : "http",
                  url.host, url.host);
        url_release(&url);
        return -1;
    }
    url_release(&request->url);
    request->url = url;
    /* Once a redirect has left the origin, no later redirect gets credentials
     * again: another host must not decide where they are sent. */
    request->with_credentials =
        request->with_credentials && trust == TRUST_CREDENTIALS;
    authorize(request);
    return 0;
}

/* Returns true if the request is sent again. */
static bool answer_challenge(struct oci_request *request,
                             const struct http_response *response)
{
    if (request->has_answered_401 || !request->with_credentials ||
        !oci_is_unauthorized(response, request->target)) {
        return false;
    }
    request->has_answered_401 = true;
    if (!authorizer_handle_refusal(&request->authorizer, response)) {
        return false;
    }
    authorize(request);
    return true;
}

/* Have the keychain fetch the credential again, since it may have changed by
 * the next attempt. */
static void refuse_credential(struct oci_request *request, int status)
{
    if ((status == 401 || status == 403) && request->with_credentials &&
        request->target->keychain != NULL &&
        request->authorizer.credential_id != 0) {
        keychain_reject(request->target->keychain,
                        request->authorizer.credential_id);
    }
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct oci_request *request = payload;
    struct error failure;

    bool refused =
        response != NULL && oci_is_unauthorized(response, request->target);

    request->transfer = NULL;
    authorizer_handle_result(
        &request->authorizer,
        response != NULL && !(refused && request->spec.reads), refused);
    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "registry '%s'", request->url.host);
        fail_with(request, &failure);
    } else if (http_status_is_redirect(response->status)) {
        if (follow_redirect(request, response, &failure) < 0) {
            fail_with(request, &failure);
        }
    } else if (!answer_challenge(request, response)) {
        refuse_credential(request, response->status);
        finish(request, response, NULL);
    }
}

/* The client certificate is a credential too. */
static struct http_transport transport_of(const struct oci_request *request)
{
    struct http_transport transport = request->target->transport;

    if (!request->with_credentials) {
        transport.certificate = NULL;
        transport.key = NULL;
    }
    return transport;
}

static void send(struct oci_request *request, const char *authorization)
{
    CLEANUP(str_release) struct str type = STR_INIT(LIMIT_URL);
    CLEANUP(str_release) struct str range = STR_INIT(LIMIT_URL);
    CLEANUP(str_release) struct str accept = STR_INIT(LIMIT_URL);
    CLEANUP(str_release) struct str trace = STR_INIT(LIMIT_URL);
    const char *headers[6] = {0};
    size_t count = 0;
    struct http_transport transport = transport_of(request);
    struct http_request outgoing = {
        .method = request->spec.method,
        .url = request->url.text,
        .headers = headers,
        .body = request->spec.body,
        .transport = &transport,
        .max_body = LIMIT_HTTP_BODY,
        .timeouts = request->client->network->timeouts,
    };

    if (request->spec.content_type != NULL) {
        str_printf(&type, "Content-Type: %s", request->spec.content_type);
        headers[count++] = type.data;
    }
    if (request->spec.content_range != NULL) {
        str_printf(&range, "Content-Range: %s", request->spec.content_range);
        headers[count++] = range.data;
    }
    if (request->spec.accept != NULL) {
        str_printf(&accept, "Accept: %s", request->spec.accept);
        headers[count++] = accept.data;
    }
    /* Other hosts do not get the traceparent: they have no use for it, and a
     * signed URL may cover the headers. There is no tracestate, because vendor
     * data of other systems is of no concern to a registry. */
    if (request->target->traceparent != NULL && request->with_credentials) {
        str_printf(&trace, "traceparent: %s", request->target->traceparent);
        headers[count++] = trace.data;
    }
    if (authorization != NULL) {
        headers[count++] = authorization;
    }
    request->transfer = http_start(request->client->network->http, &outgoing,
                                   on_response, request);
}

static void on_authorized(void *payload, const char *header,
                          uint64_t lifetime_ms, const struct error *err)
{
    struct oci_request *request = payload;

    (void)lifetime_ms;
    if (err != NULL) {
        fail_with(request, err);
    } else {
        send(request, header);
    }
}

static void authorize(struct oci_request *request)
{
    if (!request->with_credentials) {
        send(request, NULL);
        return;
    }
    request->authorizer.ready = on_authorized;
    request->authorizer.payload = request;
    authorizer_start(&request->authorizer);
}

static int open_url(struct oci_request *request, const char *text,
                    struct error *err)
{
    enum trust trust;

    if (url_parse(text, &request->origin->url, &request->url, err) < 0) {
        return -1;
    }
    trust = trust_of(&request->origin->url, request->target, &request->url,
                     REDIRECT_UPLOAD);
    request->with_credentials = trust == TRUST_CREDENTIALS;
    if (trust == TRUST_REFUSED) {
        return error_set(
            err, ERROR_BLOCKED,
            "registry '%s' redirects the upload to '%s://%s', which is not "
            "allowed (if you trust it, add '%s' to registries.allowed)",
            request->target->registry, request->url.https ? "https" : "http",
            request->url.host, request->url.host);
    }
    return 0;
}

struct oci_request *oci_request_start(struct oci_client *client,
                                      const struct oci_target *target,
                                      const struct oci_request_spec *spec,
                                      oci_response_fn *done, void *payload)
{
    struct oci_request *request = mem_zalloc(sizeof(*request));
    struct error err;

    request->client = client;
    request->target = target;
    request->spec = *spec;
    request->done = done;
    request->payload = payload;
    task_init(&request->failing, run_failing, request);
    request->origin = origin_of(client, target, &err);
    if (request->origin == NULL || open_url(request, spec->url, &err) < 0) {
        fail_with(request, &err);
        return request;
    }
    authorizer_init(&request->authorizer, client, request->origin, target,
                    "pull,push");
    authorize(request);
    return request;
}

void oci_request_cancel(struct oci_request *request)
{
    if (request->transfer != NULL) {
        http_cancel(request->transfer);
    }
    loop_cancel(request->client->network->loop, &request->failing);
    request_free(request);
}

const struct url *oci_request_url(const struct oci_request *request)
{
    return &request->url;
}

const struct secret_set *oci_request_revealed(const struct oci_request *request)
{
    return &request->authorizer.revealed;
}

void oci_request_explain(const struct oci_request *request, struct error *err)
{
    if (request->with_credentials) {
        authorizer_explain(&request->authorizer, err);
    }
}
