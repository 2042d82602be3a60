#ifndef WAYBILL_OCI_TOKEN_H
#define WAYBILL_OCI_TOKEN_H

#include <sys/queue.h>

#include "origin.h"

/* Bearer tokens: the cache (token.c), and the actions that a token grants
 * (grant.c). */

/* Identifies a token. */
struct token_query {
    struct origin *origin;
    const struct oci_target *target;
    const struct challenge *challenge;
    const struct credential *credential;
    const char *actions;
    const char *extra_scopes; /* requested by a challenge; NULL: none */
};

struct token_waiter {
    /* token is NULL if there is none; then err is set. */
    void (*ready)(void *payload, const char *token, uint64_t lifetime_ms,
                  const struct error *err);
    void *payload;
    TAILQ_ENTRY(token_waiter) link;
    struct token *token; /* while waiting */
};

struct token;

/* A cached token that is still valid, or NULL; then call token_wait(). The
 * string is borrowed until the token is dropped or expires. */
const char *token_cached(struct oci_client *client,
                         const struct token_query *query,
                         uint64_t *ret_lifetime_ms);
/* Calls ready() once, later, from the loop. */
int token_wait(struct oci_client *client, const struct token_query *query,
               struct token_waiter *waiter, struct error *err) NODISCARD;
void token_forget_waiter(struct token_waiter *waiter);
/* The scope that the token server stated with a cached token, or NULL. */
const char *token_scope(struct oci_client *client, const char *value);
/* Removes a token that the registry has rejected. */
void token_drop(struct oci_client *client, const char *value);
void token_free(struct token *token);

/* Appends to *missing those of the requested actions on a repository that the
 * token is known not to grant. Returns false if neither the token nor the
 * response tells. `scope` is the scope in the response, or NULL. */
bool grant_missing(const char *token, const char *scope, const char *path,
                   const char *actions, struct str *missing);

#endif
