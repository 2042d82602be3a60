#ifndef WAYBILL_OCI_EXCHANGE_H
#define WAYBILL_OCI_EXCHANGE_H

#include <sys/queue.h>

#include "token.h"
#include "waybill/credentials.h"
#include "waybill/loop.h"
#include "waybill/secret.h"

/* What token.c (the cache) and exchange.c (one fetch) share. */

enum grant {
    GRANT_ANONYMOUS, /* GET */
    GRANT_BASIC,     /* GET, with a password */
    GRANT_PASSWORD,  /* POST, OAuth2 */
    GRANT_REFRESH,   /* POST, OAuth2 */
};

/* --- session.c: what a token server has to be told, and has told ------------
 */

/* Of one token server with one credential. A refused credential is not shown
 * again for a while: token servers lock accounts. */
struct session {
    TAILQ_ENTRY(session) link;
    char *key;
    struct secret refresh_token; /* given for a password, if any was */
    const struct loop *loop;
    bool is_good;        /* the credential: an answer has shown it */
    unsigned users;      /* tokens being fetched, or queued */
    unsigned fetching;   /* requests under way */
    unsigned refreshing; /* of these, with the refresh token */
    TAILQ_HEAD(, token) queue;
    struct error refusal;
    uint64_t refused_until_ms;
};

/* While it is fetched: copies, since whoever asked first may be gone. */
struct exchange {
    struct session *session; /* NULL: no fetch is under way */
    struct origin *origin;
    struct http_transport transport; /* its texts are the origin's */
    struct keychain *keychain;
    struct credential credential;
    enum oci_exchange method;
    enum grant grant;
    char *realm;
    char *host; /* of the realm, for messages */
    char *service;
    char *path;
    char *actions;
    char *scope;                /* all of it, blanks between */
    bool has_more;              /* of which a part is not of our making */
    struct secret used;         /* the refresh token that went out */
    struct secret_set revealed; /* all that did */
    unsigned tries;
    bool queued;
    bool sent;
    struct secret form; /* of a POST, while it is sent */
    struct http_transfer *fetch;
    struct task failing;
    struct error failure;
};

struct token {
    TAILQ_ENTRY(token) link;
    TAILQ_ENTRY(token) queue_link; /* in its session's queue */
    struct oci_client *client;
    char *key;
    struct secret value; /* none while it is fetched */
    uint64_t expires_ms;
    TAILQ_HEAD(, token_waiter) waiters;
    struct exchange exchange;
    /* What the exchange ends in: either a value or err. May free the token. */
    void (*done)(struct token *token, const char *value, uint64_t lifetime_ms,
                 const struct error *err);
};

/* exchange.c: ends in token->done(), later. */
int exchange_start(struct token *token, const struct token_query *query,
                   struct error *err) NODISCARD;
void exchange_cancel(struct token *token);

/* exchange_words.c */
void exchange_append_url(struct str *url, const struct exchange *exchange);
/* They note what they reveal. */
void exchange_append_form(struct str *form, struct exchange *exchange);
void exchange_append_basic(struct str *header, struct exchange *exchange);
void exchange_append_refusal(struct str *text, const struct exchange *exchange,
                             const struct http_response *response);

/* session.c */
struct session *session_of(struct oci_client *client,
                           const struct token_query *query);
void session_free(struct oci_client *client, struct session *session);
bool session_is_refused(const struct session *session);
void session_refuse(struct session *session, const struct error *err);

#endif
