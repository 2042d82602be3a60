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
 * Where a registry's credentials come from: a chain of sources, asked in order
 * until there is one that will do. What was got is kept until it ends, until
 * the file it came from changes, or until the registry refuses it; then the
 * chain is walked again.
 *
 *     static, env, file        one value each
 *     docker                   a docker config (and .dockerconfigjson)
 *     docker-helper, keyring   another program
 *     google, aws, azure, github   what a cloud gives to those who run in it
 *
 * Not here: tokens of the registry's own token server (oci/), and where
 * credentials may be sent (oci/trust.c). Loop thread only.
 */

/* --- one source, as configured ----------------------------------------------
 */

/* Which part of a credential a single value is */
enum credential_binding {
    BINDING_DEFAULT, /* the password */
    BINDING_USERNAME,
    BINDING_PASSWORD,
    BINDING_AUTH,           /* base64 of username:password, as docker has it */
    BINDING_IDENTITY_TOKEN, /* an OAuth2 refresh token */
    BINDING_REGISTRY_TOKEN, /* a Bearer token that is sent as it is */
};

enum google_token_type { GOOGLE_ACCESS, GOOGLE_ID, GOOGLE_JWT };

/* A row of `lookup_chain`. Which members count is the source's business; the
 * others are NULL (checked by credential_source_check()). */
struct credential_source {
    const char *source;  /* the name of a kind: "env" */
    int binding;         /* enum credential_binding */
    const char *name;    /* env: variable; docker-helper: program's suffix */
    const char *value;   /* static */
    const char *path;    /* file, docker, google, aws (shared file) */
    const char *service; /* keyring */
    /* google */
    int token_type; /* enum google_token_type */
    struct field_strings scopes;
    const char *audience;
    /* aws; what is NULL is what the registry's name or the environment says */
    const char *region;
    const char *profile;
    const char *role_arn;
    /* azure */
    const char *tenant;
    const char *client_id;
    /* aws, azure, google: the service's address; for tests and private
     * endpoints */
    const char *endpoint;
};

extern const struct field credential_source_fields[];
/* Names a source that there is, with the keys that it takes and those that it
 * needs. *ret_key is the key at fault. */
int credential_source_check(const struct credential_source *source,
                            const char **ret_key, struct error *err) NODISCARD;

/* The files that it reads, and the programs that it runs */
void credential_source_access(const struct credential_source *source,
                              struct access *access);

/* --- what comes out ---------------------------------------------------------
 */

/* Nothing set: there are none, and the registry is asked as anybody. */
struct credential {
    char *username;
    struct secret password;
    struct secret identity_token;
    struct secret registry_token;
    /* Where it came from, for people; never a part of a value */
    char *origin;
    /* From when it was got; 0: until it is refused. At `renew_ms` a new one is
     * fetched while the old one still serves; 0: only at its end. */
    uint64_t lifetime_ms;
    uint64_t renew_ms;
    /* From a source to its keychain: the file that it was read from, and how
     * that looked; NULL: none */
    char *file;
    struct file_stamp stamp;
    /* The keychain's: another number means another credential. A refresh token
     * that was rotated keeps it. */
    uint64_t id;
};

bool credential_is_empty(const struct credential *credential);
/* More than a user's name */
bool credential_has_secret(const struct credential *credential);
void credential_copy(struct credential *to, const struct credential *from);
void credential_release(struct credential *credential);
/* All of its secrets, in the forms in which requests show them */
void credential_add_to(struct secret_set *set,
                       const struct credential *credential);

/* --- a registration's chain --------------------------------------------------
 */

struct keychain;

struct keychain_options {
    const char *registry; /* host[:port] */
    const char *path;     /* of the repository, for entries with a path */
    const char *username; /* NULL: from the chain */
    const char *password;
    const struct credential_source *sources;
    size_t source_count;
    /* After them the docker config and the sources of the provider */
    bool with_defaults;
    /* What the registry's provider is known for (provider.h): the names of its
     * sources, ending with NULL, and the username of a password that has none;
     * or NULL. */
    const char *const *provider_sources;
    const char *provider_username;
};

struct keychain_waiter {
    /* credential is NULL when a source failed and none had an answer. */
    void (*ready)(void *payload, const struct credential *credential,
                  const struct error *err);
    void *payload;
    TAILQ_ENTRY(keychain_waiter) link;
    struct keychain *keychain; /* while waiting */
    unsigned round;            /* of walks */
};

/* What a keychain with these options reads and runs, which is nothing yet */
void keychain_access(const struct keychain_options *options,
                     struct access *access);

/* Network and options, and what they point to, must outlive it. */
struct keychain *keychain_new(const struct network *network,
                              const struct keychain_options *options);
void keychain_free(struct keychain *keychain); /* nobody may wait; NULL fine */

/* What can be used now, or NULL: then keychain_wait(). A password that stands
 * in the options can be used at once, unless a source is to be asked for the
 * user's name. */
const struct credential *keychain_cached(struct keychain *keychain);
/* Calls ready() once, later, from the loop. */
void keychain_wait(struct keychain *keychain, struct keychain_waiter *waiter);
void keychain_forget_waiter(struct keychain_waiter *waiter);
/* It was refused. The chain is walked again before it is used once more, but
 * not every few seconds: sources have their quotas. True: the next one who
 * waits gets what a new walk finds. */
bool keychain_refuse(struct keychain *keychain, uint64_t id);
/* A token server has replaced the refresh token of that credential. */
void keychain_rotate(struct keychain *keychain, uint64_t id,
                     const char *identity_token);
/* The last one, whatever it is worth by now; for scrubbing and for reports */
const struct credential *keychain_last(const struct keychain *keychain);
/* What each source said when the chain was walked last: "env GHCR_TOKEN: not
 * set; docker config: no file". */
const char *keychain_report(const struct keychain *keychain);

/* Docker Hub has several names, in any case, which all mean the same registry;
 * the list ends with NULL. DOCKER_HUB is the one that credentials and
 * references have; requests go to the provider's wire_host. */
#define DOCKER_HUB "index.docker.io"
extern const char *const docker_hub_names[];
bool is_docker_hub(const char *host, size_t len);

#endif
