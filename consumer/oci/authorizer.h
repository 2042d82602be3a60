#ifndef WAYBILL_OCI_AUTHORIZER_H
#define WAYBILL_OCI_AUTHORIZER_H

#include "origin.h"
#include "token.h"
#include "waybill/credentials.h"
#include "waybill/secret.h"

/*
 * Straight on, each step calls the next:
 *
 *     (probe) -> (credential) -> (token) -> ready
 */
struct authorizer {
    struct oci_client *client;
    struct origin *origin;
    const struct oci_target *target;
    const char *actions;
    /* Of this request's own 401; before that the origin's holds. */
    struct challenge challenge;
    struct challenge used;      /* the one of the two that is being answered */
    char *more;                 /* scopes that it asked for */
    const char *shown;          /* the token that went out last */
    uint64_t credential_id;     /* of what went out; 0: nothing did */
    bool renewed;               /* another credential was asked for */
    struct secret_set revealed; /* all that went out */
    struct origin_waiter probe_waiter;
    struct keychain_waiter keychain_waiter;
    struct token_waiter token_waiter;
    struct credential_check_waiter credential_check_waiter;
    bool showed_password;
    bool went_first; /* with it */
    /* header: the whole line, NULL for none. May come from inside
     * authorizer_start(). */
    void (*ready)(void *payload, const char *header, uint64_t lifetime_ms,
                  const struct error *err);
    void *payload;
};

void authorizer_init(struct authorizer *authorizer, struct oci_client *client,
                     struct origin *origin, const struct oci_target *target,
                     const char *actions);
void authorizer_start(struct authorizer *authorizer);
/* What became of the request, before anything else is done about it */
void authorizer_answered(struct authorizer *authorizer, bool answered,
                         bool refused);
/* What was shown did not count. True: authorizer_start() has something else to
 * show, once. */
bool authorizer_refused(struct authorizer *authorizer,
                        const struct http_response *response);
void authorizer_release(struct authorizer *authorizer); /* ready() no more */

#endif
