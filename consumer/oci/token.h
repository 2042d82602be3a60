#ifndef WAYBILL_OCI_TOKEN_H
#define WAYBILL_OCI_TOKEN_H

#include <sys/queue.h>

#include "origin.h"

/* Bearer tokens: the cache (token.c), and what a token is good for (grant.c) */

/* Which token */
struct token_query {
    struct origin *origin;
    const struct oci_target *target;
    const struct challenge *challenge;
    const struct credential *credential;
    const char *actions;
    const char *more; /* scopes that a challenge has asked for; NULL: none */
};

struct token_waiter {
    /* token is NULL when there is none, and err says why. */
    void (*ready)(void *payload, const char *token, uint64_t lifetime_ms,
                  const struct error *err);
    void *payload;
    TAILQ_ENTRY(token_waiter) link;
    struct token *token; /* while waiting */
};

struct token;

/* A token that can be used now, or NULL: then call token_wait(). */
const char *token_cached(struct oci_client *client,
                         const struct token_query *query,
                         uint64_t *ret_lifetime_ms);
/* Calls ready() once, later. */
int token_wait(struct oci_client *client, const struct token_query *query,
               struct token_waiter *waiter, struct error *err) NODISCARD;
void token_forget_waiter(struct token_waiter *waiter);
/* The registry would not have that value. */
void token_drop(struct oci_client *client, const char *value);
void token_free(struct token *token);
/* Takes every token that is known out of a text. */
void token_scrub(const struct oci_client *client, char *text);

/* Of the actions asked for on a repository, those that are known not to have
 * been granted, in *missing. False: the answer does not tell. `scope` is the
 * answer's own, or NULL. */
bool grant_missing(const char *token, const char *scope, const char *path,
                   const char *actions, struct str *missing);

#endif
