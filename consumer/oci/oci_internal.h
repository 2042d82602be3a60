#ifndef WAYBILL_OCI_INTERNAL_H
#define WAYBILL_OCI_INTERNAL_H

#include <sys/queue.h>

#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/oci.h"

/* --- challenge.c: WWW-Authenticate (RFC 9110, section 11.6.1) ---------------
 */

enum auth_scheme { AUTH_UNKNOWN, AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct challenge {
    enum auth_scheme scheme;
    char *realm; /* Bearer only */
    char *service;
    char *scope;
};

/* The best of all challenges of a response: Bearer, else Basic; AUTH_UNKNOWN
 * when there is none that we know. */
void challenge_read(const struct http_response *response,
                    struct challenge *ret_challenge);
/* One header's value; keeps what is better than what stands there */
void challenge_parse(const char *value, struct challenge *challenge);
void challenge_release(struct challenge *challenge);

/* --- trust.c: the one place that decides where credentials may go ------------
 */

enum trust {
    TRUST_REFUSED,    /* not even the request */
    TRUST_ANONYMOUS,  /* the request, without credentials */
    TRUST_CREDENTIALS /* both */
};

enum errand {
    ERRAND_UPLOAD, /* a Location or a redirect */
    ERRAND_REALM,  /* a token server, which the credentials are for */
};

/* `to` came from the registry at `from`; https is given back to it where a
 * proxy in front of the registry has lost it. */
enum trust trust_of(const struct url *from, bool plain_http_allowed,
                    struct url *to, enum errand errand);

/* --- origin.c: what is known of a registry ----------------------------------
 */

struct origin_waiter {
    void (*ready)(void *payload, const struct error *err);
    void *payload;
    TAILQ_ENTRY(origin_waiter) link;
    bool waiting;
    unsigned round; /* of probes */
};

struct origin {
    TAILQ_ENTRY(origin) link;
    struct oci_client *client;
    struct url url;                  /* of /v2/ */
    struct http_transport transport; /* its own copy */
    bool plain_http_allowed;
    struct challenge challenge;
    struct http_transfer *probe;
    unsigned round;
    TAILQ_HEAD(, origin_waiter) waiters;
};

struct origin *origin_of(struct oci_client *client,
                         const struct oci_target *target, struct error *err);
void origin_free(struct origin *origin);
/* Calls ready() once the scheme is known, or could not be learnt. */
void origin_probe(struct origin *origin, struct origin_waiter *waiter);
void origin_forget_waiter(struct origin *origin, struct origin_waiter *waiter);
/* A 401 said something new. */
void origin_learn(struct origin *origin, const struct http_response *response);

/* --- token.c: Bearer tokens --------------------------------------------------
 */

struct token_waiter {
    /* token is NULL when there is none, and err says why. */
    void (*ready)(void *payload, const char *token, const struct error *err);
    void *payload;
    TAILQ_ENTRY(token_waiter) link;
    struct token *token; /* while waiting */
};

struct token {
    TAILQ_ENTRY(token) link;
    struct oci_client *client;
    char *key;
    char *value; /* NULL while it is fetched */
    uint64_t expires_ms;
    struct http_transfer *fetch;
    TAILQ_HEAD(, token_waiter) waiters;
};

/* A token that can be used now, or NULL: then call token_wait(). */
const char *token_cached(struct oci_client *client, const struct origin *origin,
                         const struct oci_target *target);
int token_wait(struct oci_client *client, const struct origin *origin,
               const struct oci_target *target, struct token_waiter *waiter,
               struct error *err) NODISCARD;
void token_forget_waiter(struct token_waiter *waiter);
/* The registry would not have it. */
void token_drop(struct oci_client *client, const struct origin *origin,
                const struct oci_target *target);
void token_free(struct token *token);

/* --- request.c: one authenticated request ------------------------------------
 */

struct oci_request;

struct oci_request_spec {
    const char *what; /* for messages: "upload of the layer" */
    const char *method;
    const char *url;
    const char *content_type; /* NULL: no body */
    const char *accept;       /* NULL: anything */
    struct bytes body;
};

/* Either response (any status but 401 and redirects) or err. */
typedef void oci_response_fn(void *payload,
                             const struct http_response *response,
                             const struct error *err);

struct oci_request *oci_request_start(struct oci_client *client,
                                      const struct oci_target *target,
                                      const struct oci_request_spec *spec,
                                      oci_response_fn *done, void *payload);
void oci_request_cancel(struct oci_request *request);
/* The URL that answered, behind all redirects; valid inside done(). */
const struct url *oci_request_url(const struct oci_request *request);

/* --- errors.c
 * ------------------------------------------------------------------ */

/* What a status that is no success means; always -1. */
int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target, const struct loop *loop,
                 struct error *err);
/* The credentials that were sent did not count: worth one try with new ones */
bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target);
/* Takes the target's secrets out of a text that a registry had a hand in */
void oci_scrub(const struct oci_target *target, struct error *err);

/* --- client.c
 * -------------------------------------------------------------------- */

struct oci_client {
    struct http *http;
    struct loop *loop;
    struct oci_client_options options;
    TAILQ_HEAD(, origin) origins;
    TAILQ_HEAD(, token) tokens; /* least recently fetched first */
    size_t token_count;
};

/* "Authorization: Basic ..." */
void oci_put_basic(struct str *out, const char *username, const char *password);

#endif
