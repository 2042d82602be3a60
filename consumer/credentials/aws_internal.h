#ifndef WAYBILL_AWS_INTERNAL_H
#define WAYBILL_AWS_INTERNAL_H

#include "aws_host.h"
#include "aws_text.h"
#include "cloud.h"

/* What the files of AWS share: one signed call, and where its keys come from.
 */

/* --- aws_call.c: one call ----------------------------------------------------
 */

/* Exactly one of both, or neither: there are no keys here, and call->why. It
 * may be called from inside aws_call_start(). */
typedef void aws_call_fn(void *payload, const struct json *answer,
                         const struct error *err);

struct aws_call {
    const struct network *network;
    const struct credential_source *spec;
    struct aws_host machine_host;
    struct aws_keys keys;
    const char *action; /* GetAuthorizationToken */
    struct str body;    /* JSON */
    aws_call_fn *done;
    void *payload;
    struct http_transfer *transfer; /* the one under way */
    const char *why;
    struct secret_set sent; /* to whichever service */
    /* While keys are looked for */
    struct str url;
    struct secret token; /* a header's line, or a form */
    bool must_answer;
};

void aws_call_init(struct aws_call *call, const struct network *network,
                   const struct credential_source *spec, const char *action,
                   aws_call_fn *done, void *payload);
void aws_call_release(struct aws_call *call); /* cancels what is under way */

/* One of these ends the search for keys. */
void aws_call_ready(struct aws_call *call); /* call->keys are there */
void aws_call_nothing(struct aws_call *call, const char *why);
void aws_call_fail(struct aws_call *call, const struct error *err);

/* --- aws_keys.c, aws_metadata.c: keys
 * ------------------------------------------
 */

/* Finds the place and the keys, then sends the request. */
void aws_call_start(struct aws_call *call, const char *registry);
/* The container's endpoint, if there is one, else the instance's */
void aws_machine_keys_find(struct aws_call *call);

#endif
