#include <stdlib.h>
#include <string.h>

#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"

/*
 * The distribution project's token protocol: GET realm?service=&scope=, with
 * Basic where there is a password. In the chainloop layout every push has a
 * repository of its own, so a token serves one push; the cache is what makes
 * its two blobs and its manifest share it, and what other layouts live from.
 */

/* What the protocol says to assume ("expires_in", default) */
#define DEFAULT_LIFETIME_S 60
/* A token is not used in its last moments: the request has to arrive too. */
#define MOST_MARGIN_MS 30000

static void put_key(struct str *key, const struct origin *origin,
                    const struct oci_target *target)
{
    const struct challenge *challenge = &origin->challenge;
    struct digest password;

    /* Two registrations may share a user name and differ in the password; the
     * key is no place for it. */
    digest_of(target->password, target->password ? strlen(target->password) : 0,
              &password);
    str_printf(key, "%s\n%s\n%s\n%s\n%s\n%s\n%s", origin->url.text,
               origin->transport.ca_file ? origin->transport.ca_file : "",
               challenge->realm ? challenge->realm : "",
               challenge->service ? challenge->service : "", target->path,
               target->username ? target->username : "", password.text);
}

static struct token *find(struct oci_client *client,
                          const struct origin *origin,
                          const struct oci_target *target)
{
    CLEANUP(str_release) struct str key = STR_INIT(STR_UNLIMITED);
    struct token *token;

    put_key(&key, origin, target);
    TAILQ_FOREACH(token, &client->tokens, link)
    {
        if (strcmp(token->key, key.data) == 0) {
            return token;
        }
    }
    return NULL;
}

void token_free(struct token *token)
{
    TAILQ_REMOVE(&token->client->tokens, token, link);
    token->client->token_count--;
    if (token->fetch != NULL) {
        http_cancel(token->fetch);
    }
    if (token->value != NULL) {
        explicit_bzero(token->value, strlen(token->value));
    }
    mem_free(token->value);
    mem_free(token->key);
    mem_free(token);
}

const char *token_cached(struct oci_client *client, const struct origin *origin,
                         const struct oci_target *target)
{
    struct token *token = find(client, origin, target);

    if (token == NULL || token->value == NULL) {
        return NULL;
    }
    if (loop_now(client->loop) >= token->expires_ms) {
        token_free(token);
        return NULL;
    }
    return token->value;
}

void token_drop(struct oci_client *client, const struct origin *origin,
                const struct oci_target *target)
{
    struct token *token = find(client, origin, target);

    /* One that is being fetched is newer than the one refused. */
    if (token != NULL && token->value != NULL) {
        token_free(token);
    }
}

void token_forget_waiter(struct token_waiter *waiter)
{
    if (waiter->token != NULL) {
        TAILQ_REMOVE(&waiter->token->waiters, waiter, link);
        waiter->token = NULL;
    }
}

/* Nobody can begin to wait for this token while it wakes the others: it either
 * has a value by now, or is not in the list any more. */
static void wake(struct token *token, const char *value,
                 const struct error *err)
{
    struct token_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&token->waiters)) != NULL) {
        token_forget_waiter(waiter);
        waiter->ready(waiter->payload, value, err);
    }
}

/* It becomes a header: visible ASCII only, so no line end can be smuggled in.
 */
static bool is_clean(const char *value)
{
    if (*value == '\0') {
        return false;
    }
    for (; *value != '\0'; value++) {
        if (*value <= ' ' || *value >= 0x7F) {
            return false;
        }
    }
    return true;
}

static int64_t lifetime_ms(const struct json *json)
{
    double seconds = DEFAULT_LIFETIME_S;
    const struct json *field = json_member(json, "expires_in");
    double margin;

    if (field != NULL && json_number(field, &seconds) &&
        !(seconds > 0 && seconds < 1e6)) {
        seconds = DEFAULT_LIFETIME_S;
    }
    margin = seconds * 1000 / 5;
    margin = margin < MOST_MARGIN_MS ? margin : MOST_MARGIN_MS;
    return (int64_t)(seconds * 1000 - margin);
}

static int read_token(const struct http_response *response, char **ret_value,
                      int64_t *ret_lifetime_ms, struct error *err)
{
    struct json *json;
    const char *value;

    if (json_parse(response->body.data, response->body.len, &json, err) < 0) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "token server's answer is not JSON");
    }
    value = json_text(json_member(json, "token"));
    if (value == NULL || *value == '\0') {
        value = json_text(json_member(json, "access_token"));
    }
    if (value == NULL || !is_clean(value)) {
        json_free(json);
        return error_set(err, ERROR_UNAVAILABLE,
                         "token server's answer holds no usable token");
    }
    *ret_value = mem_strdup(value);
    *ret_lifetime_ms = lifetime_ms(json);
    json_free(json);
    return 0;
}

