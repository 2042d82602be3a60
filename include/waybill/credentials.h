#ifndef WAYBILL_CREDENTIALS_H
#define WAYBILL_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "waybill/access.h"
#include "waybill/error.h"
#include "waybill/field.h"
#include "waybill/file.h"
#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/secret.h"

/*
 * The credentials of a registry come from a chain of sources (the "keychain"),
 * which are queried in order until one of them supplies a secret. The result is
 * cached until it expires, until the file it was read from changes, or until
 * the registry rejects it; then the chain is resolved again.
 *
 *     static, env, file            one value each
 *     docker                       a Docker config (and .dockerconfigjson)
 *     docker-helper, keyring       the output of another program
 *     google, aws, azure, github   the identity that a cloud gives its
 * workloads
 *
 * Out of scope: the tokens of a registry's own token server (oci/), and the
 * decision which hosts may receive credentials (oci/trust.c). Loop thread only.
 */

/* --- one source, as configured ----------------------------------------------
 */

/* The part of a credential that a source's single value supplies */
enum credential_binding {
    BINDING_DEFAULT, /* the password */
    BINDING_USERNAME,
    BINDING_PASSWORD,
    BINDING_AUTH, /* base64 of username:password, as in a Docker config */
    BINDING_IDENTITY_TOKEN, /* an OAuth2 refresh token */
    BINDING_REGISTRY_TOKEN, /* a Bearer token that is sent as it is */
};

enum google_token_type { GOOGLE_ACCESS, GOOGLE_ID, GOOGLE_JWT };

/* One item of `lookup_chain`. The kind of source determines which members may
 * be set; the others are NULL, which credential_source_check() verifies. */
struct credential_source {
    const char *source; /* the kind of source: "env" */
    int binding;        /* enum credential_binding */
    /* env: the variable; docker-helper: the program's suffix */
    const char *name;
    const char *value;   /* static */
    const char *path;    /* file, docker, google, aws (shared file) */
    const char *service; /* keyring */
    /* google */
    int token_type; /* enum google_token_type */
    struct field_strings scopes;
    const char *audience;
    /* aws; NULL: derived from the registry's name or the environment */
    const char *region;
    const char *profile;
    const char *role_arn;
    /* azure */
    const char *tenant;
    const char *client_id;
    /* aws, azure, google: overrides the service's URL, for private endpoints
     * and for tests */
    const char *endpoint;
};

extern const struct field credential_source_fields[];
/* Verifies that the kind of source exists and that exactly the keys it accepts,
 * and all that it requires, are set. On failure *ret_key names the offending
 * key. */
int credential_source_check(const struct credential_source *source,
                            const char **ret_key, struct error *err) NODISCARD;

/* Adds the files that the source reads, and the programs that it runs, to the
 * access list of the sandbox. */
void credential_source_access(const struct credential_source *source,
                              struct access *access);

/* --- a credential -----------------------------------------------------------
 */

/* An empty credential is valid: the registry is then accessed anonymously. All
 * members are owned by the struct; secrets are wiped when they are released. */
struct credential {
    char *username;
    struct secret password;
    struct secret identity_token;
    struct secret registry_token;
    /* The source's name, for messages; it never contains a secret */
    char *origin;
    /* Both are relative to the time of acquisition. 0 for lifetime_ms: valid
     * until the registry rejects it. From `renew_ms` on a replacement is
     * fetched in the background while this one is still used; 0: it is replaced
     * only when it expires. */
    uint64_t lifetime_ms;
    uint64_t renew_ms;
    /* Set by a source for its keychain: the file that the credential was read
     * from, and the stamp of that file; NULL: none */
    char *file;
    struct file_stamp stamp;
    /* Assigned by the keychain: a different id is a different credential. A
     * refresh token that the token server rotated keeps its id. */
    uint64_t id;
};

bool credential_is_empty(const struct credential *credential);
/* True if there is a password or a token, not only a username. */
bool credential_has_secret(const struct credential *credential);
void credential_copy(struct credential *to, const struct credential *from);
void credential_release(struct credential *credential);
/* Adds all of its secrets, in every encoding in which requests carry them, so
 * that they can be redacted from messages. */
void credential_add_secrets(struct secret_set *set,
                            const struct credential *credential);

/* --- a registration's chain -------------------------------------------------
 */

struct keychain;

struct keychain_options {
    const char *registry; /* host[:port] */
    /* the repository, for Docker config entries with a path */
    const char *path;
    const char *username; /* NULL: taken from the chain */
    const char *password;
    const struct credential_source *sources;
    size_t source_count;
    /* Whether the Docker config and the provider's sources follow `sources` */
    bool with_defaults;
    /* Defaults of the registry's provider (provider.h), either may be NULL: the
     * names of its sources, NULL-terminated, and the username to send with a
     * password that comes without one */
    const char *const *provider_sources;
    const char *provider_username;
};

struct keychain_waiter {
    /* Exactly one of credential and err is set. It is err when a source failed
     * and no other supplied a credential. */
    void (*ready)(void *payload, const struct credential *credential,
                  const struct error *err);
    void *payload;
    TAILQ_ENTRY(keychain_waiter) link;
    struct keychain *keychain; /* NULL unless it waits */
    unsigned round;            /* the resolution that it waits for */
};

/* Adds what a keychain with these options would read and run to the access
 * list, without reading or running anything. */
void keychain_access(const struct keychain_options *options,
                     struct access *access);

/* Borrows `network` and `options`, which must outlive the keychain. */
struct keychain *keychain_new(const struct network *network,
                              const struct keychain_options *options);
/* no waiter may be queued; NULL is allowed */
void keychain_free(struct keychain *keychain);

/* Returns the cached credential, or NULL if the caller has to keychain_wait()
 * for one. A password given in the options is available at once, unless a
 * source has to supply its username. The keychain owns the result, which the
 * next resolution replaces. */
const struct credential *keychain_cached(struct keychain *keychain);
/* Queues the waiter; ready() is called exactly once, from the loop, never from
 * inside this function. */
void keychain_wait(struct keychain *keychain, struct keychain_waiter *waiter);
void keychain_cancel_wait(struct keychain_waiter *waiter);
/* Reports that the registry rejected the credential `id`. The chain is then
 * resolved again before the next use, at most once in ten seconds, because
 * sources are subject to quotas. Returns true if the next waiter gets the
 * result of a new resolution. */
bool keychain_reject(struct keychain *keychain, uint64_t id);
/* Stores the refresh token by which a token server replaced the one of the
 * credential `id`; ignored if that is no longer the current credential. */
void keychain_rotate(struct keychain *keychain, uint64_t id,
                     const char *identity_token);
/* The current credential even if it has expired or was rejected; used for
 * redaction and for reports */
const struct credential *keychain_last(const struct keychain *keychain);
/* The outcome of each source in the last resolution: "env GHCR_TOKEN: not set;
 * docker config: no file" */
const char *keychain_report(const struct keychain *keychain);

/* The host names of Docker Hub, compared without regard to case and
 * NULL-terminated. DOCKER_HUB is the canonical one, which Docker configs and
 * references use; requests go to the provider's wire_host. */
#define DOCKER_HUB "index.docker.io"
extern const char *const docker_hub_names[];
bool is_docker_hub(const char *host, size_t len);

#endif
