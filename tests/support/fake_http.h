#ifndef WAYBILL_TESTS_FAKE_HTTP_H
#define WAYBILL_TESTS_FAKE_HTTP_H

#include "waybill/http.h"

/*
 * http.h without a wire: what is sent stands in a list until the test answers
 * it, in the order that the test wants. A test reads like a dialogue:
 *
 *     fake_answer(http, "GET https://reg.example/v2/", 401, CHALLENGE, "");
 *     fake_answer(http, "GET https://auth.example/token?*", 200, "", TOKEN);
 *
 * A request is named by its method and URL; a '*' at the end is any rest. One
 * that is not there fails the test, with a list of those that are. The loop is
 * turned until nothing is left to do, before and after.
 */

struct http_transfer {
    struct http_transfer *next;
    struct timer due; /* of the answer, where it comes by itself */
    struct http *http;
    char *name;    /* "PUT https://..." */
    char *headers; /* "Name: value\n" for each */
    char *body;
    struct bytes borrowed;
    bool with_certificate;
    bool once;
    bool without_proxy;
    char region[64]; /* that AWS's signature is for; "": not signed */
    http_done_fn *done;
    void *payload;
};

/* The oldest one of that name, which stays unanswered */
const struct http_transfer *fake_asked(struct http *http, const char *name);
bool fake_is_asked(struct http *http, const char *name);
void fake_answer(struct http *http, const char *name, int status,
                 const char *headers, const char *body);
/* No answer: an error of that kind */
void fake_break(struct http *http, const char *name, enum error_kind kind);
/* Nobody listens: nothing has left */
void fake_refuse_connection(struct http *http, const char *name);
/* Turns the loop until there is nothing left to do at this time. */
void fake_settle(struct http *http);
/* For code that turns a loop of its own: from now on, every request is answered
 * by `fn`, in the next turn of the loop. NULL: by the test, as above. */
struct fake_reply {
    int status;
    const char *headers; /* "name: value\n" for each, or NULL */
    const char *body;    /* or NULL */
};
typedef struct fake_reply fake_reply_fn(const struct http_transfer *asked);
void fake_reply_by(fake_reply_fn *fn);

unsigned fake_waiting(struct http *http);    /* requests without an answer */
unsigned fake_sent(const struct http *http); /* all that there ever were */

#endif