static void fail(struct token *token, struct error *err)
{
    struct oci_client *client = token->client;

    /* Out of the list first: who is woken may ask again. */
    TAILQ_REMOVE(&client->tokens, token, link);
    error_prefix(err, "token");
    wake(token, NULL, err);
    TAILQ_INSERT_TAIL(&client->tokens, token, link);
    token_free(token);
}

static void refuse(struct token *token, const struct http_response *response)
{
    struct error err;
    enum error_kind kind = ERROR_AUTH;

    if (response->status >= 500 || response->status == 429 ||
        response->status == 408) {
        kind = ERROR_UNAVAILABLE;
    }
    error_set(&err, kind, "token server answers %d", response->status);
    err.http_status = response->status;
    err.retry_after_ms = http_retry_after_ms(
        response, clock_wall_ms(loop_clock(token->client->loop)));
    fail(token, &err);
}

static void on_fetched(void *payload, const struct http_response *response,
                       const struct error *err)
{
    struct token *token = payload;
    struct error failure;
    int64_t lifetime;

    token->fetch = NULL;
    if (response == NULL) {
        failure = *err;
        fail(token, &failure);
    } else if (response->status != 200) {
        refuse(token, response);
    } else if (read_token(response, &token->value, &lifetime, &failure) < 0) {
        fail(token, &failure);
    } else {
        token->expires_ms = loop_now(token->client->loop) + (uint64_t)lifetime;
        wake(token, token->value, NULL);
    }
}

static void put_url(struct str *url, const struct url *realm,
                    const struct origin *origin,
                    const struct oci_target *target)
{
    str_puts(url, realm->text);
    str_puts(url, strchr(realm->text, '?') != NULL ? "&" : "?");
    if (origin->challenge.service != NULL) {
        str_puts(url, "service=");
        url_put_escaped(url, origin->challenge.service);
        str_puts(url, "&");
    }
    str_puts(url, "scope=repository%3A");
    url_put_escaped(url, target->path);
    str_puts(url, "%3Apull%2Cpush&client_id=waybill");
    if (target->username != NULL) {
        str_puts(url, "&account=");
        url_put_escaped(url, target->username);
    }
}

static int open_realm(const struct origin *origin, struct url *ret_realm,
                      struct error *err)
{
    if (url_parse(origin->challenge.realm, &origin->url, ret_realm, err) < 0) {
        return error_prefix(err, "realm of registry '%s'", origin->url.host);
    }
    if (trust_of(&origin->url, origin->plain_http_allowed, ret_realm,
                 ERRAND_REALM) != TRUST_CREDENTIALS) {
        error_set(err, ERROR_AUTH,
                  "registry '%s' names the token server '%s://%s', to which "
                  "credentials may not be sent",
                  origin->url.host, ret_realm->https ? "https" : "http",
                  ret_realm->host);
        url_release(ret_realm);
        return -1;
    }
    return 0;
}

static void fetch(struct token *token, const struct origin *origin,
                  const struct oci_target *target, const struct url *realm)
{
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_wipe) struct str basic = STR_INIT(STR_UNLIMITED);
    const char *headers[2] = {0};
    struct oci_client *client = token->client;
    struct http_request request = {
        .method = "GET",
        .headers = headers,
        .transport = &origin->transport,
        .most_body = LIMIT_TOKEN,
        .connect_ms = client->options.connect_ms,
        .answer_ms = client->options.answer_ms,
    };

    put_url(&url, realm, origin, target);
    request.url = url.data;
    if (target->username != NULL) {
        oci_put_basic(&basic, target->username, target->password);
        headers[0] = basic.data;
    }
    token->fetch = http_start(client->http, &request, on_fetched, token);
}

static void forget_oldest(struct oci_client *client)
{
    struct token *token;

    TAILQ_FOREACH(token, &client->tokens, link)
    {
        if (token->fetch == NULL) {
            token_free(token);
            return;
        }
    }
}

static struct token *new_token(struct oci_client *client,
                               const struct origin *origin,
                               const struct oci_target *target)
{
    CLEANUP(str_release) struct str key = STR_INIT(STR_UNLIMITED);
    struct token *token = mem_zalloc(sizeof(*token));

    if (client->token_count >= LIMIT_TOKENS) {
        forget_oldest(client);
    }
    put_key(&key, origin, target);
    token->client = client;
    token->key = str_take(&key);
    TAILQ_INIT(&token->waiters);
    TAILQ_INSERT_TAIL(&client->tokens, token, link);
    client->token_count++;
    return token;
}

int token_wait(struct oci_client *client, const struct origin *origin,
               const struct oci_target *target, struct token_waiter *waiter,
               struct error *err)
{
    struct token *token = find(client, origin, target);
    struct url realm;

    if (token == NULL) {
        if (open_realm(origin, &realm, err) < 0) {
            return -1;
        }
        token = new_token(client, origin, target);
        fetch(token, origin, target, &realm);
        url_release(&realm);
    }
    waiter->token = token;
    TAILQ_INSERT_TAIL(&token->waiters, waiter, link);
    return 0;
}
