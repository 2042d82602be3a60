#include "cloud.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/sign.h"
#include "waybill/url.h"

/* The machine's own service is a hop away, or does not exist. */
static const struct http_timeouts local_timeouts = {1000, 5000};
/* As much of a service's own words as a log line can bear */
#define MAX_WORDS 300
/* No token is believed to live longer, nor used in its last moments. */
#define MAX_LIFETIME_S (12 * 3600)
#define MAX_MARGIN_S 60

struct http_transfer *cloud_start(const struct network *network,
                                  const struct cloud_request *request,
                                  http_done_fn *done, void *payload)
{
    static const struct http_transport straight = {.proxy = ""};
    const struct http_request out = {
        .method = request->method,
        .url = request->url,
        .headers = request->headers,
        .body = request->body,
        .aws = request->aws,
        .transport = request->local ? &straight : NULL,
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

bool cloud_says_true(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && strcasecmp(value, "true") == 0;
}

int cloud_check_url(const char *what, const char *url, struct error *err)
{
    struct url parsed;
    bool fine;

    if (url_parse(url, NULL, &parsed, err) < 0) {
        return error_prefix(err, "%s", what);
    }
    fine = parsed.https || host_classify(parsed.host) == ADDRESS_LOOPBACK;
    url_release(&parsed);
    return fine ? 0
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

/* --- answers ----------------------------------------------------------------
 */

/* An answer that is not temporary means that there are no credentials, whatever
 * its status. */
static enum error_kind kind_of(int status, const char *code)
{
    if (code != NULL &&
        (strstr(code, "Throttl") != NULL || strstr(code, "TooManyRequests") ||
         strstr(code, "RequestLimit"))) {
        return ERROR_RATE_LIMITED;
    }
    return http_status_is_temporary(status) ? http_error_kind(status)
                                            : ERROR_AUTH;
}

void cloud_refused(const struct cloud_side *side,
                   const struct http_response *response, const char *code,
                   const char *words, struct error *err)
{
    CLEANUP(str_release) struct str said = STR_INIT(LIMIT_MESSAGE);

    if (code != NULL) {
        str_append_text(&said, ": ");
        secret_set_append_printable(side->sent, &said, code, MAX_WORDS);
    }
    if (words != NULL) {
        str_append_text(&said, ": ");
        secret_set_append_printable(side->sent, &said, words, MAX_WORDS);
    }
    http_error_fill(
        err, response, clock_wall_ms(loop_clock(side->network->loop)),
        "%s answers with %d%s", side->service, response->status, said.data);
    err->kind = kind_of(response->status, code);
    if (code != NULL) {
        size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789_");

        snprintf(err->code, sizeof(err->code), "%.*s",
                 (int)(len < sizeof(err->code) ? len : sizeof(err->code) - 1),
                 code);
    }
}

/* {"error":"invalid_grant","error_description":"..."} (RFC 6749, 5.2), so
 * Google's token service, Entra ID and the managed identities of Azure;
 * {"error":{"status":"...","message":"..."}} Google's APIs;
 * {"errors":[{"code":"...","message":"..."}]} registries;
 * {"code":"...","message":"..."} the container services of both others. */
static void read_refusal(const struct cloud_side *side,
                         const struct http_response *response,
                         const struct json *json, struct error *err)
{
    const struct json *error = json_member(json, "error");
    const struct json *errors = json_member(json, "errors");
    const struct json *at = json_is_object(error)   ? error
                            : json_is_array(errors) ? json_first(errors)
                                                    : json;
    const char *code = json_text(error);
    const char *words = json_text(json_member(json, "error_description"));

    code = code ? code : json_text(json_member(at, "code"));
    code = code ? code : json_text(json_member(at, "status"));
    words = words ? words : json_text(json_member(at, "message"));
    cloud_refused(side, response, code, words, err);
}

int cloud_read(const struct cloud_side *side,
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
        read_refusal(side, response, json, err);
    } else if (response->status == 200) {
        error_fill(err, ERROR_AUTH, "%s answers with no JSON object",
                   side->service);
    } else {
        cloud_refused(side, response, NULL, NULL, err);
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
        return error_set(err, ERROR_AUTH,
                         "'%s' from %s holds characters that no token has",
                         name, service);
    }
    *ret_token = token;
    return 0;
}

/* --- time -------------------------------------------------------------------
 */

void cloud_set_lifetime(struct credential *credential, double seconds,
                        unsigned part)
{
    /* Written so that what is no number at all ends at 1. */
    double whole = seconds >= 1 ? seconds : 1;
    double margin;

    whole = whole < MAX_LIFETIME_S ? whole : MAX_LIFETIME_S;
    margin = whole / 5 < MAX_MARGIN_S ? whole / 5 : MAX_MARGIN_S;
    credential->lifetime_ms = (uint64_t)((whole - margin) * 1000);
    credential->renew_ms = (uint64_t)(whole * 10 * part);
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
