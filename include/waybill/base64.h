#ifndef WAYBILL_BASE64_H
#define WAYBILL_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * Base64 (RFC 4648) as Go's encoding/base64 reads it, because that is what
 * Chainloop accepted: CR and LF allowed anywhere, bits left over in the last
 * character ignored, padding required. Flags say what else is taken.
 */
enum {
    BASE64_STANDARD = 1U, /* '+' and '/' */
    BASE64_URL_SAFE =
        2U, /* '-' and '_'; with both, a text has one of the two */
    BASE64_UNPADDED = 4U, /* '=' at the end may be missing */
};

/* Appends the decoded bytes; false (and some bytes) when it is not base64.
 * `out` may be NULL to check only. */
bool base64_decode(const char *text, size_t len, unsigned flags,
                   struct str *out);
void base64_encode(struct str *out, const void *data, size_t len);
/* URL-safe and without padding, as JSON web tokens have it (RFC 7515) */
void base64url_encode(struct str *out, const void *data, size_t len);

#endif
