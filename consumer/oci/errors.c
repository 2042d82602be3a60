#include "errors.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error_body.h"
#include "oci_internal.h"
#include "token.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"
#include "waybill/limits.h"

static const struct credential *credential_of(const struct oci_target *target)
{
    static const struct credential anonymous;

    return target->keychain != NULL ? keychain_last(target->keychain)
                                    : &anonymous;
}

static bool code_is(const struct reported_error *reported, const char *code)
{
    return strcmp(reported->code, code) == 0;
}

/* ECR Public answers an expired token with 400 where other registries use
 * 401. */
static bool is_refusal(int status, const struct reported_error *reported)
{
    return status == 400 &&
           (code_is(reported, "DENIED") || code_is(reported, "UNAUTHORIZED"));
}

bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target)
{
    static const struct secret_set no_secrets; /* the message is not used */
    struct reported_error reported = {.secrets = &no_secrets};
    unsigned quirks = provider_of(target->registry)->quirks;
    bool refused;

    if (response->status == 403) {
        return (quirks & PROVIDER_REFUSES_WITH_403) != 0;
    }
    if (response->status != 400) {
        return response->status == 401;
    }
    reported_error_read(&response->body, &reported);
    refused = is_refusal(response->status, &reported);
    reported_error_release(&reported);
    return refused;
}

bool oci_error_code_is(const struct http_response *response, const char *code)
{
    static const struct secret_set no_secrets; /* the message is not used */
    struct reported_error reported = {.secrets = &no_secrets};
    bool is;

    reported_error_read(&response->body, &reported);
    is = code_is(&reported, code);
    reported_error_release(&reported);
    return is;
}

/* The upload session or a blob is missing or was corrupted; a new push from the
 * start solves that. */
static bool is_interrupted(int status, const struct reported_error *reported)
{
    return status == 416 || code_is(reported, "BLOB_UPLOAD_UNKNOWN") ||
           code_is(reported, "BLOB_UPLOAD_INVALID") ||
           code_is(reported, "DIGEST_INVALID") ||
           code_is(reported, "MANIFEST_BLOB_UNKNOWN") ||
           code_is(reported, "BLOB_UNKNOWN");
}

/* GHCR reports some of its rate limits with 403, other registries use 400. */
static bool is_rate_limit(int status, const struct reported_error *reported)
{
    return code_is(reported, "TOOMANYREQUESTS") ||
           (status == 403 &&
            strcasestr(reported->message.data, "rate limit") != NULL);
}

/* GHCR states the delay in the body, as a Go duration: "retry-after: 1.3s",
 * also 1m30s, ms and microseconds. The result is at least one second and at
 * most HTTP_MAX_RETRY_AFTER_MS. */
static uint32_t retry_after_in_body(const char *message)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    static const char label[] = "retry-after:";
    const char *at = strcasestr(message, label);
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

/* Matches the messages of Go's server and of nginx. The cause is the
 * configuration, not the event, so the error must not be ERROR_REJECTED. */
static bool requires_https(const struct oci_target *target, int status,
                           const struct reported_error *reported)
{
    return !target->https && status == 400 &&
           (strstr(reported->message.data, "HTTPS server") != NULL ||
            strstr(reported->message.data, "HTTPS port") != NULL);
}

