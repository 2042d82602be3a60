#include "errors.h"
#include "exchange.h"
#include "waybill/json.h"
#include "waybill/limits.h"

/* The response of a token server that issues a token: the token itself, how
 * long it lives, and the refresh token that comes with it. */

/* Default of "expires_in" in the token protocol */
#define DEFAULT_LIFETIME_S 60
/* A token is not used shortly before it expires, so that it is still valid when
 * the request arrives. */
#define MAX_MARGIN_MS 30000

/* The value becomes part of a header, so it must not contain a line break. */
static bool is_header_safe(const char *value)
{
    return value != NULL && *value != '\0' && http_value_is_plain(value);
}

static uint64_t lifetime_ms(const struct json *json)
{
    double seconds = DEFAULT_LIFETIME_S;
    const struct json *field = json_member(json, "expires_in");
    double margin;

    if (field != NULL && json_number(field, &seconds) &&
        !(seconds > 0 && seconds < 1e6)) {
        seconds = DEFAULT_LIFETIME_S;
    }
    margin = seconds * 1000 / 5;
    margin = margin < MAX_MARGIN_MS ? margin : MAX_MARGIN_MS;
    return (uint64_t)(seconds * 1000 - margin);
}

/* The response may contain the successor of a refresh token, or the first
 * refresh token if a password was sent. */
static void keep_refresh_token(struct exchange *exchange,
                               const struct json *json)
{
    struct session *session = exchange->session;
    const char *next = json_text(json_member(json, "refresh_token"));
    bool same = next == NULL || !is_header_safe(next) ||
                text_equal(next, secret_text(&exchange->sent_refresh_token));

    if (exchange->grant == GRANT_REFRESH) {
        capabilities_learn_refresh_tokens(&exchange->origin->capabilities,
                                          same);
    }
    if (same) {
        return;
    }
    secret_remember(next);
    secret_assign(&session->refresh_token, next);
    if (secret_text(&exchange->credential.identity_token) != NULL) {
        keychain_rotate(exchange->keychain, exchange->credential.id, next);
    }
}

/* Some servers report invalid credentials with status 200. */
static int report_unusable(const struct exchange *exchange,
                           const struct http_response *response,
                           struct error *err)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);

    oci_append_message(response, &exchange->revealed, &message);
    return error_set(
        err, message.len > 0 ? ERROR_AUTH : ERROR_UNAVAILABLE,
        "token server '%s': its answer contains no usable token%s%s",
        exchange->at.host, message.len > 0 ? ": " : "", message.data);
}

static const char *token_of(const struct json *json)
{
    const char *value = json_text(json_member(json, "token"));

    if (value == NULL || *value == '\0') {
        value = json_text(json_member(json, "access_token"));
    }
    return value;
}

int exchange_read_answer(struct exchange *exchange,
                         const struct http_response *response,
                         struct token_answer *ret_answer, struct error *err)
{
    const struct str *body = &response->body;
    struct json *json;
    const char *value;

    if (json_parse_secret(body->data, body->len, &json, err) < 0) {
        return error_set(err, ERROR_INTERMEDIARY,
                         "token server '%s': its answer is not JSON",
                         exchange->at.host);
    }
    value = token_of(json);
    if (!is_header_safe(value)) {
        json_free(json);
        return report_unusable(exchange, response, err);
    }
    exchange->session->is_credential_valid = true;
    secret_remember(value);
    keep_refresh_token(exchange, json);
    *ret_answer = (struct token_answer){.lifetime_ms = lifetime_ms(json)};
    secret_assign(&ret_answer->value, value);
    str_init(&ret_answer->scope, LIMIT_SCOPE);
    str_append_text(&ret_answer->scope,
                    json_text(json_member(json, "scope")) != NULL
                        ? json_text(json_member(json, "scope"))
                        : "");
    json_free(json);
    return 0;
}

void token_answer_release(struct token_answer *answer)
{
    secret_release(&answer->value);
    str_release(&answer->scope);
}
