#ifndef WAYBILL_OCI_ORIGIN_H
#define WAYBILL_OCI_ORIGIN_H

#include <sys/queue.h>

#include "capabilities.h"
#include "waybill/oci.h"
#include "waybill/url.h"

/*
 * A registry, as it is reached: its URL and transport, and what all requests to
 * it share. Two registrations with the same of both have one origin.
 */

struct origin_waiter {
    void (*ready)(void *payload, const struct error *err);
    void *payload;
    TAILQ_ENTRY(origin_waiter) link;
    bool waiting;
    unsigned round; /* of probes */
};

struct credential_check;

struct origin {
    TAILQ_ENTRY(origin) link;
    struct oci_client *client;
    struct url url;                  /* of /v2/ */
    struct http_transport transport; /* its own copy */
    const struct provider *provider;
    struct capabilities capabilities;
    TAILQ_HEAD(, credential_check) credential_checks;
    struct http_transfer *probe;
    unsigned round;
    TAILQ_HEAD(, origin_waiter) waiters;
};

struct origin *origin_of(struct oci_client *client,
                         const struct oci_target *target, struct error *err);
void origin_free(struct origin *origin);
/* GET /v2/, with nothing to show */
struct http_request origin_ping(const struct origin *origin);
/* Calls ready() once the scheme is known, or could not be learnt. */
void origin_probe(struct origin *origin, struct origin_waiter *waiter);
void origin_forget_waiter(struct origin *origin, struct origin_waiter *waiter);

/* --- trial.c: whether a password counts ------------------------------------
 */

enum credential_check_state {
    CREDENTIAL_OPEN,    /* nobody knows: who asks goes first */
    CREDENTIAL_RUNNING, /* somebody does, and the others wait for what becomes
                         * of it
                         */
    CREDENTIAL_GOOD,
    CREDENTIAL_REFUSED
};

struct credential_check_waiter {
    void (*ready)(void *payload); /* then: once more credential_check_begin() */
    void *payload;
    TAILQ_ENTRY(credential_check_waiter) link;
    struct credential_check *credential_check; /* while waiting */
    unsigned round;
};

struct credential_check {
    TAILQ_ENTRY(credential_check) link;
    const struct keychain *keychain; /* whose; only compared */
    uint64_t id;                     /* of the credential */
    enum credential_check_state state;
    uint64_t until_ms; /* of a refusal */
    unsigned round;
    TAILQ_HEAD(, credential_check_waiter) waiters;
};

/* OPEN: the caller is the first, and must call credential_check_end(); RUNNING:
 * it waits.
 */
enum credential_check_state credential_check_begin(
    struct origin *origin, const struct keychain *keychain, uint64_t id,
    struct credential_check_waiter *waiter);
/* Every answer is a verdict: GOOD, REFUSED, or OPEN where there was none. */
void credential_check_end(struct origin *origin,
                          const struct keychain *keychain, uint64_t id,
                          bool was_first, enum credential_check_state verdict);
void credential_check_forget_waiter(struct credential_check_waiter *waiter);
void credential_check_free(struct origin *origin,
                           struct credential_check *credential_check);

#endif
