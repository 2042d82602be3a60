#ifndef WAYBILL_SIGN_H
#define WAYBILL_SIGN_H

#include "waybill/error.h"
#include "waybill/json.h"
#include "waybill/str.h"

/*
 * Signatures of our own: what a service account proves itself with.
 */

/* Appends a JSON web token (RFC 7519) of these claims, which are the text of a
 * JSON object, signed with RS256 (RFC 7518, section 3.3). The key is PEM,
 * PKCS#8 or PKCS#1, without a passphrase; key_id may be NULL. On failure
 * nothing is appended. */
int sign_jwt(const char *pem, const char *key_id, const char *claims,
             struct str *out, struct error *err) NODISCARD;

/* What somebody else's token says of itself, for json_free(); NULL: it is no
 * JSON web token. The signature is not checked: it is the business of whoever
 * the token is shown to. */
struct json *jwt_claims(const char *token);

#endif
