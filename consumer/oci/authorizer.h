#ifndef WAYBILL_OCI_AUTHORIZER_H
#define WAYBILL_OCI_AUTHORIZER_H

#include "origin.h"
#include "token.h"
#include "waybill/credentials.h"
#include "waybill/secret.h"

/*
 * Obtains the authorization of one request. Each step calls the next one:
 *
 *      (probe) -> (credential) -> (token) -> ready
 */
struct authorizer {
    struct oci_client *client;
    struct origin *origin;
    const struct oci_target *target;
    const char *actions;
    /* From a 401 to this request; until there is one, the origin's challenge
     * applies. */
    struct challenge challenge;
    struct challenge used;      /* the challenge that is being answered */
    char *extra_scopes;         /* requested by the challenge */
    const char *sent_token;     /* the token that was sent last */
    const char *shown_token;    /* the same, also after it was rejected */
    char *token_scope;          /* its scope, as the token server stated it */
    uint64_t credential_id;     /* of the credential that was sent; 0: none */
    bool refreshed;             /* another credential was requested */
    struct secret_set revealed; /* all secrets that were sent */
    struct origin_waiter probe_waiter;
    struct keychain_waiter keychain_waiter;
    struct token_waiter token_waiter;
    struct credential_check_waiter credential_check_waiter;
    bool sent_password;
    bool was_first; /* its result decides whether the password is valid */
    /* `header` is the complete header line, or NULL if none is needed. May be
     * called from inside authorizer_start(). */
    void (*ready)(void *payload, const char *header, uint64_t lifetime_ms,
                  const struct error *err);
    void *payload;
};

void authorizer_init(struct authorizer *authorizer, struct oci_client *client,
                     struct origin *origin, const struct oci_target *target,
                     const char *actions);
void authorizer_start(struct authorizer *authorizer);
/* Reports the result of the request. Must be called before anything else that
 * follows from the response. */
void authorizer_handle_result(struct authorizer *authorizer, bool answered,
                              bool refused);
/* Reports that the registry rejected the authorization. Returns true, once, if
 * authorizer_start() can provide another one. */
bool authorizer_handle_refusal(struct authorizer *authorizer,
                               const struct http_response *response);
/* Appends an explanation to the error of a request that was refused: what the
 * token is known not to grant. Tokens are not checked beforehand, because only
 * the registry knows what its tokens mean: they may name wildcards, or other
 * repositories. */
void authorizer_explain(const struct authorizer *authorizer, struct error *err);
/* ready() is not called */
void authorizer_release(struct authorizer *authorizer);

#endif
