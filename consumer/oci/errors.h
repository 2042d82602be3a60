#ifndef WAYBILL_OCI_ERRORS_H
#define WAYBILL_OCI_ERRORS_H

#include "waybill/http.h"
#include "waybill/oci.h"
#include "waybill/secret.h"

/*
 * What the answer of a registry or of a token server means when it is no
 * success. What they say is quoted, as far as it is printable and within a
 * length that a log line can bear, without anything that must not be seen: the
 * secrets that the request has revealed (`revealed`), and the credential of the
 * target. Nothing is kept. Loop thread only.
 *
 * Source: OCI distribution specification, "Error codes"; RFC 6749, section 5.2.
 */

/* Fills err from a response that is no success, and returns -1. The kind comes
 * from the code in the body where there is one, else from the status; a rate
 * limit has retry_after_ms if the registry says when. `what` begins the
 * message. */
int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client,
                 const struct secret_set *revealed, struct error *err);
/* The credentials that were sent did not count: worth one try with new ones */
bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target);
/* Takes the secrets out of an error whose text a registry had a hand in */
void oci_scrub(const struct oci_target *target,
               const struct secret_set *revealed, struct error *err);
/* Appends what a token server says about a refusal; nothing if it says nothing
 */
void oci_append_message(const struct http_response *response,
                        const struct secret_set *revealed, struct str *out);

#endif
