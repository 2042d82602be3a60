#ifndef WAYBILL_AZURE_INTERNAL_H
#define WAYBILL_AZURE_INTERNAL_H

#include "cloud.h"

/* Which of Azure's clouds it is: each has its own directory and its own name
 * for the resource that a token is for. */
struct azure_cloud {
    const char *suffix; /* of registries */
    const char *authority;
    const char *resource;
};

/* --- azure_identity.c: a token of the directory
 * -------------------------------
 */

/* All NULL: there is no identity here, and identity->why. It may be called from
 * inside azure_identity_start(). */
typedef void azure_identity_fn(void *payload, const char *token,
                               const struct error *err);

struct azure_identity {
    const struct keychain_env *env;
    const struct credential_source *spec;
    const struct azure_cloud *cloud;
    azure_identity_fn *done;
    void *payload;
    struct http_transfer *transfer;
    const char *service; /* that is asked */
    const char *why;
    const char *tenant; /* NULL: not known, and not needed */
    const char *client_id;
    bool must_answer;
    struct str url;
    struct str secret; /* a form, or a header's line */
};

void azure_identity_init(struct azure_identity *identity,
                         const struct keychain_env *env,
                         const struct credential_source *spec,
                         const struct azure_cloud *cloud,
                         azure_identity_fn *done, void *payload);
void azure_identity_start(struct azure_identity *identity);
/* Cancels what is under way */
void azure_identity_release(struct azure_identity *identity);

#endif
