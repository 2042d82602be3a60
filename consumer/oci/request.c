#include <string.h>

#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * One request with what the registry wants for it: waits for the probe, then
 * for a token, sends, answers one 401, follows redirects as far as trust.c lets
 * it. Straight on, each step calls the next:
 *
 *     authorize -> (probe) -> (token) -> send -> on_response
 *         ^                                          | 401, once
 *         +------------------------------------------+
 */
struct oci_request {
    struct oci_client *client;
    struct origin *origin;
    const struct oci_target *target;
    struct oci_request_spec spec;
    struct url url;
    bool with_credentials; /* false behind a redirect to another origin */
    bool challenged;       /* its one 401 is used up */
    unsigned redirects;
    struct origin_waiter probe_waiter;
    struct token_waiter token_waiter;
    struct http_transfer *transfer;
    struct task failing; /* so that done() is never called from start() */
    struct error failure;
    oci_response_fn *done;
    void *payload;
};

static void authorize(struct oci_request *request);

static void request_free(struct oci_request *request)
{
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

/* With request->failure filled */
static void fail(struct oci_request *request)
{
    oci_scrub(request->target, &request->failure);
    loop_defer(request->client->loop, &request->failing);
}

static void fail_with(struct oci_request *request, const struct error *err)
{
    request->failure = *err;
    error_prefix(&request->failure, "%s", request->spec.what);
    fail(request);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

static int check_redirect(struct oci_request *request,
                          const struct http_response *response,
                          struct error *err)
{
    bool bodiless = strcmp(request->spec.method, "GET") == 0 ||
                    strcmp(request->spec.method, "HEAD") == 0;

    if (response->status == 303 && !bodiless) {
        return error_set(err, ERROR_REJECTED,
                         "registry '%s' redirects a %s with 303",
                         request->target->registry, request->spec.method);
    }
    if (++request->redirects > LIMIT_REDIRECTS) {
        return error_set(err, ERROR_REJECTED,
                         "registry '%s' redirects more than %d times",
                         request->target->registry, LIMIT_REDIRECTS);
    }
    return 0;
}

static int follow(struct oci_request *request,
                  const struct http_response *response, struct error *err)
{
    CLEANUP(str_release) struct str location = STR_INIT(LIMIT_URL);
    enum trust trust;
    struct url url;

    if (check_redirect(request, response, err) < 0) {
        return -1;
    }
    if (!http_header(response, "Location", 0, &location) ||
        url_parse(location.data, &request->url, &url, err) < 0) {
        return error_set(err, ERROR_REJECTED,
                         "registry '%s' redirects to nowhere that we can go",
                         request->target->registry);
    }
    trust = trust_of(&request->origin->url, request->origin->plain_http_allowed,
                     &url, ERRAND_UPLOAD);
    if (trust == TRUST_REFUSED) {
        error_set(err, ERROR_REJECTED,
                  "registry '%s' redirects to '%s://%s', where we do not go",
                  request->target->registry, url.https ? "https" : "http",
                  url.host);
        url_release(&url);
        return -1;
    }
    url_release(&request->url);
    request->url = url;
    request->with_credentials = trust == TRUST_CREDENTIALS;
    authorize(request);
    return 0;
}

/* True when the request goes out once more. */
static bool answer_challenge(struct oci_request *request,
                             const struct http_response *response)
{
    if (request->challenged || !request->with_credentials ||
        !oci_is_unauthorized(response, request->target)) {
        return false;
    }
    request->challenged = true;
    /* By the old challenge, which the token was fetched for */
    token_drop(request->client, request->origin, request->target);
    origin_learn(request->origin, response);
    if (request->origin->challenge.scheme == AUTH_NONE ||
        (request->origin->challenge.scheme == AUTH_BASIC &&
         request->target->username == NULL)) {
        return false;
    }
    authorize(request);
    return true;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct oci_request *request = payload;
    struct error failure;

    request->transfer = NULL;
    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "registry '%s'", request->url.host);
        fail_with(request, &failure);
    } else if (is_redirect(response->status)) {
        if (follow(request, response, &failure) < 0) {
            fail_with(request, &failure);
        }
    } else if (!answer_challenge(request, response)) {
        finish(request, response, NULL);
    }
}

