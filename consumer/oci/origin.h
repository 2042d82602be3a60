#ifndef WAYBILL_OCI_ORIGIN_H
#define WAYBILL_OCI_ORIGIN_H

#include <sys/queue.h>

#include "capabilities.h"
#include "waybill/oci.h"
#include "waybill/url.h"

/*
 * A registry as it is reached: its URL and transport, and the state shared by
 * all requests to it. Two registrations with the same URL and transport share
 * one origin.
 */

struct origin_waiter {
    void (*ready)(void *payload, const struct error *err);
    void *payload;
    TAILQ_ENTRY(origin_waiter) link;
    bool waiting;
    unsigned round; /* the probe that it waits for */
};

struct credential_check;

struct origin {
    TAILQ_ENTRY(origin) link;
    struct oci_client *client;
    struct url url;                  /* of /v2/ */
    struct http_transport transport; /* a copy */
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
/* GET /v2/ without credentials */
struct http_request origin_ping(const struct origin *origin);
/* Calls ready() once the authentication scheme is known or the probe has
 * failed. */
void origin_probe(struct origin *origin, struct origin_waiter *waiter);
void origin_forget_waiter(struct origin *origin, struct origin_waiter *waiter);

/* --- credential_check.c: whether a password is valid ---------------------- */

enum credential_check_state {
    CREDENTIAL_UNKNOWN, /* not known: the next request decides */
    CREDENTIAL_RUNNING, /* one request is deciding, the others wait */
    CREDENTIAL_GOOD,
    CREDENTIAL_REFUSED
};

struct credential_check_waiter {
    /* Call credential_check_begin() again then. */
    void (*ready)(void *payload);
    void *payload;
    TAILQ_ENTRY(credential_check_waiter) link;
    struct credential_check *credential_check; /* while waiting, else NULL */
    unsigned round;
};

struct credential_check {
    TAILQ_ENTRY(credential_check) link;
    /* the registration's; only compared, never dereferenced */
    const struct keychain *keychain;
    uint64_t id; /* of the credential */
    enum credential_check_state state;
    uint64_t until_ms; /* end of CREDENTIAL_REFUSED */
    unsigned round;
    TAILQ_HEAD(, credential_check_waiter) waiters;
};

/* UNKNOWN: the request of the caller decides, and the caller must call
 * credential_check_end(). RUNNING: the waiter is called later. */
enum credential_check_state credential_check_begin(
    struct origin *origin, const struct keychain *keychain, uint64_t id,
    struct credential_check_waiter *waiter);
/* Reports the verdict of a response: GOOD or REFUSED, or UNKNOWN if there was
 * no response. */
void credential_check_end(struct origin *origin,
                          const struct keychain *keychain, uint64_t id,
                          bool was_first, enum credential_check_state verdict);
void credential_check_forget_waiter(struct credential_check_waiter *waiter);
void credential_check_free(struct origin *origin,
                           struct credential_check *credential_check);

#endif
