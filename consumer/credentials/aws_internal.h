#ifndef WAYBILL_AWS_INTERNAL_H
#define WAYBILL_AWS_INTERNAL_H

#include "aws_host.h"
#include "aws_text.h"
#include "cloud.h"

/* The interfaces among the aws_*.c files: one signed API call, and the search
 * for the access keys that sign it. */

/* --- aws_call.c: one call ---------------------------------------------------
 */

/* Either `answer` or `err` is set. If both are NULL, no access keys are
 * available here, and call->reason says why. May be called from inside
 * aws_call_start(). */
typedef void aws_call_fn(void *payload, const struct json *answer,
                         const struct error *err);

struct aws_call {
    const struct network *network;
    const struct credential_source *spec;
    struct aws_host host;
    struct aws_keys keys;
    const char *action; /* GetAuthorizationToken */
    struct str body;    /* the JSON request */
    aws_call_fn *done;
    void *payload;
    struct http_transfer *transfer; /* in progress; NULL: none */
    const char *reason;
    /* secrets in requests, to be redacted from messages */
    struct secret_set sent;
    /* Used during the search for keys */
    struct str url;
    struct secret token; /* a header line, or a form body */
    bool is_explicit;
};

void aws_call_init(struct aws_call *call, const struct network *network,
                   const struct credential_source *spec, const char *action,
                   aws_call_fn *done, void *payload);
/* cancels the request in progress */
void aws_call_release(struct aws_call *call);

/* Each search for keys ends with exactly one of these calls. */
void aws_call_ready(struct aws_call *call); /* call->keys has been set */
void aws_call_nothing(struct aws_call *call, const char *reason);
void aws_call_fail(struct aws_call *call, const struct error *err);

/* --- aws_keys.c, aws_metadata.c: access keys --------------------------------
 */

/* Resolves the ECR endpoint and the access keys, then sends the request. */
void aws_call_start(struct aws_call *call, const char *registry);
/* Queries the container credential endpoint if the environment names one,
 * otherwise the instance metadata service. */
void aws_query_machine_keys(struct aws_call *call);

#endif
