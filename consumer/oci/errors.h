#ifndef WAYBILL_OCI_ERRORS_H
#define WAYBILL_OCI_ERRORS_H

#include "waybill/http.h"
#include "waybill/oci.h"
#include "waybill/secret.h"

/*
 * The meaning of error responses from registries and token servers. Messages
 * quote the server's text as far as it is printable, up to a length that suits
 * a log line. They omit secrets: everything that the request has revealed
 * (`revealed`), and the credential of the target. Nothing is kept. Loop thread
 * only.
 *
 * Sources: OCI distribution specification, "Error codes"; RFC 6749, section
 * 5.2.
 */

/* Fills err from a response that is none of success, and returns -1. The kind
 * comes from the error code in the body if there is one, else from the status.
 * It is ERROR_INTERMEDIARY if no registry answers like this. For a rate
 * limit, retry_after_ms is set if the registry states it. `what` is the start
 * of the message. */
int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client,
                 const struct secret_set *revealed, struct error *err);
/* Whether the registry rejected the credentials, so that one more attempt with
 * new ones is worthwhile. */
bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target);
/* Whether a response is a web page, such as that of a login, which no registry
 * sends. */
bool oci_is_web_page(const struct http_response *response);
/* Whether the registry says that it accepts nothing at present: it is
 * read-only, or a quota is used up. */
bool oci_is_blocked(const struct http_response *response);
/* Whether the response has this error code of the distribution
 * specification. */
bool oci_error_code_is(const struct http_response *response, const char *code);
/* The meaning of an error response to the request for a token. 401 and 403 are
 * ERROR_AUTH whoever sends them, and any other refusal that token servers
 * explain as they do. What is left did not come from a token server, but from
 * something in front of it. */
enum error_kind oci_token_error_kind(const struct http_response *response);
/* Removes the secrets from an error whose text may contain text of a
 * registry. */
void oci_scrub(const struct oci_target *target,
               const struct secret_set *revealed, struct error *err);
/* Appends a server's own explanation of an error response, if it has one. */
void oci_append_message(const struct http_response *response,
                        const struct secret_set *revealed, struct str *out);

#endif
