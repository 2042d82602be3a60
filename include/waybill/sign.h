#ifndef WAYBILL_SIGN_H
#define WAYBILL_SIGN_H

#include "waybill/error.h"
#include "waybill/json.h"
#include "waybill/str.h"

/*
 * Signatures of our own: what a service account proves itself with.
 */

/* RS256 (RFC 7518, section 3.3): RSASSA-PKCS1-v1_5 with SHA-256. The key is
 * PEM, PKCS#8 or PKCS#1, without a passphrase. Appends the bytes. */
int sign_rs256(const char *pem, struct bytes data, struct str *out,
               struct error *err) NODISCARD;

/* A JSON web token (RFC 7519) from the text of its claims; key_id may be NULL.
 */
int sign_jwt(const char *pem, const char *key_id, const char *claims,
             struct str *out, struct error *err) NODISCARD;

/* What somebody else's token says of itself, for json_free(); NULL: it is no
 * JSON web token. The signature is not checked: it is the business of whoever
 * the token is shown to. */
struct json *jwt_claims(const char *token);

#endif
