#include "errors.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "oci_internal.h"
#include "token.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"

/* As much of a registry's own words as a log line can bear */
#define MAX_WORDS 300

struct said {
    char code[ERROR_CODE_SIZE];
    struct str words;
    const struct secret_set *secrets; /* that they may not hold */
};

static const struct credential *credential_of(const struct oci_target *target)
{
    static const struct credential nobody;

    return target->keychain != NULL ? keychain_last(target->keychain) : &nobody;
}

static void keep_message(struct said *said, const char *text)
{
    secret_set_append_printable(said->secrets, &said->words, text, MAX_WORDS);
}

/* {"errors":[{"code":"DENIED","message":"...","detail":...}]} (distribution
 * specification, "Error codes") */
static bool read_errors(const struct str *body, struct said *said)
{
    const struct json *first;
    const struct json *errors;
    struct json *json;
    struct error err;
    const char *code;
    const char *message;

    if (json_parse(body->data, body->len, &json, &err) < 0) {
        return false;
    }
    errors = json_member(json, "errors");
    first = json_is_array(errors) ? json_first(errors) : NULL;
    code = json_text(json_member(first, "code"));
    message = json_text(json_member(first, "message"));
    if (code != NULL) {
        size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        snprintf(said->code, sizeof(said->code), "%.*s", (int)len, code);
    }
    if (message != NULL) {
        keep_message(said, message);
    }
    json_free(json);
    return code != NULL || message != NULL;
}

/* Plain text is worth showing, a page of HTML is not. */
static void read_text(const struct str *body, struct said *said)
{
    const char *text = body->data;

    while (isspace((unsigned char)*text)) {
        text++;
    }
    if (*text != '\0' && strchr("<{[", *text) == NULL) {
        keep_message(said, text);
    }
}

static bool code_is(const struct said *said, const char *code)
{
    return strcmp(said->code, code) == 0;
}

/* ECR Public says of an expired token 400 where others say 401. */
static bool is_refusal(int status, const struct said *said)
{
    return status == 400 &&
           (code_is(said, "DENIED") || code_is(said, "UNAUTHORIZED"));
}

bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target)
{
    static const struct secret_set nothing; /* its words are not shown */
    struct said said = {.secrets = &nothing};
    unsigned quirks = provider_of(target->registry)->quirks;
    bool refused;

    if (response->status == 403) {
        return (quirks & PROVIDER_REFUSES_WITH_403) != 0;
    }
    if (response->status != 400) {
        return response->status == 401;
    }
    str_init(&said.words, STR_UNLIMITED);
    refused = read_errors(&response->body, &said) &&
              is_refusal(response->status, &said);
    str_release(&said.words);
    return refused;
}

/* The upload session or a blob is gone, or came apart on the way: nothing that
 * a new push from the start does not mend. */
static bool is_restart(int status, const struct said *said)
{
    return status == 416 || code_is(said, "BLOB_UPLOAD_UNKNOWN") ||
           code_is(said, "BLOB_UPLOAD_INVALID") ||
           code_is(said, "DIGEST_INVALID") ||
           code_is(said, "MANIFEST_BLOB_UNKNOWN") ||
           code_is(said, "BLOB_UNKNOWN");
}

/* GHCR says some of its rate limits with 403, others say them with 400. */
static bool is_rate_limit(int status, const struct said *said)
{
    return code_is(said, "TOOMANYREQUESTS") ||
           (status == 403 &&
            strcasestr(said->words.data, "rate limit") != NULL);
}

/* GHCR says it in the body, in Go's words: "retry-after: 1.3s", also 1m30s, ms
 * and microseconds. Never sooner than in a second, nor later than a header may
 * ask for. */
static uint32_t retry_after_in(const char *words)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    static const char label[] = "retry-after:";
    const char *at = strcasestr(words, label);
    double sum = 0;

    if (at == NULL) {
        return 0;
    }
    at += sizeof(label) - 1;
    for (size_t i = 0; i < ARRAY_SIZE(units);) {
        char *unit;
        double value = strtod(at, &unit);
        size_t len = strlen(units[i].unit);

        if (unit != at && strncmp(unit, units[i].unit, len) == 0) {
            sum += value * units[i].ms;
            at = unit + len;
            i = 0;
        } else {
            i++;
        }
    }
    if (!(sum > 1000)) {
        return 1000;
    }
    return sum < HTTP_MAX_RETRY_AFTER_MS ? (uint32_t)sum
                                         : HTTP_MAX_RETRY_AFTER_MS;
}

