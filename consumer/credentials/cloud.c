#include "cloud.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/sign.h"
#include "waybill/url.h"

/* A link-local service is at most one hop away, or does not exist. */
static const struct http_timeouts local_timeouts = {1000, 5000};
/* The maximum length of a service's message that is quoted */
#define MAX_QUOTED_LEN 300
/* An upper bound for the lifetime that a service states, and for the safety
 * margin before expiry */
#define MAX_LIFETIME_S (12 * 3600)
#define MAX_MARGIN_S 60

struct http_transfer *cloud_start(const struct network *network,
                                  const struct cloud_request *request,
                                  http_done_fn *done, void *payload)
{
    static const struct http_transport no_proxy = {.proxy = ""};
    const struct http_request out = {
        .method = request->method,
        .url = request->url,
        .headers = request->headers,
        .body = request->body,
        .aws = request->aws,
        .transport = request->local ? &no_proxy : NULL,
        .max_body = LIMIT_TOKEN,
        .timeouts = request->local ? local_timeouts : network->timeouts,
    };

    return http_start(network->http, &out, done, payload);
}

const char *cloud_variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

bool cloud_variable_is_true(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && strcasecmp(value, "true") == 0;
}

int cloud_check_url(const char *what, const char *url, struct error *err)
{
    struct url parsed;
    bool acceptable;

    if (url_parse(url, NULL, &parsed, err) < 0) {
        return error_prefix(err, "%s", what);
    }
    acceptable = parsed.https || host_classify(parsed.host) == ADDRESS_LOOPBACK;
    url_release(&parsed);
    return acceptable
               ? 0
               : error_set(err, ERROR_AUTH, "%s '%s' is not https", what, url);
}

void cloud_append_url(struct str *out, const char *base, const char *path)
{
    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    str_append(out, base, len);
    str_append_text(out, path);
}

void cloud_append_form(struct str *out, const char *name, const char *value)
{
    str_printf(out, "%s%s=", out->len > 0 ? "&" : "", name);
    url_append_escaped(out, value);
}

void cloud_append_secret(struct str *out, struct secret_set *sent,
                         const char *name, const char *value)
{
    secret_set_add(sent, value);
    cloud_append_form(out, name, value);
}

/* --- responses --------------------------------------------------------------
 */

/* A response that is not transient means that there are no credentials,
 * whatever its status. */
static enum error_kind error_kind_of(int status, const char *code)
{
    if (code != NULL &&
        (strstr(code, "Throttl") != NULL || strstr(code, "TooManyRequests") ||
         strstr(code, "RequestLimit"))) {
        return ERROR_RATE_LIMITED;
    }
    return http_status_is_temporary(status) ? http_error_kind(status)
                                            : ERROR_AUTH;
}

void cloud_error_fill(const struct cloud_service *service,
                      const struct http_response *response, const char *code,
                      const char *message, struct error *err)
{
    CLEANUP(str_release) struct str quoted = STR_INIT(LIMIT_MESSAGE);

    if (code != NULL) {
        str_append_text(&quoted, ": ");
        secret_set_append_printable(service->sent, &quoted, code,
                                    MAX_QUOTED_LEN);
    }
    if (message != NULL) {
        str_append_text(&quoted, ": ");
        secret_set_append_printable(service->sent, &quoted, message,
                                    MAX_QUOTED_LEN);
    }
    http_error_fill(
        err, response, clock_wall_ms(loop_clock(service->network->loop)),
        "%s answers with %d%s", service->name, response->status, quoted.data);
    err->kind = error_kind_of(response->status, code);
    if (code != NULL) {
        size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789_");

        snprintf(err->code, sizeof(err->code), "%.*s",
                 (int)(len < sizeof(err->code) ? len : sizeof(err->code) - 1),
                 code);
        secret_set_scrub_foreign(service->sent, err->code);
    }
}

/*
 * The formats of errors. RFC 6749, 5.2, which Google's token service, Entra ID
 * and the managed identities of Azure follow:
 *
 *     {"error":"invalid_grant","error_description":"..."}
 *
 * Google's APIs, registries, and the container credential services of AWS and
 * Azure:
 *
 *     {"error":{"status":"...","message":"..."}}
 *     {"errors":[{"code":"...","message":"..."}]}
 *     {"code":"...","message":"..."}
 */
static void read_error_response(const struct cloud_service *service,
                                const struct http_response *response,
                                const struct json *json, struct error *err)
{
    const struct json *error = json_member(json, "error");
    const struct json *errors = json_member(json, "errors");
    const struct json *at = json_is_object(error)   ? error
                            : json_is_array(errors) ? json_first(errors)
                                                    : json;
    const char *code = json_text(error);
    const char *message = json_text(json_member(json, "error_description"));

    code = code ? code : json_text(json_member(at, "code"));
    code = code ? code : json_text(json_member(at, "status"));
    message = message ? message : json_text(json_member(at, "message"));
    cloud_error_fill(service, response, code, message, err);
}

int cloud_read(const struct cloud_service *service,
               const struct http_response *response, struct json **ret_json,
               struct error *err)
{
    struct json *json = NULL;
    struct error fault;
    bool is_json = json_parse_secret(response->body.data, response->body.len,
                                     &json, &fault) == 0 &&
                   json_is_object(json);

    if (response->status == 200 && is_json) {
        *ret_json = json;
        return 0;
    }
    if (is_json) {
        read_error_response(service, response, json, err);
    } else if (response->status == 200) {
        error_fill(err, ERROR_AUTH, "%s answers with no JSON object",
                   service->name);
    } else {
        cloud_error_fill(service, response, NULL, NULL, err);
    }
    json_free(json);
    return -1;
}

int cloud_token(const char *service, const struct json *json, const char *name,
                const char **ret_token, struct error *err)
{
    const char *token = json_text(json_member(json, name));

    if (token == NULL || *token == '\0') {
        return error_set(err, ERROR_AUTH, "%s answers without '%s'", service,
                         name);
    }
    if (!http_value_is_plain(token)) {
        return error_set(
            err, ERROR_AUTH,
            "'%s' from %s contains characters that a token may not have", name,
            service);
    }
    *ret_token = token;
    return 0;
}

/* --- time -------------------------------------------------------------------
 */

void cloud_set_lifetime(struct credential *credential, double seconds,
                        unsigned percent)
{
    /* The comparison is written so that NaN becomes 1. */
    double bounded_s = seconds >= 1 ? seconds : 1;
    double margin;

    bounded_s = bounded_s < MAX_LIFETIME_S ? bounded_s : MAX_LIFETIME_S;
    margin = bounded_s / 5 < MAX_MARGIN_S ? bounded_s / 5 : MAX_MARGIN_S;
    credential->lifetime_ms = (uint64_t)((bounded_s - margin) * 1000);
    credential->renew_ms = (uint64_t)(bounded_s * 10 * percent);
}

int64_t cloud_wall_s(const struct network *network)
{
    return clock_wall_ms(loop_clock(network->loop)) / 1000;
}

double cloud_jwt_seconds(const struct network *network, const char *token,
                         double fallback)
{
    struct json *claims = jwt_claims(token);
    double expiry;
    bool found = json_number(json_member(claims, "exp"), &expiry);

    json_free(claims);
    return found ? expiry - (double)cloud_wall_s(network) : fallback;
}