static bool says(const struct reported_error *reported,
                 const char *const *phrases)
{
    for (; *phrases != NULL; phrases++) {
        if (strcasestr(reported->message.data, *phrases) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_over_quota(const struct reported_error *reported)
{
    static const char *const quotas[] = {"quota", NULL};
    static const char *const ends[] = {"exceed", "reached",      "limit",
                                       "over",   "insufficient", NULL};
    static const char *const limits[] = {"exceed the configured upper limit",
                                         "storage limit",
                                         "insufficient storage", NULL};

    return strstr(reported->code, "QUOTA") != NULL || says(reported, limits) ||
           (says(reported, quotas) && says(reported, ends));
}

static bool is_read_only(int status, const struct reported_error *reported)
{
    static const char *const phrases[] = {"read-only", "read only", "readonly",
                                          "maintenance mode", NULL};

    return (status == 405 && reported->is_document) || says(reported, phrases);
}

/* Codes about the very object that was sent */
static bool is_about_object(const struct reported_error *reported)
{
    static const char *const codes[] = {
        "NAME_INVALID", "NAME_UNKNOWN",     "MANIFEST_INVALID",
        "TAG_INVALID",  "MANIFEST_UNKNOWN", "MANIFEST_UNVERIFIED",
        "SIZE_INVALID", "DIGEST_INVALID"};

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (code_is(reported, codes[i])) {
            return true;
        }
    }
    return false;
}

/* The state of the whole registry, or of what the registration may use of it:
 * it is no matter of the record, and only somebody there can change it. 405 is
 * what the reference implementation answers while it is read-only, and what
 * others answer for locked repositories (ACR); the phrases are those of Quay,
 * Harbor, Artifactory, GitLab, ACR and Google. 402 is Payment Required (RFC
 * 9110). */
static bool is_blocked(int status, const struct reported_error *reported)
{
    if (status / 100 != 4 || status == 401 || status == 404 ||
        is_about_object(reported)) {
        return false;
    }
    return status == 402 || is_read_only(status, reported) ||
           is_over_quota(reported);
}

bool oci_is_blocked(const struct http_response *response)
{
    static const struct secret_set no_secrets; /* the message is not used */
    struct reported_error reported = {.secrets = &no_secrets};
    bool is;

    reported_error_read(&response->body, &reported);
    is = is_blocked(response->status, &reported);
    reported_error_release(&reported);
    return is;
}

/* Registries explain these in the form that the specification requires. A
 * response without an explanation is that of a proxy, of an ingress without a
 * backend, or of another server at this address. 401, 403 and 413 mean the same
 * whoever sends them. */
static bool is_from_intermediary(int status,
                                 const struct reported_error *reported)
{
    enum error_kind kind = http_error_kind(status);

    return !reported->is_document && !fault_is_broken("believe-anybody") &&
           (kind == ERROR_NOT_FOUND || kind == ERROR_REJECTED);
}

bool oci_is_web_page(const struct http_response *response)
{
    CLEANUP(str_release) struct str type = STR_INIT(256);

    return http_header(response, "Content-Type", 0, &type) &&
           (strncasecmp(type.data, "text/html", 9) == 0 ||
            strncasecmp(type.data, "application/xhtml", 17) == 0);
}

/* The error code is more precise than the status, unless the status says that
 * the registry is temporarily unavailable. */
static enum error_kind kind_of(int status,
                               const struct reported_error *reported)
{
    if (is_rate_limit(status, reported)) {
        return ERROR_RATE_LIMITED;
    }
    if (http_status_is_temporary(status)) {
        return http_error_kind(status);
    }
    if (is_blocked(status, reported)) {
        return ERROR_BLOCKED;
    }
    if (is_interrupted(status, reported)) {
        return ERROR_INTERRUPTED;
    }
    if (is_from_intermediary(status, reported)) {
        return ERROR_INTERMEDIARY;
    }
    return is_refusal(status, reported) ? ERROR_AUTH : http_error_kind(status);
}

/* The advice of the provider's row. */
static const char *advice_for(enum error_kind kind,
                              const struct oci_target *target)
{
    const struct provider *provider = provider_of(target->registry);

    if (kind == ERROR_AUTH) {
        return provider->auth_advice;
    }
    if (kind == ERROR_INTERMEDIARY) {
        return "not an answer of a registry";
    }
    return kind == ERROR_NOT_FOUND ? provider->not_found_advice : NULL;
}

/* Also includes the credential if it was not sent, or not yet: the registry
 * knows it. */
static void collect_secrets(struct secret_set *secrets,
                            const struct oci_target *target,
                            const struct secret_set *revealed)
{
    secret_set_add_all(secrets, revealed);
    credential_add_secrets(secrets, credential_of(target));
}

static void scrub(const struct secret_set *secrets, struct error *err)
{
    secret_set_scrub(secrets, err->message);
    secret_set_scrub_foreign(secrets, err->code);
}

int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client,
                 const struct secret_set *revealed, struct error *err)
{
    CLEANUP(secret_set_release) struct secret_set secrets = {0};
    struct reported_error reported = {.secrets = &secrets};
    const char *colon;
    const char *advice;
    enum error_kind kind;

    collect_secrets(&secrets, target, revealed);
    reported_error_read(&response->body, &reported);
    if (requires_https(target, response->status, &reported)) {
        reported_error_release(&reported);
        return error_set(err, ERROR_UNREACHABLE,
                         "%s: registry '%s' uses https (set plain_http: "
                         "false, or a ca_file)",
                         what, target->registry);
    }
    colon = reported.message.len > 0 ? ": " : "";
    kind = kind_of(response->status, &reported);
    secret_set_scrub_foreign(&secrets, reported.code);
    advice = advice_for(kind, target);
    http_error_fill(
        err, response, clock_wall_ms(loop_clock(client->network->loop)),
        "%s: registry '%s' answers %d%s%s%s%s%s%s%s", what, target->registry,
        response->status, reported.code[0] ? " " : "", reported.code, colon,
        reported.message.data, advice ? " (" : "", advice ? advice : "",
        advice ? ")" : "");
    err->kind = kind;
    memcpy(err->code, reported.code, sizeof(err->code));
    if (err->kind == ERROR_RATE_LIMITED && err->retry_after_ms == 0) {
        err->retry_after_ms = retry_after_in_body(reported.message.data);
    }
    reported_error_release(&reported);
    scrub(&secrets, err);
    return -1;
}

enum error_kind oci_token_error_kind(const struct http_response *response)
{
    static const struct secret_set no_secrets; /* the message is not used */
    struct reported_error reported = {.secrets = &no_secrets};
    bool is_explained;

    if (http_status_is_temporary(response->status)) {
        return http_error_kind(response->status);
    }
    if (response->status == 401 || response->status == 403) {
        return ERROR_AUTH;
    }
    reported_error_read(&response->body, &reported);
    is_explained = reported.is_document || reported.is_oauth2;
    reported_error_release(&reported);
    return is_explained || fault_is_broken("believe-anybody")
               ? ERROR_AUTH
               : ERROR_INTERMEDIARY;
}

void oci_scrub(const struct oci_target *target,
               const struct secret_set *revealed, struct error *err)
{
    CLEANUP(secret_set_release) struct secret_set secrets = {0};

    collect_secrets(&secrets, target, revealed);
    scrub(&secrets, err);
}

void oci_append_message(const struct http_response *response,
                        const struct secret_set *revealed, struct str *out)
{
    struct reported_error reported = {.secrets = revealed};

    reported_error_read(&response->body, &reported);
    str_append_text(out, reported.message.data);
    reported_error_release(&reported);
}
