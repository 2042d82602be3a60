#ifndef WAYBILL_OCI_EXCHANGE_H
#define WAYBILL_OCI_EXCHANGE_H

#include <sys/queue.h>

#include "token.h"
#include "waybill/credentials.h"
#include "waybill/loop.h"
#include "waybill/secret.h"

/* Declarations shared by token.c (the cache) and exchange.c (one fetch). */

enum grant {
    GRANT_ANONYMOUS, /* GET */
    GRANT_BASIC,     /* GET, with a password */
    GRANT_PASSWORD,  /* POST, OAuth2 */
    GRANT_REFRESH,   /* POST, OAuth2 */
};

/* --- session.c: state kept between the requests to a token server --------- */

/* The state of one token server with one credential. A credential that the
 * server has refused is not sent again for LIMIT_REFUSAL_MS, because token
 * servers lock accounts after a few failures. */
struct session {
    TAILQ_ENTRY(session) link;
    char *key;
    /* issued in return for a password; may be empty */
    struct secret refresh_token;
    const struct loop *loop;
    bool is_credential_valid; /* a response has shown that the credential is
                                 valid */
    unsigned users;           /* tokens being fetched or queued */
    unsigned fetching;        /* requests in flight */
    unsigned refreshing;      /* of these, requests with the refresh token */
    TAILQ_HEAD(, token) queue;
    struct error refusal;
    uint64_t refused_until_ms;
};

/* The state of one fetch. It holds copies, since the request that started the
 * fetch may be cancelled before the fetch ends. */
struct exchange {
    struct session *session; /* NULL: no fetch is in progress */
    struct origin *origin;
    struct http_transport transport; /* strings borrowed from the origin */
    struct keychain *keychain;
    struct credential credential;
    enum oci_exchange method;
    enum grant grant;
    const struct allow_list *allowed; /* of the target */
    bool plain_http_allowed;
    struct url at; /* the token server: the realm, or after a redirect */
    /* `at` already has a query, because a GET was redirected to it */
    bool has_query;
    unsigned redirects;
    char *service;
    char *scope;                      /* complete, separated by spaces */
    struct secret sent_refresh_token; /* the refresh token that was sent */
    struct secret_set revealed;       /* all secrets that were sent */
    unsigned attempts;
    bool queued;
    bool sent;
    struct secret form; /* body of a POST while it is sent */
    struct http_transfer *fetch;
    struct task failing;
    struct error failure;
};

/* What a token server issues. */
struct token_answer {
    struct secret value;
    struct str scope; /* as the response states it; may be empty */
    uint64_t lifetime_ms;
};

void token_answer_release(struct token_answer *answer);

struct token {
    TAILQ_ENTRY(token) link;
    TAILQ_ENTRY(token) queue_link; /* in the queue of its session */
    struct oci_client *client;
    char *key;
    struct secret value; /* empty while it is being fetched */
    char *scope;         /* as the token server stated it; NULL: not */
    uint64_t expires_ms;
    TAILQ_HEAD(, token_waiter) waiters;
    struct exchange exchange;
    /* Called with the result of the exchange, either an answer or err. May free
     * the token. */
    void (*done)(struct token *token, const struct token_answer *answer,
                 const struct error *err);
};

/* exchange.c: calls token->done() later, from the loop. */
int exchange_start(struct token *token, const struct token_query *query,
                   struct error *err) NODISCARD;
void exchange_cancel(struct token *token);

/* exchange_route.c: the address of the token server, if trust.h permits that
 * credentials are sent there. */
int exchange_set_realm(struct exchange *exchange, const char *realm,
                       struct error *err) NODISCARD;
int exchange_follow(struct exchange *exchange,
                    const struct http_response *response, bool is_post,
                    struct error *err) NODISCARD;

/* exchange_answer.c */
int exchange_read_answer(struct exchange *exchange,
                         const struct http_response *response,
                         struct token_answer *ret_answer,
                         struct error *err) NODISCARD;

/* exchange_text.c */
void exchange_append_url(struct str *url, const struct exchange *exchange);
/* These functions add the secrets that they append to exchange->revealed. */
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
