#ifndef WAYBILL_OCI_INTERNAL_H
#define WAYBILL_OCI_INTERNAL_H

#include <sys/queue.h>

#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/oci.h"

/* --- errors.c
 * ------------------------------------------------------------------ */

/* What a status that is no success means; always -1. */
int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client, struct error *err);
/* The credentials that were sent did not count: worth one try with new ones */
bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target);
/* Takes the target's secrets out of a text that a registry had a hand in */
void oci_scrub(const struct oci_target *target, struct error *err);
/* What a token server says about a refusal, printable and without secrets */
void oci_put_words(const struct http_response *response,
                   const struct credential *credential, struct str *out);

/* --- client.c
 * -------------------------------------------------------------------- */

struct oci_client {
    struct http *http;
    struct loop *loop;
    struct oci_client_options options;
    TAILQ_HEAD(, origin) origins;
    TAILQ_HEAD(, token) tokens; /* least recently fetched first */
    size_t token_count;
    TAILQ_HEAD(, session) sessions; /* so too */
    size_t session_count;
};

#endif
