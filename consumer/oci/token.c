#include <string.h>

#include "exchange.h"
#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * The cache of Bearer tokens, with one fetch for all requests that wait for the
 * same token. In the chainloop layout every push has a repository of its own,
 * so a token serves the two blobs and the manifest of one push; in other
 * layouts it serves many pushes. The fetch itself is in exchange.c.
 */

static void append_key(struct str *key, const struct token_query *query)
{
    const struct challenge *challenge = query->challenge;

    str_printf(key, "%p\n%s\n%s\n%s\n%s\n%s\n%llu", (const void *)query->origin,
               challenge->realm ? challenge->realm : "",
               challenge->service ? challenge->service : "",
               query->target->path, query->actions,
               query->extra_scopes ? query->extra_scopes : "",
               (unsigned long long)query->credential->id);
}

static struct token *find(struct oci_client *client,
                          const struct token_query *query)
{
    CLEANUP(str_release) struct str key = STR_INIT(STR_UNLIMITED);
    struct token *token;

    append_key(&key, query);
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
    exchange_cancel(token);
    secret_release(&token->value);
    mem_free(token->scope);
    mem_free(token->key);
    mem_free(token);
}

static uint64_t lifetime_of(const struct token *token)
{
    uint64_t now = loop_now(token->client->network->loop);

    return token->expires_ms > now ? token->expires_ms - now : 0;
}

const char *token_cached(struct oci_client *client,
                         const struct token_query *query,
                         uint64_t *ret_lifetime_ms)
{
    struct token *token = find(client, query);

    if (token == NULL || secret_text(&token->value) == NULL) {
        return NULL;
    }
    if (loop_now(client->network->loop) >= token->expires_ms) {
        token_free(token);
        return NULL;
    }
    *ret_lifetime_ms = lifetime_of(token);
    return secret_text(&token->value);
}

static struct token *find_value(struct oci_client *client, const char *value)
{
    struct token *token;

    TAILQ_FOREACH(token, &client->tokens, link)
    {
        if (text_equal(secret_text(&token->value), value)) {
            return token;
        }
    }
    return NULL;
}

const char *token_scope(struct oci_client *client, const char *value)
{
    const struct token *token = find_value(client, value);

    return token != NULL ? token->scope : NULL;
}

void token_drop(struct oci_client *client, const char *value)
{
    struct token *token = find_value(client, value);

    if (token != NULL) {
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

/* No new waiter can appear in the list meanwhile: the token either has a value
 * by now, or has been removed from the cache. */
static void wake(struct token *token, const struct error *err)
{
    struct token_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&token->waiters)) != NULL) {
        token_forget_waiter(waiter);
        waiter->ready(waiter->payload, err ? NULL : secret_text(&token->value),
                      err ? 0 : lifetime_of(token), err);
    }
}

static void fail(struct token *token, const struct error *err)
{
    struct oci_client *client = token->client;

    /* Remove the token first, because a waiter may request the same token
     * again. */
    TAILQ_REMOVE(&client->tokens, token, link);
    wake(token, err);
    TAILQ_INSERT_TAIL(&client->tokens, token, link);
    token_free(token);
}

static void store_value(struct token *token, const struct token_answer *answer)
{
    secret_assign(&token->value, secret_text(&answer->value));
    token->scope =
        answer->scope.len > 0 ? mem_strdup(answer->scope.data) : NULL;
    token->expires_ms =
        loop_now(token->client->network->loop) + answer->lifetime_ms;
    wake(token, NULL);
}

static void on_exchanged(struct token *token, const struct token_answer *answer,
                         const struct error *err)
{
    if (answer != NULL) {
        store_value(token, answer);
    } else {
        fail(token, err);
    }
}

static void forget_oldest(struct oci_client *client)
{
    struct token *token;

    TAILQ_FOREACH(token, &client->tokens, link)
    {
        if (secret_text(&token->value) != NULL &&
            TAILQ_EMPTY(&token->waiters)) {
            token_free(token);
            return;
        }
    }
}

static struct token *new_token(struct oci_client *client,
                               const struct token_query *query)
{
    CLEANUP(str_release) struct str key = STR_INIT(STR_UNLIMITED);
    struct token *token = mem_zalloc(sizeof(*token));

    if (client->token_count >= LIMIT_TOKENS) {
        forget_oldest(client);
    }
    append_key(&key, query);
    token->client = client;
    token->done = on_exchanged;
    token->key = str_take(&key);
    TAILQ_INIT(&token->waiters);
    TAILQ_INSERT_TAIL(&client->tokens, token, link);
    client->token_count++;
    return token;
}

int token_wait(struct oci_client *client, const struct token_query *query,
               struct token_waiter *waiter, struct error *err)
{
    struct token *token = find(client, query);

    if (token == NULL) {
        token = new_token(client, query);
        if (exchange_start(token, query, err) < 0) {
            token_free(token);
            return -1;
        }
    }
    waiter->token = token;
    TAILQ_INSERT_TAIL(&token->waiters, waiter, link);
    return 0;
}
