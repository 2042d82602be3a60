#ifndef SIMULATE_REGISTRY_H
#define SIMULATE_REGISTRY_H

#include <sys/queue.h>

#include "sim.h"
#include "waybill/digest.h"
#include "waybill/http.h"

/*
 * Models of registries (distribution specification, as far as a push goes) and
 * of their token server, with everything that can go wrong with them.
 */

#define MOST_REGISTRIES 2
#define MOST_WINDOWS 8

enum registry_auth { REGISTRY_OPEN, REGISTRY_BASIC, REGISTRY_BEARER };

enum fault {
    FAULT_NONE,
    FAULT_REFUSED,  /* nobody listens */
    FAULT_ERRORS,   /* 500, 502, 503 */
    FAULT_THROTTLE, /* 429, with and without Retry-After */
    FAULT_SLOW,
    FAULT_HANG, /* no answer */
    FAULT_RESET,
    FAULT_DENIED, /* the password is wrong */
    FAULT_RESTART,
    FAULT_COUNT
};

struct window {
    enum fault fault;
    uint64_t from_ms;
    uint64_t until_ms;
};

struct stored_blob {
    const char *path;
    struct digest digest;
};

struct stored_manifest {
    const char *path;
    const char *tag;
    struct digest digest;
    struct bytes bytes;
};

struct upload_session {
    const char *path;
    unsigned number;
};

struct issued_token {
    unsigned number;
    const char *path;
    uint64_t expires_ms;
};

struct registry {
    struct registries *registries;
    const char *host; /* with its port */
    enum registry_auth auth;
    const char *username; /* NULL: open */
    const char *password;
    bool absolute_location;
    uint64_t token_ms;
    struct window windows[MOST_WINDOWS];
    size_t window_count;
    uint64_t faulty_ms; /* the windows together */
    struct stored_blob *blobs;
    size_t blob_count;
    size_t blob_capacity;
    struct stored_manifest *manifests;
    size_t manifest_count;
    size_t manifest_capacity;
    struct upload_session *uploads;
    size_t upload_count;
    size_t upload_capacity;
    struct issued_token *tokens;
    size_t token_count;
    size_t token_capacity;
    unsigned numbers; /* of uploads and tokens */
    struct timer restart;
};

struct registries {
    struct sim *sim;
    struct registry all[MOST_REGISTRIES];
    size_t count;
    TAILQ_HEAD(, wire) wires; /* requests under way */
};

/* A request, as it arrives */
struct ask {
    const char *method;
    struct url url;
    const char *path;          /* behind the host */
    const char *authorization; /* NULL: none */
    struct bytes body;
};

enum reply_kind { REPLY_RESPONSE, REPLY_REFUSED, REPLY_RESET, REPLY_NEVER };

struct reply {
    enum reply_kind kind;
    uint64_t delay_ms;
    struct http_response response;
};

struct registries *registries_new(struct sim *sim, size_t count);
void registries_free(struct registries *registries);
void registries_serve(struct registries *registries, const struct ask *ask,
                      struct reply *reply);

/* sim_http.c */
void wires_free(struct registries *registries);
/* registry.c: what an honest one answers */
void registry_answer(struct registry *registry, const struct ask *ask,
                     struct reply *reply);
void reply_set(struct reply *reply, int status, const char *code);
/* registry_auth.c */
bool registry_authorize(struct registry *registry, const struct ask *ask,
                        struct reply *reply);
void token_server_answer(struct registries *registries, const struct ask *ask,
                         struct reply *reply);
struct registry *registry_of_token(struct registries *registries,
                                   const struct ask *ask);
bool registry_is(const struct registry *registry, enum fault fault);
void registry_challenge(const struct registry *registry, struct reply *reply);

/* For the invariants */
const struct stored_manifest *registry_manifest(const struct registry *registry,
                                                const char *path,
                                                const char *tag);
bool registry_has_blob(const struct registry *registry, const char *path,
                       const char *digest);
/* Whether an answer says for good that it will not have it */
bool registry_refuses(const char *path);

#endif