/* Go's words, and nginx's: nothing that the event could help, or a retry hurt.
 */
static bool wants_https(const struct oci_target *target, int status,
                        const struct said *said)
{
    return !target->https && status == 400 &&
           (strstr(said->words.data, "HTTPS server") != NULL ||
            strstr(said->words.data, "HTTPS port") != NULL);
}

/* A registry's code is more precise than the status that comes with it, unless
 * the status says that the registry is in trouble. */
static enum error_kind kind_of(int status, const struct said *said)
{
    if (is_rate_limit(status, said)) {
        return ERROR_RATE_LIMITED;
    }
    if (http_status_is_temporary(status)) {
        return http_error_kind(status);
    }
    if (is_restart(status, said)) {
        return ERROR_INTERRUPTED;
    }
    return is_refusal(status, said) ? ERROR_AUTH : http_error_kind(status);
}

/* What its makers' manual would say */
static const char *advice_on(enum error_kind kind,
                             const struct oci_target *target)
{
    const struct provider *provider = provider_of(target->registry);

    if (kind == ERROR_AUTH) {
        return provider->auth_advice;
    }
    return kind == ERROR_NOT_FOUND ? provider->not_found_advice : NULL;
}

/* The credential too that was not shown, or not yet: it is the registry's. */
static void collect(struct secret_set *secrets, const struct oci_target *target,
                    const struct secret_set *revealed)
{
    secret_set_add_all(secrets, revealed);
    credential_add_to(secrets, credential_of(target));
}

static void scrub(const struct secret_set *secrets, struct error *err)
{
    secret_set_scrub(secrets, err->message);
    secret_set_scrub(secrets, err->code);
}

int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client,
                 const struct secret_set *revealed, struct error *err)
{
    CLEANUP(secret_set_release) struct secret_set secrets = {0};
    struct said said = {.secrets = &secrets};
    const char *colon;
    const char *advice;
    enum error_kind kind;

    collect(&secrets, target, revealed);
    str_init(&said.words, STR_UNLIMITED);
    if (!read_errors(&response->body, &said)) {
        read_text(&response->body, &said);
    }
    if (wants_https(target, response->status, &said)) {
        str_release(&said.words);
        return error_set(err, ERROR_UNREACHABLE,
                         "%s: registry '%s' speaks https (set plain_http: "
                         "false, or a ca_file)",
                         what, target->registry);
    }
    colon = said.words.len > 0 ? ": " : "";
    kind = kind_of(response->status, &said);
    advice = advice_on(kind, target);
    http_error_fill(err, response,
                    clock_wall_ms(loop_clock(client->network->loop)),
                    "%s: registry '%s' answers %d%s%s%s%s%s%s%s", what,
                    target->registry, response->status, said.code[0] ? " " : "",
                    said.code, colon, said.words.data, advice ? " (" : "",
                    advice ? advice : "", advice ? ")" : "");
    err->kind = kind;
    memcpy(err->code, said.code, sizeof(err->code));
    if (err->kind == ERROR_RATE_LIMITED && err->retry_after_ms == 0) {
        err->retry_after_ms = retry_after_in(said.words.data);
    }
    str_release(&said.words);
    scrub(&secrets, err);
    return -1;
}

void oci_scrub(const struct oci_target *target,
               const struct secret_set *revealed, struct error *err)
{
    CLEANUP(secret_set_release) struct secret_set secrets = {0};

    collect(&secrets, target, revealed);
    scrub(&secrets, err);
}

/* Token servers have three ways to say it: the registry's own, OAuth2's (RFC
 * 6749, section 5.2), and Docker Hub's. */
static const char *message_of(const struct json *json)
{
    static const char *const names[] = {"error_description", "error", "details",
                                        "detail", "message"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *text = json_text(json_member(json, names[i]));

        if (text != NULL && *text != '\0') {
            return text;
        }
    }
    return NULL;
}

void oci_append_message(const struct http_response *response,
                        const struct secret_set *revealed, struct str *out)
{
    struct said said = {.secrets = revealed};
    struct json *json;
    struct error err;

    str_init(&said.words, STR_UNLIMITED);
    if (!read_errors(&response->body, &said)) {
        read_text(&response->body, &said);
    }
    if (said.words.len == 0 &&
        json_parse(response->body.data, response->body.len, &json, &err) == 0) {
        const char *words = message_of(json);

        keep_message(&said, words != NULL ? words : "");
        json_free(json);
    }
    str_append_text(out, said.words.data);
    str_release(&said.words);
}
