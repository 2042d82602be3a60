#ifndef WAYBILL_OCI_INTERNAL_H
#define WAYBILL_OCI_INTERNAL_H

#include <sys/queue.h>

#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/oci.h"
#include "waybill/secret.h"

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

#endif
