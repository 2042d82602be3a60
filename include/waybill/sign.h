#ifndef WAYBILL_SIGN_H
#define WAYBILL_SIGN_H

#include <stdint.h>

#include "waybill/error.h"
#include "waybill/json.h"
#include "waybill/str.h"

/*
 * Signatures that Waybill creates: to authenticate as a service account, and to
 * authenticate webhook messages.
 */

/* Appends a JSON Web Token (RFC 7519) with these claims (the text of a JSON
 * object), signed with RS256 (RFC 7518, section 3.3). The key is PEM, PKCS#8 or
 * PKCS#1, without a passphrase; key_id may be NULL. On failure nothing is
 * appended; ERROR_AUTH. */
int sign_jwt(const char *pem, const char *key_id, const char *claims,
             struct str *out, struct error *err) NODISCARD;

/* The claims of a JSON Web Token, to be freed with json_free(); NULL if the
 * token is none. The signature is not verified; that is up to the recipient of
 * the token. */
struct json *jwt_claims(const char *token);

/* Appends a signature for the header webhook-signature (Standard Webhooks 1.0,
 * "Signature scheme"): "v1," and the HMAC-SHA256 of "id.timestamp.body" in
 * base64. The secret is 24 to 64 bytes in base64, with or without the prefix
 * "whsec_"; ERROR_CONFIG if it is invalid. */
int sign_webhook(const char *secret, const char *id, int64_t timestamp_s,
                 struct bytes body, struct str *out,
                 struct error *err) NODISCARD;

#endif
