#include <string.h>

#include "errors.h"
#include "exchange.h"
#include "oci_internal.h"
#include "trust.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"

/*
 * One fetch of a Bearer token, with the token protocol of the distribution
 * project (GET, with Basic if there is a password) or its OAuth2 form (POST,
 * with a refresh token or a password).
 *
 * Fetches with the same credential run one at a time until a response has shown
 * that the credential is valid: a wrong password is sent once, not once for
 * each push in flight, because token servers lock accounts. A refresh token may
 * also be valid for one use only, with its successor in the response; so
 * fetches with a refresh token run one at a time until a response has shown
 * that it can be reused. The others wait in the queue of the session and share
 * a failure of the first.
 */

/* Default of "expires_in" in the token protocol */
#define DEFAULT_LIFETIME_S 60
/* A token is not used shortly before it expires, so that it is still valid when
 * the request arrives. */
#define MAX_MARGIN_MS 30000
/* POST then GET, and a refresh token then the password, need no more than
 * these. */
#define MAX_ATTEMPTS 3

static void fetch(struct token *token);

/* --- start and end -------------------------------------------------------- */

static void leave_session(struct token *token)
{
    struct exchange *exchange = &token->exchange;
    struct session *session = exchange->session;

    if (exchange->queued) {
        TAILQ_REMOVE(&session->queue, token, queue_link);
        exchange->queued = false;
    }
    if (secret_text(&exchange->sent_refresh_token) != NULL) {
        secret_release(&exchange->sent_refresh_token);
        session->refreshing--;
    }
    if (exchange->sent) {
        exchange->sent = false;
        session->fetching--;
    }
}

static enum grant choose_grant(const struct exchange *exchange);

static bool may_send(const struct exchange *exchange, enum grant grant)
{
    const struct session *session = exchange->session;

    if (session->fetching == 0 || session_is_refused(session)) {
        return true;
    }
    return session->is_credential_valid &&
           (grant != GRANT_REFRESH || session->refreshing == 0 ||
            exchange->origin->capabilities.reusable_refresh_tokens);
}

/* Sends the first queued fetch, or all if they may run in parallel. */
static void send_queued(struct session *session)
{
    struct token *next;

    while ((next = TAILQ_FIRST(&session->queue)) != NULL &&
           may_send(&next->exchange, choose_grant(&next->exchange))) {
        TAILQ_REMOVE(&session->queue, next, queue_link);
        next->exchange.queued = false;
        fetch(next);
    }
}

static void fail_later(struct token *token, const struct error *err)
{
    token->exchange.failure = *err;
    loop_defer(token->client->network->loop, &token->exchange.failing);
}

/* A failure of the server affects all fetches, so the queued ones fail now
 * instead of waiting for the server one after the other. */
static void fail_queue(struct session *session, const struct error *err)
{
    struct token *next;

    while ((next = TAILQ_FIRST(&session->queue)) != NULL) {
        TAILQ_REMOVE(&session->queue, next, queue_link);
        next->exchange.queued = false;
        fail_later(next, err);
    }
}

static void release(struct token *token)
{
    struct exchange *exchange = &token->exchange;
    struct session *session = exchange->session;

    if (session == NULL) {
        return;
    }
    leave_session(token);
    session->users--;
    if (exchange->fetch != NULL) {
        http_cancel(exchange->fetch);
    }
    loop_cancel(token->client->network->loop, &exchange->failing);
    credential_release(&exchange->credential);
    secret_release(&exchange->form);
    secret_set_release(&exchange->revealed);
    mem_free(exchange->realm);
    mem_free(exchange->host);
    mem_free(exchange->service);
    mem_free(exchange->path);
    mem_free(exchange->actions);
    mem_free(exchange->scope);
    *exchange = (struct exchange){0};
    send_queued(session);
}

void exchange_cancel(struct token *token)
{
    release(token);
}

static void fail(struct token *token, struct error *err)
{
    error_prefix(err, "token");
    release(token);
    token->done(token, NULL, 0, err);
}

