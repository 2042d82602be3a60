#ifndef WAYBILL_SIGN_H
#define WAYBILL_SIGN_H

#include <stdint.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * Signatures of our own: what a service account proves itself with, and what a
 * message proves that it is ours with.
 */

/* RS256 (RFC 7518, section 3.3): RSASSA-PKCS1-v1_5 with SHA-256. The key is
 * PEM, PKCS#8 or PKCS#1, without a passphrase. Appends the bytes. */
int sign_rs256(const char *pem, struct bytes data, struct str *out,
               struct error *err) NODISCARD;

/* A JSON web token (RFC 7519) from the text of its claims; key_id may be NULL.
 */
int sign_jwt(const char *pem, const char *key_id, const char *claims,
             struct str *out, struct error *err) NODISCARD;

/* One signature for the header webhook-signature (Standard Webhooks 1.0,
 * "Signature scheme"): "v1," and the HMAC-SHA256 of "id.timestamp.body" in
 * base64. The secret is 24 to 64 bytes in base64, after "whsec_" or without
 * it. Appends; ERROR_CONFIG when the secret is none. */
int sign_webhook(const char *secret, const char *id, int64_t timestamp_s,
                 struct bytes body, struct str *out,
                 struct error *err) NODISCARD;

#endif