static void send(struct oci_request *request, const char *authorization)
{
    CLEANUP(str_release) struct str type = STR_INIT(LIMIT_URL);
    CLEANUP(str_release) struct str accept = STR_INIT(LIMIT_URL);
    const char *headers[4] = {0};
    size_t count = 0;
    struct oci_client *client = request->client;
    struct http_request out = {
        .method = request->spec.method,
        .url = request->url.text,
        .headers = headers,
        .body = request->spec.body,
        .transport = &request->target->transport,
        .most_body = LIMIT_HTTP_BODY,
        .connect_ms = client->options.connect_ms,
        .answer_ms = client->options.answer_ms,
    };

    if (request->spec.content_type != NULL) {
        str_printf(&type, "Content-Type: %s", request->spec.content_type);
        headers[count++] = type.data;
    }
    if (request->spec.accept != NULL) {
        str_printf(&accept, "Accept: %s", request->spec.accept);
        headers[count++] = accept.data;
    }
    if (authorization != NULL) {
        headers[count++] = authorization;
    }
    request->transfer = http_start(client->http, &out, on_response, request);
}

static void send_basic(struct oci_request *request)
{
    CLEANUP(str_wipe) struct str header = STR_INIT(STR_UNLIMITED);

    oci_put_basic(&header, request->target->username,
                  request->target->password);
    send(request, header.data);
}

static void send_bearer(struct oci_request *request, const char *token)
{
    CLEANUP(str_wipe) struct str header = STR_INIT(STR_UNLIMITED);

    str_printf(&header, "Authorization: Bearer %s", token);
    send(request, header.data);
}

static void on_token(void *payload, const char *token, const struct error *err)
{
    struct oci_request *request = payload;

    if (token == NULL) {
        fail_with(request, err);
    } else {
        send_bearer(request, token);
    }
}

static void authorize_bearer(struct oci_request *request)
{
    const char *token =
        token_cached(request->client, request->origin, request->target);
    struct error err;

    if (token != NULL) {
        send_bearer(request, token);
        return;
    }
    request->token_waiter.ready = on_token;
    request->token_waiter.payload = request;
    if (token_wait(request->client, request->origin, request->target,
                   &request->token_waiter, &err) < 0) {
        fail_with(request, &err);
    }
}

static void on_probed(void *payload, const struct error *err)
{
    struct oci_request *request = payload;

    if (err != NULL) {
        fail_with(request, err);
    } else {
        authorize(request);
    }
}

static void authorize_basic(struct oci_request *request)
{
    struct error err;

    if (request->target->username != NULL) {
        send_basic(request);
        return;
    }
    error_set(&err, ERROR_AUTH,
              "registry '%s' wants a username and a password, and the "
              "registration has none",
              request->target->registry);
    err.http_status = 401;
    fail_with(request, &err);
}

static void authorize(struct oci_request *request)
{
    if (!request->with_credentials) {
        send(request, NULL);
        return;
    }
    switch (request->origin->challenge.scheme) {
    case AUTH_UNKNOWN:
        request->probe_waiter.ready = on_probed;
        request->probe_waiter.payload = request;
        origin_probe(request->origin, &request->probe_waiter);
        break;
    case AUTH_NONE:
        send(request, NULL);
        break;
    case AUTH_BASIC:
        authorize_basic(request);
        break;
    case AUTH_BEARER:
        authorize_bearer(request);
        break;
    }
}

static int open_url(struct oci_request *request, const char *text,
                    struct error *err)
{
    enum trust trust;

    if (url_parse(text, &request->origin->url, &request->url, err) < 0) {
        return -1;
    }
    trust = trust_of(&request->origin->url, request->origin->plain_http_allowed,
                     &request->url, ERRAND_UPLOAD);
    request->with_credentials = trust == TRUST_CREDENTIALS;
    if (trust == TRUST_REFUSED) {
        return error_set(err, ERROR_REJECTED,
                         "registry '%s' sends it to '%s://%s', where we do "
                         "not go",
                         request->target->registry,
                         request->url.https ? "https" : "http",
                         request->url.host);
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
    } else {
        authorize(request);
    }
    return request;
}

void oci_request_cancel(struct oci_request *request)
{
    if (request->origin != NULL) {
        origin_forget_waiter(request->origin, &request->probe_waiter);
    }
    token_forget_waiter(&request->token_waiter);
    if (request->transfer != NULL) {
        http_cancel(request->transfer);
    }
    loop_cancel(request->client->loop, &request->failing);
    request_free(request);
}

const struct url *oci_request_url(const struct oci_request *request)
{
    return &request->url;
}
