#ifndef SIMULATE_REGISTRY_H
#define SIMULATE_REGISTRY_H

#include <sys/queue.h>

#include "sim.h"
#include "waybill/digest.h"
#include "waybill/http.h"
#include "waybill/url.h"

/*
 * Models of registries (distribution specification, as far as a push goes) and
 * of their token server, with everything that can go wrong with them.
 */

#define MAX_REGISTRIES 3
#define MAX_ACCOUNTS 2
#define MAX_WINDOWS 8
/* Where some send their uploads, by URLs that are signed */
#define STORE "store.model.example:5000"

enum registry_auth { REGISTRY_OPEN, REGISTRY_BASIC, REGISTRY_BEARER };

/* What is made of a POST that carries a blob */
enum single_post {
    SINGLE_POST_IGNORED,
    SINGLE_POST_TAKEN,
    SINGLE_POST_REFUSED
};

enum location { LOCATION_RELATIVE, LOCATION_ABSOLUTE, LOCATION_DOWNGRADED };

enum fault {
    FAULT_NONE,
    FAULT_REFUSED,  /* nobody listens */
    FAULT_ERRORS,   /* 500, 502, 503 */
    FAULT_THROTTLE, /* 429, with and without Retry-After */
    FAULT_SLOW,
    FAULT_COMMITS, /* what was put shows late, and so does the answer */
    FAULT_HANG,    /* no answer */
    FAULT_RESET,
    FAULT_LOST,     /* done, but nobody hears of it */
    FAULT_CUT,      /* the connection breaks in the middle of a body */
    FAULT_SESSIONS, /* an upload is forgotten */
    FAULT_TOKENS,   /* a token is good for one request */
    FAULT_REDIRECT, /* 307, to itself or to where it keeps things */
    FAULT_LIES,     /* names another digest than it was sent */
    FAULT_DENIED,   /* an account, or all: 401 or 403 */
    FAULT_RESTART,
    FAULT_DRAWN, /* those before it */
    /* The answers of something in front of it */
    FAULT_INGRESS = FAULT_DRAWN, /* that has no backend */
    FAULT_LOGIN,                 /* a page for humans, with 200 */
    /* It takes nothing, and says so. */
    FAULT_READ_ONLY,
    FAULT_QUOTA,
    FAULT_COUNT
};

struct window {
    enum fault fault;
    uint64_t from_ms;
    uint64_t until_ms;
    unsigned accounts; /* that it is for, a bit each */
    bool forbids;      /* 403 instead of 401 */
};

struct stored_blob {
    const char *path;
    struct digest digest;
    uint64_t from_ms; /* before that it is not there */
};

struct stored_manifest {
    const char *path;
    const char *tag;
    struct digest digest;
    struct bytes bytes;
    uint64_t from_ms;
};

struct upload_session {
    const char *path;
    unsigned number;
    size_t got; /* bytes of a body that broke off */
};

struct issued_token {
    unsigned number;
    unsigned account;
    unsigned uses;
    const char *path;
    uint64_t expires_ms;
};

/* What a configuration may hold that has not been changed yet */
#define FORMER_PASSWORD "long gone"

struct account {
    const char *username; /* NULL: everybody may */
    const char *password;
};

struct registry {
    struct registries *registries;
    const char *host; /* with its port */
    enum registry_auth auth;
    struct account accounts[MAX_ACCOUNTS];
    enum location location;
    enum single_post single_post;
    bool speaks_oauth2; /* by refresh tokens that are good for one use */
    unsigned refresh[MAX_ACCOUNTS]; /* the number of the one; 0: none */
    uint64_t token_ms;
    uint64_t said_token_ms; /* which may be more */
    struct window windows[MAX_WINDOWS];
    size_t window_count;
    uint64_t faulty_ms; /* the windows together */
    /* Until then a configuration may hold a wrong password; 0: none has. */
    uint64_t spoiled_until_ms;
    uint64_t requests;
    uint64_t refusals; /* of these, answered with 401 or 403 */
    /* Until then it denies the paths that it would refuse for good. */
    uint64_t denies_until_ms;
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
    const char **lies; /* paths whose manifest was said to be another */
    size_t lie_count;
    size_t lie_capacity;
    unsigned numbers; /* of uploads and tokens */
    struct timer restart;
};

struct registries {
    struct sim *sim;
    struct registry all[MAX_REGISTRIES];
    size_t count;
    TAILQ_HEAD(, wire) wires; /* requests under way */
};

/* A request, as it arrives */
struct ask {
    struct sim *sim;
    enum fault fault; /* what ails the registry at that moment */
    bool is_signed;   /* a URL that the registry itself has given out */
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
void registries_serve(struct registries *registries, struct ask *ask,
                      struct reply *reply);

/* sim_http.c */
void wires_free(struct registries *registries);
/* registry.c: what an honest one answers */
void registry_answer(struct registry *registry, const struct ask *ask,
                     struct reply *reply);
void reply_set(struct reply *reply, int status, const char *code);
/* So much of the body arrives, and no more. */
void registry_take_half(struct registry *registry, const struct ask *ask);
/* registry_auth.c: false says why in the reply. */
bool registry_authorize(struct registry *registry, const struct ask *ask,
                        struct reply *reply);
void token_server_answer(struct registries *registries, const struct ask *ask,
                         struct reply *reply);
struct registry *registry_of_token(struct registries *registries,
                                   const struct ask *ask);
/* What every token contains, and nothing else */
#define SECRET_MARK "wbSecret"
/* registry_echo.c: an error repeats what the request has shown. */
void registry_echo(const struct ask *ask, struct reply *reply);
/* Whose secret it is that a request shows */
void registry_check_secret(struct registries *registries,
                           const struct registry *registry,
                           const struct ask *ask);
/* registry_faults.c: NULL when nothing ails it */
const struct window *registry_window(const struct registry *registry);
/* registry_plan.c */
const char *fault_name(enum fault fault);

/* For the invariants */
const struct stored_manifest *registry_manifest(const struct registry *registry,
                                                const char *path,
                                                const char *reference);
bool registry_has_blob(const struct registry *registry, const char *path,
                       const char *digest);
/* Nothing has ailed it from then on to now, nor shortly before. */
bool registry_was_well(const struct registry *registry, uint64_t since_ms);
bool registry_has_lied(const struct registry *registry, const char *path);
/* Whether an answer says for good that it will not have it */
bool registry_refuses(const char *path);
/* Whether that path is denied for a while instead, in the whole world */
bool registry_denies(const struct registry *registry);

#endif
