#ifndef WAYBILL_BASE64_H
#define WAYBILL_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * Base64 (RFC 4648) as Go's encoding/base64 reads it, because that is what
 * Chainloop accepted: padding required, CR and LF allowed anywhere, bits left
 * over in the last character ignored; one alphabet per text.
 */
enum base64_alphabet { BASE64_STANDARD, BASE64_URL_SAFE };

/* Appends the decoded bytes; false (and some bytes) when it is not base64.
 * `out` may be NULL to check only. */
bool base64_decode(const char *text, size_t len, enum base64_alphabet alphabet,
                   struct str *out);
void base64_encode(struct str *out, const void *data, size_t len);

/* As JSON web tokens have it (RFC 7515): URL-safe, and without padding, which
 * is as the reader wants it too. */
void base64url_encode(struct str *out, const void *data, size_t len);
bool base64url_decode(const char *text, size_t len, struct str *out);

#endif
