#include <string.h>

#include "errors.h"
#include "exchange.h"
#include "oci_internal.h"
#include "waybill/alloc.h"
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
    url_release(&exchange->at);
    mem_free(exchange->service);
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
    token->done(token, NULL, err);
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
    request.url = exchange->at.text;
    request.headers = headers;
    request.body = str_bytes(&exchange->form.text);
    exchange->fetch =
        http_start(token->client->network->http, &request, on_fetched, token);
}

static bool is_post(const struct exchange *exchange)
{
    return exchange->grant == GRANT_PASSWORD ||
           exchange->grant == GRANT_REFRESH;
}

static void send_request(struct token *token)
{
    if (is_post(&token->exchange)) {
        send_post(token);
    } else {
        send_get(token);
    }
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
    send_request(token);
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
                    "token server '%s' answers %d%s", exchange->at.host,
                    response->status, message.data);
    err.kind = oci_token_error_kind(response);
    if (err.kind == ERROR_AUTH &&
        (response->status == 401 ||
         (response->status == 400 && is_post(exchange)))) {
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

static void follow_redirect(struct token *token,
                            const struct http_response *response)
{
    struct exchange *exchange = &token->exchange;
    struct error err;

    if (exchange_follow(exchange, response, is_post(exchange), &err) < 0) {
        fail_queue(exchange->session, &err);
        fail(token, &err);
    } else {
        send_request(token);
    }
}

static void take_answer(struct token *token,
                        const struct http_response *response)
{
    CLEANUP(token_answer_release) struct token_answer answer = {0};
    struct error err;

    if (exchange_read_answer(&token->exchange, response, &answer, &err) < 0) {
        fail(token, &err);
    } else {
        release(token);
        token->done(token, &answer, NULL);
    }
}

static void on_fetched(void *payload, const struct http_response *response,
                       const struct error *err)
{
    struct token *token = payload;
    struct exchange *exchange = &token->exchange;
    struct error failure;

    exchange->fetch = NULL;
    secret_release(&exchange->form);
    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "token server '%s'", exchange->at.host);
        note_failure(exchange->session, &failure);
        fail(token, &failure);
    } else if (http_status_is_redirect(response->status)) {
        follow_redirect(token, response);
    } else if (response->status / 100 == 2) {
        take_answer(token, response);
    } else if (has_fallback(exchange, response->status)) {
        fetch_again(token);
    } else {
        fail_with_response(token, response);
    }
}

/* --- setup ---------------------------------------------------------------- */

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

static int fill(struct exchange *exchange, const struct token_query *query,
                struct error *err)
{
    const struct oci_target *target = query->target;

    exchange->origin = query->origin;
    exchange->allowed = target->allowed;
    exchange->plain_http_allowed = target->plain_http_allowed;
    if (exchange_set_realm(exchange, query->challenge->realm, err) < 0) {
        return -1;
    }
    exchange->keychain = target->keychain;
    exchange->method = target->exchange;
    credential_copy(&exchange->credential, query->credential);
    credential_add_secrets(&exchange->revealed, &exchange->credential);
    exchange->service = mem_strdup(query->challenge->service);
    exchange->scope = scope_of(query);
    return 0;
}

int exchange_start(struct token *token, const struct token_query *query,
                   struct error *err)
{
    struct exchange *exchange = &token->exchange;
    struct session *session;

    if (fill(exchange, query, err) < 0) {
        return -1;
    }
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