static void run_failing(void *payload)
{
    struct token *token = payload;
    struct error failure = token->exchange.failure;

    fail(token, &failure);
}

/* --- the request ---------------------------------------------------------- */

static enum grant choose_grant(const struct exchange *exchange)
{
    const struct session *session = exchange->session;
    bool post = exchange->method != OCI_EXCHANGE_BASIC &&
                !exchange->origin->capabilities.no_token_post;
    bool refreshes = secret_text(&session->refresh_token) != NULL;

    if (refreshes && post) {
        return GRANT_REFRESH;
    }
    if (secret_text(&exchange->credential.password) != NULL) {
        return post && exchange->method == OCI_EXCHANGE_OAUTH2 ? GRANT_PASSWORD
                                                               : GRANT_BASIC;
    }
    return refreshes ? GRANT_BASIC : GRANT_ANONYMOUS;
}

static void on_fetched(void *payload, const struct http_response *response,
                       const struct error *err);

static struct http_request request_of(const struct token *token)
{
    return (struct http_request){
        .transport = &token->exchange.transport,
        .max_body = LIMIT_TOKEN,
        .timeouts = token->client->network->timeouts,
    };
}

static void send_get(struct token *token)
{
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret basic = SECRET_INIT(STR_UNLIMITED);
    const char *headers[2] = {0};
    struct exchange *exchange = &token->exchange;
    struct http_request request = request_of(token);

    exchange_append_url(&url, exchange);
    request.method = "GET";
    request.url = url.data;
    request.headers = headers;
    if (exchange->grant == GRANT_BASIC) {
        exchange_append_basic(&basic.text, exchange);
        headers[0] = basic.text.data;
    }
    exchange->fetch =
        http_start(token->client->network->http, &request, on_fetched, token);
}

static void send_post(struct token *token)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded", NULL};
    struct exchange *exchange = &token->exchange;
    struct http_request request = request_of(token);

    exchange_append_form(&exchange->form.text, exchange);
    request.method = "POST";
    request.url = exchange->realm;
    request.headers = headers;
    request.body = str_bytes(&exchange->form.text);
    exchange->fetch =
        http_start(token->client->network->http, &request, on_fetched, token);
}

static void send(struct token *token)
{
    struct exchange *exchange = &token->exchange;

    exchange->attempts++;
    exchange->sent = true;
    exchange->session->fetching++;
    if (exchange->grant == GRANT_REFRESH) {
        exchange->session->refreshing++;
        secret_assign(&exchange->sent_refresh_token,
                      secret_text(&exchange->session->refresh_token));
    }
    if (exchange->grant == GRANT_REFRESH || exchange->grant == GRANT_PASSWORD) {
        send_post(token);
    } else {
        send_get(token);
    }
}

static void fetch(struct token *token)
{
    struct exchange *exchange = &token->exchange;
    struct session *session = exchange->session;

    exchange->grant = choose_grant(exchange);
    if (session_is_refused(session)) {
        fail_later(token, &session->refusal);
    } else if (may_send(exchange, exchange->grant)) {
        send(token);
    } else {
        exchange->queued = true;
        TAILQ_INSERT_TAIL(&session->queue, token, queue_link);
    }
}

static void fetch_again(struct token *token)
{
    leave_session(token);
    fetch(token);
}

/* --- the response --------------------------------------------------------- */

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
static void keep_refresh_token(struct token *token, const struct json *json)
{
    struct exchange *exchange = &token->exchange;
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

static int check_grant(const struct exchange *exchange, const char *value,
                       const struct json *json, struct error *err)
{
    CLEANUP(str_release) struct str missing = STR_INIT(LIMIT_SCOPE);
    const char *advice = exchange->origin->provider->auth_advice;

    /* A registry that requests other scopes uses other repository names, and so
     * do its tokens. */
    if (exchange->has_extra_scopes ||
        !grant_missing(value, json_text(json_member(json, "scope")),
                       exchange->path, exchange->actions, &missing) ||
        missing.len == 0) {
        return 0;
    }
    return error_set(
        err, ERROR_AUTH, "token server '%s' does not grant %s on '%s'%s%s%s%s",
        exchange->host, missing.data, exchange->path,
        exchange->grant == GRANT_ANONYMOUS ? " to somebody without credentials"
                                           : "",
        advice ? " (" : "", advice ? advice : "", advice ? ")" : "");
}

/* Some servers report invalid credentials with status 200. */
static int report_unusable(const struct exchange *exchange,
                           const struct http_response *response,
                           struct error *err)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);

    oci_append_message(response, &exchange->revealed, &message);
    return error_set(err, message.len > 0 ? ERROR_AUTH : ERROR_UNAVAILABLE,
                     "token server '%s': its answer holds no usable token%s%s",
                     exchange->host, message.len > 0 ? ": " : "", message.data);
}

