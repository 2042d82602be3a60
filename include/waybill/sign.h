#ifndef WAYBILL_SIGN_H
#define WAYBILL_SIGN_H

#include <stdint.h>

#include "waybill/error.h"
#include "waybill/json.h"
#include "waybill/str.h"

/*
 * Signatures of our own: what a service account proves itself with, and what a
 * message proves that it is ours with.
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

/* One signature for the header webhook-signature (Standard Webhooks 1.0,
 * "Signature scheme"): "v1," and the HMAC-SHA256 of "id.timestamp.body" in
 * base64. The secret is 24 to 64 bytes in base64, after "whsec_" or without
 * it. Appends; ERROR_CONFIG when the secret is none. */
int sign_webhook(const char *secret, const char *id, int64_t timestamp_s,
                 struct bytes body, struct str *out,
                 struct error *err) NODISCARD;

#endif
