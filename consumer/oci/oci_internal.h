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
void challenge_copy(struct challenge *to, const struct challenge *from);
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
enum trust trust_of(const struct url *from, const struct oci_target *target,
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

enum learnt { LEARNT_NOTHING, LEARNT_YES, LEARNT_NO };

/* What one registration's requests were told. It is no other's: some registries
 * have a realm for each repository (Artifactory), or ask one who fails by one
 * scheme for the other (Harbor). */
struct lesson {
    TAILQ_ENTRY(lesson) link;
    const struct keychain *keychain; /* whose; only compared */
    struct challenge challenge;
};

struct trial;

struct origin {
    TAILQ_ENTRY(origin) link;
    struct oci_client *client;
    struct url url;                  /* of /v2/ */
    struct http_transport transport; /* its own copy */
    const struct provider *provider;
    struct challenge challenge; /* the probe's */
    TAILQ_HEAD(, lesson) lessons;
    TAILQ_HEAD(, trial) trials;
    int ping_status;         /* what GET /v2/ was answered; 0: not asked */
    enum learnt single_post; /* takes a blob with its POST */
    bool doubted;            /* one came to nothing: the next goes without */
    size_t chunk_size;       /* larger bodies were refused; 0: none were */
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
/* What is known to hold for a registration; scheme AUTH_UNKNOWN: nothing */
const struct challenge *origin_challenge(const struct origin *origin,
                                         const struct keychain *keychain);
/* A 401 said something new. */
void origin_learn(struct origin *origin, const struct keychain *keychain,
                  const struct challenge *challenge);
/* It led nowhere: the next one asks again. */
void origin_forget(struct origin *origin, const struct keychain *keychain);

/* --- trial.c: whether a password counts
 * ---------------------------------------
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

/* --- session.c: what a token server has to be told, and has told
 * --------------
 */

/* Of one token server with one credential. A refused credential is not shown
 * again for a while: token servers lock accounts. */
struct session {
    TAILQ_ENTRY(session) link;
    char *key;
    struct secret refresh_token; /* given for a password, if any was */
    const struct loop *loop;
    bool is_good;        /* the credential: an answer has shown it */
    bool no_post;        /* answers POST with 404 or 405 */
    bool is_steady;      /* its refresh tokens are good for more than one use */
    unsigned users;      /* tokens being fetched, or queued */
    unsigned fetching;   /* requests under way */
    unsigned refreshing; /* of these, with the refresh token */
    TAILQ_HEAD(, token) queue;
    struct error refusal;
    uint64_t refused_until_ms;
};

/* --- grant.c: what a token is good for
 * ----------------------------------------
 */

/* Of the actions asked for on a repository, those that are known not to have
 * been granted, in *missing. False: the answer does not tell. `scope` is the
 * answer's own, or NULL. */
bool grant_missing(const char *token, const char *scope, const char *path,
                   const char *actions, struct str *missing);

/* --- token.c: Bearer tokens --------------------------------------------------
 */

/* Which token */
struct token_query {
    struct origin *origin;
    const struct oci_target *target;
    const struct challenge *challenge;
    const struct credential *credential;
    const char *actions;
    const char *more; /* scopes that a challenge has asked for; NULL: none */
};

struct token_waiter {
    /* token is NULL when there is none, and err says why. */
    void (*ready)(void *payload, const char *token, uint64_t lifetime_ms,
                  const struct error *err);
    void *payload;
    TAILQ_ENTRY(token_waiter) link;
    struct token *token; /* while waiting */
};

struct token;

/* A token that can be used now, or NULL: then call token_wait(). */
const char *token_cached(struct oci_client *client,
                         const struct token_query *query,
                         uint64_t *ret_lifetime_ms);
/* Calls ready() once, later. */
int token_wait(struct oci_client *client, const struct token_query *query,
               struct token_waiter *waiter, struct error *err) NODISCARD;
void token_forget_waiter(struct token_waiter *waiter);
/* The registry would not have that value. */
void token_drop(struct oci_client *client, const char *value);
void token_free(struct token *token);

/* --- authorizer.c: what a request has to show
 * ---------------------------------
 */

/*
 * Straight on, each step calls the next:
 *
 *     (probe) -> (credential) -> (token) -> ready
 */
struct authorizer {
    struct oci_client *client;
    struct origin *origin;
    const struct oci_target *target;
    const char *actions;
    /* Of this request's own 401; before that the origin's holds. */
    struct challenge challenge;
    struct challenge used;      /* the one of the two that is being answered */
    char *more;                 /* scopes that it asked for */
    const char *shown;          /* the token that went out last */
    uint64_t credential_id;     /* of what went out; 0: nothing did */
    bool renewed;               /* another credential was asked for */
    struct secret_set revealed; /* all that went out */
    struct origin_waiter probe_waiter;
    struct keychain_waiter keychain_waiter;
    struct token_waiter token_waiter;
    struct trial_waiter trial_waiter;
    bool showed_password;
    bool went_first; /* with it */
    /* header: the whole line, NULL for none. May come from inside
     * authorizer_start(). */
    void (*ready)(void *payload, const char *header, uint64_t lifetime_ms,
                  const struct error *err);
    void *payload;
};

void authorizer_init(struct authorizer *authorizer, struct oci_client *client,
                     struct origin *origin, const struct oci_target *target,
                     const char *actions);
void authorizer_start(struct authorizer *authorizer);
/* What became of the request, before anything else is done about it */
void authorizer_answered(struct authorizer *authorizer, bool answered,
                         bool refused);
/* What was shown did not count. True: authorizer_start() has something else to
 * show, once. */
bool authorizer_refused(struct authorizer *authorizer,
                        const struct http_response *response);
void authorizer_release(struct authorizer *authorizer); /* ready() no more */

/* --- request.c: one authenticated request ------------------------------------
 */

struct oci_request;

struct oci_request_spec {
    const char *what; /* for messages: "upload of the layer" */
    const char *method;
    const char *url;
    const char *content_type;  /* NULL: no body */
    const char *content_range; /* of a chunk; NULL: none */
    const char *accept;        /* NULL: anything */
    bool reads; /* a refusal says nothing about who only wants to write */
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
/* What it has shown to whoever answered; valid inside done(). */
const struct secret_set *oci_request_revealed(
    const struct oci_request *request);

/* --- upload.c: one blob
 * -------------------------------------------------------
 */

struct upload {
    struct oci_client *client;
    struct origin *origin; /* NULL: there cannot be one, and no answer either */
    const struct oci_target *target;
    const struct oci_blob *blob;
    const char *what;
    struct oci_request *request; /* the one under way */
    struct url location;         /* of the session */
    size_t chunk;                /* 0: in one piece */
    size_t sizes;                /* of chunks, tried after a 413 */
    char range[64];              /* of the chunk under way */
    size_t sent;
    bool single; /* the POST carries it */
    bool done;
    void (*finished)(void *payload, const struct error *err);
    void *payload;
};

/* With client, target, blob, what, finished and payload filled */
void upload_start(struct upload *upload);
void upload_cancel(struct upload *upload);
void upload_was_forgotten(const struct upload *upload);

/* --- errors.c
 * ------------------------------------------------------------------ */

/* What a status that is no success means; always -1. What the answer says is
 * quoted without what the request has revealed. */
int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client,
                 const struct secret_set *revealed, struct error *err);
/* The credentials that were sent did not count: worth one try with new ones */
bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target);
/* Takes out of a text that a registry had a hand in what was revealed, and the
 * target's credential */
void oci_scrub(const struct oci_target *target,
               const struct secret_set *revealed, struct error *err);
/* What a token server says about a refusal, printable and without secrets */
void oci_put_words(const struct http_response *response,
                   const struct secret_set *revealed, struct str *out);

/* --- client.c
 * -------------------------------------------------------------------- */

struct oci_client {
    const struct network *network;
    TAILQ_HEAD(, origin) origins;
    TAILQ_HEAD(, token) tokens; /* least recently fetched first */
    size_t token_count;
    TAILQ_HEAD(, session) sessions; /* so too */
    size_t session_count;
};

/* "Authorization: Basic ..." */
void oci_put_basic(struct str *out, const char *username, const char *password);

#endif