static int read_answer(struct token *token,
                       const struct http_response *response,
                       struct secret *ret_value, uint64_t *ret_lifetime_ms,
                       struct error *err)
{
    struct exchange *exchange = &token->exchange;
    struct json *json;
    const char *value;
    int result = 0;

    if (json_parse_secret(response->body.data, response->body.len, &json, err) <
        0) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "token server '%s': its answer is not JSON",
                         exchange->host);
    }
    value = json_text(json_member(json, "token"));
    if (value == NULL || *value == '\0') {
        value = json_text(json_member(json, "access_token"));
    }
    if (!is_header_safe(value)) {
        result = report_unusable(exchange, response, err);
    } else {
        exchange->session->is_credential_valid = true;
        secret_remember(value);
        keep_refresh_token(token, json);
        result = check_grant(exchange, value, json, err);
    }
    if (result == 0) {
        secret_assign(ret_value, value);
        *ret_lifetime_ms = lifetime_ms(json);
    }
    json_free(json);
    return result;
}

static bool is_post(const struct exchange *exchange)
{
    return exchange->grant == GRANT_PASSWORD ||
           exchange->grant == GRANT_REFRESH;
}

/* ERROR_AUTH that is no refusal of the credential concerns its permissions, so
 * the credential is valid; any other failure concerns the server. */
static void note_failure(struct session *session, const struct error *err)
{
    if (err->kind == ERROR_AUTH) {
        session->is_credential_valid = true;
    } else {
        fail_queue(session, err);
    }
}

static void fail_with_response(struct token *token,
                               const struct http_response *response)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);
    struct exchange *exchange = &token->exchange;
    struct loop *loop = token->client->network->loop;
    struct error err;

    exchange_append_refusal(&message, exchange, response);
    http_error_fill(&err, response, clock_wall_ms(loop_clock(loop)),
                    "token server '%s' answers %d%s", exchange->host,
                    response->status, message.data);
    if (!http_status_is_temporary(response->status)) {
        err.kind = ERROR_AUTH; /* no token was issued, whatever the status */
    }
    if (response->status == 401 ||
        (response->status == 400 && is_post(exchange))) {
        session_refuse(exchange->session, &err);
    } else {
        note_failure(exchange->session, &err);
    }
    /* The 404 that led to GET may have been temporary. */
    capabilities_learn_token_post(&exchange->origin->capabilities, true);
    fail(token, &err);
}

/* Whether the token can be requested in another way; prepares that way. */
static bool has_fallback(struct exchange *exchange, int status)
{
    struct session *session = exchange->session;

    if (exchange->attempts >= MAX_ATTEMPTS || !is_post(exchange)) {
        return false;
    }
    if ((status == 404 || status == 405) &&
        exchange->method == OCI_EXCHANGE_AUTO) {
        capabilities_learn_token_post(&exchange->origin->capabilities, false);
        return true;
    }
    if ((status != 400 && status != 401) || exchange->grant != GRANT_REFRESH) {
        return false;
    }
    /* The response to another fetch has replaced the refresh token
     * meanwhile. */
    if (secret_text(&session->refresh_token) != NULL &&
        !secret_equal(&session->refresh_token, &exchange->sent_refresh_token)) {
        return true;
    }
    /* The refresh token has expired; use the password that it was issued
     * for. */
    if (secret_text(&exchange->credential.identity_token) == NULL) {
        secret_release(&session->refresh_token);
        return true;
    }
    return false;
}

