#ifndef WAYBILL_CREDENTIALS_INTERNAL_H
#define WAYBILL_CREDENTIALS_INTERNAL_H

#include "waybill/compiler.h"
#include "waybill/credentials.h"
#include "waybill/str.h"

/*
 * How a source is asked. start() has its answer at once, or later from the
 * loop; either way it calls exactly one of source_found(), source_nothing() and
 * source_failed(), unless cancelled before. keychain.c sees to it that nobody
 * is called back from inside.
 */
struct source_job {
    const struct keychain_env *env;
    const struct credential_source *spec;
    const char *registry; /* host[:port]; "index.docker.io" for Docker Hub */
    const char *path;     /* of the repository */
    void *state;          /* the source's own */
    /* keychain.c's */
    void (*answered)(struct source_job *job);
    void *payload;
    struct task task;
    bool is_answered;
    struct credential credential;
    struct error failure;        /* kind ERROR_NONE: none */
    char why[LIMIT_MESSAGE / 4]; /* nothing there, because */
};

/* --- source_job.c */

/* Takes what `credential` points to. */
void source_found(struct source_job *job, struct credential *credential);
/* It does not apply here: the next one is asked. Why, for people. */
void source_nothing(struct source_job *job, const char *format, ...)
    PRINTF(2, 3);
/* It should have worked. The next one is asked all the same, and this is said
 * when none had an answer. */
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
    unsigned takes; /* keys */
    unsigned needs;
    void (*start)(struct source_job *job);
    /* NULL: always answers at once. Frees job->state; no answer any more. */
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

/* NULL: there is none of that name. */
const struct source_class *source_class_of(const char *name);

/* Puts one value where the binding says; -1 when an `auth` is none. The value
 * is copied. */
int credential_bind(struct credential *credential, int binding,
                    const char *value, struct error *err) NODISCARD;

/* A file with a secret in it (file_read()), without the line end at its end.
 * Whatever is wrong with it is ERROR_AUTH; ret_stamp may be NULL. */
int secret_file_read(const char *path, struct str *out,
                     struct file_stamp *ret_stamp, struct error *err) NODISCARD;

/* --- docker_config.c: what a docker config says; pure --- */

struct docker_entry {
    char *helper;    /* is asked first; NULL: none */
    const char *via; /* "credHelpers" or "credsStore" */
    /* Of `auths`, when there is no helper or it has nothing; may be empty */
    struct credential credential;
};

/* Both empty when nothing there is for that repository; path may be NULL. */
int docker_config_lookup(const char *text, size_t len, const char *registry,
                         const char *path, struct docker_entry *ret_entry,
                         struct error *err) NODISCARD;
void docker_entry_release(struct docker_entry *entry); /* wipes */
/* What docker files the registry's credentials under, and asks helpers for */
const char *docker_server(const char *registry);

/* --- docker_helper.c: one question to one helper --- */

#define DOCKER_HELPER_PREFIX "docker-credential-"

struct docker_helper;
/* Later, once: found (take it), failed, or both NULL: it has none. */
typedef void docker_helper_fn(void *payload, struct credential *found,
                              const struct error *err);

/* -1: it has no name that may be run. `name` is what follows
 * docker-credential-. */
int docker_helper_start(struct loop *loop, const char *name,
                        const char *registry, docker_helper_fn *done,
                        void *payload, struct docker_helper **ret_helper,
                        struct error *err) NODISCARD;
void docker_helper_cancel(struct docker_helper *helper);
/* The start of what a program complained of, for a message; never from where
 * JSON begins, which may be the answer after all. */
void helper_words(struct str *out, const struct str *output,
                  const struct str *errors);

#endif
