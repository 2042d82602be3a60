#ifndef WAYBILL_BASE64_H
#define WAYBILL_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * Base64 (RFC 4648) as Go's encoding/base64 decodes it, because that is what
 * Chainloop accepted: CR and LF are allowed anywhere, unused bits of the last
 * character are ignored, and padding is required. Flags select what else is
 * accepted.
 */
enum {
    BASE64_STANDARD = 1U, /* '+' and '/' */
    /* '-' and '_'. With both flags, a text must use only one alphabet. */
    BASE64_URL_SAFE = 2U,
    BASE64_UNPADDED = 4U, /* padding may be missing */
};

/* Appends the decoded bytes. Returns false if the text is not base64; some
 * bytes may have been appended then. `out` may be NULL to validate only. */
bool base64_decode(const char *text, size_t len, unsigned flags,
                   struct str *out);
/* The value of a digit of either alphabet; -1: it is none */
int base64_digit(char c);
void base64_encode(struct str *out, const void *data, size_t len);
/* URL-safe and without padding, as in JSON Web Tokens (RFC 7515). */
void base64url_encode(struct str *out, const void *data, size_t len);

#endif