static void on_fetched(void *payload, const struct http_response *response,
                       const struct error *err)
{
    CLEANUP(secret_release) struct secret value = {0};
    struct token *token = payload;
    struct exchange *exchange = &token->exchange;
    struct error failure;
    uint64_t lifetime;

    exchange->fetch = NULL;
    secret_release(&exchange->form);
    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "token server '%s'", exchange->host);
        note_failure(exchange->session, &failure);
        fail(token, &failure);
    } else if (response->status != 200) {
        if (has_fallback(exchange, response->status)) {
            fetch_again(token);
        } else {
            fail_with_response(token, response);
        }
    } else if (read_answer(token, response, &value, &lifetime, &failure) < 0) {
        fail(token, &failure);
    } else {
        release(token);
        token->done(token, secret_text(&value), lifetime, NULL);
    }
}

/* --- setup ---------------------------------------------------------------- */

static int resolve_realm(const struct token_query *query, struct url *ret_realm,
                         struct error *err)
{
    const struct origin *origin = query->origin;

    if (url_parse(query->challenge->realm, &origin->url, ret_realm, err) < 0) {
        return error_prefix(err, "realm of registry '%s'", origin->url.host);
    }
    if (trust_of(&origin->url, query->target, ret_realm, REDIRECT_REALM) !=
        TRUST_CREDENTIALS) {
        error_set(err, ERROR_AUTH,
                  "registry '%s' names the token server '%s://%s', to which "
                  "credentials may not be sent (if it is the right one, add "
                  "'%s' to registries.allowed)",
                  origin->url.host, ret_realm->https ? "https" : "http",
                  ret_realm->host, ret_realm->host);
        url_release(ret_realm);
        return -1;
    }
    return 0;
}

static char *scope_of(const struct token_query *query)
{
    struct str scope;

    str_init(&scope, STR_UNLIMITED);
    str_printf(&scope, "repository:%s:%s", query->target->path, query->actions);
    if (query->extra_scopes != NULL) {
        str_printf(&scope, " %s", query->extra_scopes);
    }
    return str_take(&scope);
}

/* The client certificate is for the registry, and for a token server on the
 * same host. */
static struct http_transport transport_to(const struct origin *origin,
                                          const struct url *realm)
{
    struct http_transport transport = origin->transport;

    if (strcmp(origin->url.host, realm->host) != 0) {
        transport.certificate = NULL;
        transport.key = NULL;
    }
    return transport;
}

static void fill(struct exchange *exchange, const struct token_query *query,
                 struct url *realm)
{
    const char *service = query->challenge->service;

    exchange->origin = query->origin;
    exchange->transport = transport_to(query->origin, realm);
    exchange->keychain = query->target->keychain;
    exchange->method = query->target->exchange;
    credential_copy(&exchange->credential, query->credential);
    credential_add_secrets(&exchange->revealed, &exchange->credential);
    exchange->realm = mem_strdup(realm->text);
    exchange->host = mem_strdup(realm->host);
    exchange->service = mem_strdup(service);
    exchange->path = mem_strdup(query->target->path);
    exchange->actions = mem_strdup(query->actions);
    exchange->scope = scope_of(query);
    exchange->has_extra_scopes = query->extra_scopes != NULL;
}

int exchange_start(struct token *token, const struct token_query *query,
                   struct error *err)
{
    struct exchange *exchange = &token->exchange;
    struct session *session;
    struct url realm;

    if (resolve_realm(query, &realm, err) < 0) {
        return -1;
    }
    fill(exchange, query, &realm);
    url_release(&realm);
    session = session_of(token->client, query);
    session->users++;
    exchange->session = session;
    secret_init(&exchange->form, STR_UNLIMITED);
    task_init(&exchange->failing, run_failing, token);
    if (secret_text(&session->refresh_token) == NULL) {
        secret_assign(&session->refresh_token,
                      secret_text(&exchange->credential.identity_token));
    }
    fetch(token);
    return 0;
}
