#ifndef WAYBILL_CREDENTIALS_SOURCE_H
#define WAYBILL_CREDENTIALS_SOURCE_H

#include "waybill/compiler.h"
#include "waybill/credentials.h"

/*
 * The interface of a source. start() completes at once or later from the loop;
 * either way it calls exactly one of source_found(), source_nothing() and
 * source_failed(), unless it is cancelled first. keychain.c defers the
 * completion, so that no waiter is called from inside its own call.
 */
struct source_job {
    const struct network *network;
    const struct credential_source *spec;
    const char *registry; /* host[:port]; "index.docker.io" for Docker Hub */
    const char *path;     /* the repository */
    void *state;          /* private to the source */
    /* private to keychain.c */
    void (*on_complete)(struct source_job *job);
    void *payload;
    struct task task;
    bool is_complete;
    struct credential credential;
    struct error failure;           /* kind ERROR_NONE: none */
    char reason[LIMIT_MESSAGE / 4]; /* why it found nothing */
};

/* --- source_job.c -----------------------------------------------------------
 */

/* Takes ownership of the contents of `credential`. */
void source_found(struct source_job *job, struct credential *credential);
/* The source does not apply here, and the next one is queried. The text gives
 * the reason to operators. */
void source_nothing(struct source_job *job, const char *format, ...)
    PRINTF(2, 3);
/* The source should have worked. The next one is queried all the same; the
 * error is reported if none of them supplies a credential. */
void source_failed(struct source_job *job, const struct error *err);

/* Keys of struct credential_source, as bits */
#define KEY_NAME (1U << 0)
#define KEY_VALUE (1U << 1)
#define KEY_PATH (1U << 2)
#define KEY_SERVICE (1U << 3)
#define KEY_BINDING (1U << 4)
#define KEY_TOKEN_TYPE (1U << 5)
#define KEY_SCOPES (1U << 6)
#define KEY_AUDIENCE (1U << 7)
#define KEY_REGION (1U << 8)
#define KEY_PROFILE (1U << 9)
#define KEY_ROLE_ARN (1U << 10)
#define KEY_TENANT (1U << 11)
#define KEY_CLIENT_ID (1U << 12)
#define KEY_ENDPOINT (1U << 13)

struct source_class {
    const char *name;
    unsigned accepted_keys; /* accepted keys, KEY_* bits */
    unsigned required_keys;
    void (*start)(struct source_job *job);
    /* NULL: start() always completes at once. Frees job->state; the job does
     * not complete afterwards. */
    void (*cancel)(struct source_job *job);
};

extern const struct source_class static_source;
extern const struct source_class env_source;
extern const struct source_class file_source;
extern const struct source_class github_source;
extern const struct source_class docker_source;
extern const struct source_class docker_helper_source;
extern const struct source_class keyring_source;
extern const struct source_class google_source;
extern const struct source_class aws_source;
extern const struct source_class azure_source;

/* Returns NULL if the name is unknown. */
const struct source_class *source_class_of(const char *name);

#endif
