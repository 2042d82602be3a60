#ifndef WAYBILL_DIGEST_H
#define WAYBILL_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

/* A SHA-256 digest as OCI writes it: "sha256:" and 64 hexadecimal digits. */
#define DIGEST_PREFIX "sha256:"
#define DIGEST_HEX 64
#define DIGEST_TEXT (sizeof(DIGEST_PREFIX) - 1 + DIGEST_HEX)

struct digest {
    char text[DIGEST_TEXT + 1];
};

void digest_of(const void *data, size_t len, struct digest *ret_digest);
const char *digest_hex(const struct digest *digest);
/* Accepts only sha256 in lower case, as the OCI image specification
 * requires. */
bool digest_parse(const char *text, struct digest *ret_digest);
/* For digests that are only passed on: a valid sha256 digest, or
 * "algorithm:encoded" with another algorithm. */
bool digest_is_plausible(const char *text);

const char *digest_library_version(void);

#endif
