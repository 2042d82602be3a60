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

struct trial;

struct origin {
    TAILQ_ENTRY(origin) link;
    struct oci_client *client;
    struct url url;                  /* of /v2/ */
    struct http_transport transport; /* its own copy */
    const struct provider *provider;
    struct capabilities capabilities;
    TAILQ_HEAD(, trial) trials;
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

enum trial_state {
    TRIAL_OPEN,    /* nobody knows: who asks goes first */
    TRIAL_RUNNING, /* somebody does, and the others wait for what becomes of it
                    */
    TRIAL_GOOD,
    TRIAL_REFUSED
};

struct trial_waiter {
    void (*ready)(void *payload); /* then: once more trial_begin() */
    void *payload;
    TAILQ_ENTRY(trial_waiter) link;
    struct trial *trial; /* while waiting */
    unsigned round;
};

struct trial {
    TAILQ_ENTRY(trial) link;
    const struct keychain *keychain; /* whose; only compared */
    uint64_t id;                     /* of the credential */
    enum trial_state state;
    uint64_t until_ms; /* of a refusal */
    unsigned round;
    TAILQ_HEAD(, trial_waiter) waiters;
};

/* OPEN: the caller is the first, and must call trial_end(); RUNNING: it waits.
 */
enum trial_state trial_begin(struct origin *origin,
                             const struct keychain *keychain, uint64_t id,
                             struct trial_waiter *waiter);
/* Every answer is a verdict: GOOD, REFUSED, or OPEN where there was none. */
void trial_end(struct origin *origin, const struct keychain *keychain,
               uint64_t id, bool was_first, enum trial_state verdict);
void trial_forget_waiter(struct trial_waiter *waiter);
void trial_free(struct origin *origin, struct trial *trial);

#endif
