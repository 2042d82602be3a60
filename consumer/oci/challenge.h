#ifndef WAYBILL_OCI_CHALLENGE_H
#define WAYBILL_OCI_CHALLENGE_H

#include "waybill/http.h"

/* Parser for the challenges of WWW-Authenticate (RFC 9110, section 11.6.1). */

enum auth_scheme { AUTH_UNKNOWN, AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct challenge {
    enum auth_scheme scheme;
    char *realm; /* Bearer only */
    char *service;
    char *scope;
};

/* Reads the best of all challenges of a response: Bearer, else Basic, else
 * AUTH_UNKNOWN if the response contains no supported challenge. */
void challenge_read(const struct http_response *response,
                    struct challenge *ret_challenge);
void challenge_copy(struct challenge *to, const struct challenge *from);
void challenge_release(struct challenge *challenge);

/* Appends "Authorization: Basic ...". */
void oci_append_basic(struct str *out, const char *username,
                      const char *password);

#endif
