#ifndef WAYBILL_TESTS_FAKE_HTTP_H
#define WAYBILL_TESTS_FAKE_HTTP_H

#include "waybill/http.h"

/*
 * An http.h without a network. Requests stay in a list until the test answers
 * them, in any order. A test reads like a dialogue:
 *
 *     fake_answer(http, "GET https://reg.example/v2/", 401, CHALLENGE, "");
 *     fake_answer(http, "GET https://auth.example/token?*", 200, "", TOKEN);
 *
 * A request is named by its method and URL; a trailing '*' matches any rest.
 * When there is no such request, the test fails and lists the pending ones. The
 * loop runs until it is idle, before and after each answer.
 */

struct http_transfer {
    struct http_transfer *next;
    struct timer due; /* of an automatic response */
    struct http *http;
    char *name;    /* "PUT https://..." */
    char *headers; /* "Name: value\n" for each */
    char *body;
    struct bytes borrowed;
    bool with_certificate;
    bool once;
    bool without_proxy;
    char region[64]; /* of the AWS signature; "": not signed */
    http_done_fn *done;
    void *payload;
};

/* The oldest request of that name, which stays pending */
const struct http_transfer *fake_asked(struct http *http, const char *name);
bool fake_is_asked(struct http *http, const char *name);
void fake_answer(struct http *http, const char *name, int status,
                 const char *headers, const char *body);
/* Ends the request with an error of that kind instead of a response. */
void fake_break(struct http *http, const char *name, enum error_kind kind);
void fake_break_because(struct http *http, const char *name,
                        enum error_kind kind, const char *reason);
/* Ends the request with a refused connection: nothing was sent. */
void fake_refuse_connection(struct http *http, const char *name);
/* Runs the loop until nothing is left to do at the current time. */
void fake_settle(struct http *http);
/* For code that runs a loop of its own: from now on `fn` answers every
 * request, in the next iteration of the loop. NULL restores answers by the
 * test. */
struct fake_reply {
    int status;
    const char *headers; /* "name: value\n" for each, or NULL */
    const char *body;    /* or NULL */
};
typedef struct fake_reply fake_reply_fn(const struct http_transfer *asked);
void fake_reply_by(fake_reply_fn *fn);

unsigned fake_waiting(struct http *http);    /* pending requests */
unsigned fake_sent(const struct http *http); /* requests since the start */

#endif
