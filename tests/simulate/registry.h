#ifndef SIMULATE_REGISTRY_H
#define SIMULATE_REGISTRY_H

#include <sys/queue.h>

#include "sim.h"
#include "waybill/digest.h"
#include "waybill/http.h"
#include "waybill/url.h"

/* Models of registries (distribution specification, as far as a push needs it)
 * and of their token server, with their faults. */

#define MAX_REGISTRIES 3
#define MAX_ACCOUNTS 2
#define MAX_WINDOWS 8
/* The host for uploads of some registries, with signed URLs */
#define STORE "store.model.example:5000"

enum registry_auth { REGISTRY_OPEN, REGISTRY_BASIC, REGISTRY_BEARER };

/* The reaction to a POST that contains a blob */
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
    FAULT_COMMITS, /* content becomes visible late, and so does the response */
    FAULT_HANG,    /* no answer */
    FAULT_RESET,
    FAULT_LOST,     /* the request is executed, but its response is lost */
    FAULT_CUT,      /* the connection is closed in the middle of a body */
    FAULT_SESSIONS, /* an upload session is forgotten */
    FAULT_TOKENS,   /* a token is valid for one request */
    FAULT_REDIRECT, /* 307, to the registry itself or to its storage */
    FAULT_LIES,     /* reports another digest than that of the content */
    FAULT_DENIED,   /* refuses one account, or all: 401 or 403 */
    FAULT_RESTART,
    FAULT_DRAWN, /* the number of the above */
    /* The responses of a server in front of it */
    FAULT_INGRESS = FAULT_DRAWN, /* an ingress without a backend */
    FAULT_LOGIN,                 /* an HTML page, with 200 */
    /* It accepts nothing, and says so. */
    FAULT_READ_ONLY,
    FAULT_QUOTA,
    FAULT_COUNT
};

struct window {
    enum fault fault;
    uint64_t from_ms;
    uint64_t until_ms;
    unsigned accounts; /* the accounts that it applies to, one bit each */
    bool forbids;      /* 403 instead of 401 */
};

struct stored_blob {
    const char *path;
    struct digest digest;
    uint64_t from_ms; /* not visible before that time */
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
    size_t got; /* the number of bytes of an incomplete body */
};

struct issued_token {
    unsigned number;
    unsigned account;
    unsigned uses;
    const char *path;
    uint64_t expires_ms;
};

/* The passwords that a configuration may contain before it was corrected */
#define FORMER_PASSWORD "long gone"

struct account {
    const char *username; /* NULL: anonymous access is permitted */
    const char *password;
};

struct registry {
    struct registries *registries;
    const char *host; /* with the port */
    enum registry_auth auth;
    struct account accounts[MAX_ACCOUNTS];
    enum location location;
    enum single_post single_post;
    bool speaks_oauth2; /* issues refresh tokens that are valid for one use */
    unsigned refresh[MAX_ACCOUNTS]; /* the number of the valid one; 0: none */
    uint64_t token_ms;
    uint64_t
        said_token_ms; /* the number of tokens, of which there may be more */
    struct window windows[MAX_WINDOWS];
    size_t window_count;
    uint64_t faulty_ms; /* the sum of the windows */
    /* Until then a configuration may contain a wrong password; 0: none did. */
    uint64_t spoiled_until_ms;
    uint64_t requests;
    uint64_t refusals; /* of these, those that were answered with 401 or 403 */
    /* Until then it denies the paths that it would otherwise reject
     * permanently. */
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
    const char *
        *lies; /* paths whose manifest was reported with another digest */
    size_t lie_count;
    size_t lie_capacity;
    unsigned numbers; /* of uploads and tokens */
    struct timer restart;
};

struct registries {
    struct sim *sim;
    struct registry all[MAX_REGISTRIES];
    size_t count;
    TAILQ_HEAD(, wire) wires; /* requests in progress */
};

/* A request when it arrives */
struct ask {
    struct sim *sim;
    enum fault fault; /* the fault of the registry at that moment */
    bool is_signed;   /* a URL that the registry itself has issued */
    const char *method;
    struct url url;
    const char *path;          /* the part after the host */
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
/* registry.c: the response of a registry without faults */
void registry_answer(struct registry *registry, const struct ask *ask,
                     struct reply *reply);
void reply_set(struct reply *reply, int status, const char *code);
/* Only that many bytes of the body arrive. */
void registry_take_half(struct registry *registry, const struct ask *ask);
/* registry_auth.c: if it returns false, the reply states why. */
bool registry_authorize(struct registry *registry, const struct ask *ask,
                        struct reply *reply);
void token_server_answer(struct registries *registries, const struct ask *ask,
                         struct reply *reply);
struct registry *registry_of_token(struct registries *registries,
                                   const struct ask *ask);
/* A text that every token contains, and nothing else does */
#define SECRET_MARK "wbSecret"
/* registry_echo.c: an error response repeats what the request has shown. */
void registry_echo(const struct ask *ask, struct reply *reply);
/* Returns the owner of the secret in a request. */
void registry_check_secret(struct registries *registries,
                           const struct registry *registry,
                           const struct ask *ask);
/* registry_faults.c: NULL if the registry has no fault. */
const struct window *registry_window(const struct registry *registry);
/* registry_plan.c */
const char *fault_name(enum fault fault);

/* For the invariants */
const struct stored_manifest *registry_manifest(const struct registry *registry,
                                                const char *path,
                                                const char *reference);
bool registry_has_blob(const struct registry *registry, const char *path,
                       const char *digest);
/* Whether there was no fault from then until now, nor shortly before. */
bool registry_was_well(const struct registry *registry, uint64_t since_ms);
bool registry_has_lied(const struct registry *registry, const char *path);
/* Whether a response rejects the content permanently */
bool registry_refuses(const char *path);
/* Whether that path is denied for a while instead, in the whole world */
bool registry_denies(const struct registry *registry);

#endif
