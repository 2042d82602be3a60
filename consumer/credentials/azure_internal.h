#ifndef WAYBILL_AZURE_INTERNAL_H
#define WAYBILL_AZURE_INTERNAL_H

#include "cloud.h"

/* The public cloud or a national one: each has its own authority (Entra ID
 * endpoint) and resource identifier. */
struct azure_cloud {
    const char *suffix; /* of registry host names */
    const char *authority;
    const char *resource;
};

/* --- azure_identity.c: an access token of Entra ID --------------------------
 */

/* Either `token` or `err` is set. If both are NULL, no identity is configured,
 * and identity->reason says why. May be called from inside
 * azure_identity_start(). */
typedef void azure_identity_fn(void *payload, const char *token,
                               const struct error *err);

struct azure_identity {
    const struct network *network;
    const struct credential_source *spec;
    const struct azure_cloud *cloud;
    azure_identity_fn *done;
    void *payload;
    struct http_transfer *transfer;
    const char *service; /* for messages */
    const char *reason;
    const char *tenant; /* NULL: unknown, and not required */
    const char *client_id;
    bool is_explicit;
    struct str url;
    struct secret secret; /* a form body, or a header line */
    struct secret_set sent;
};

void azure_identity_init(struct azure_identity *identity,
                         const struct network *network,
                         const struct credential_source *spec,
                         const struct azure_cloud *cloud,
                         azure_identity_fn *done, void *payload);
void azure_identity_start(struct azure_identity *identity);
/* Cancels the request in progress. */
void azure_identity_release(struct azure_identity *identity);

#endif
