#include "content_digest.h"

#include <strings.h>

/* A sha512 digest in quotes takes 137 characters. */
#define MAX_VALUE 256

enum content_digest content_digest_compare(const struct http_response *response,
                                           const struct digest *digest)
{
    CLEANUP(str_release) struct str value = STR_INIT(MAX_VALUE);
    const char *text;
    size_t prefix = sizeof(DIGEST_PREFIX) - 1;

    if (!http_header(response, "Docker-Content-Digest", 0, &value) ||
        value.len == 0 || value.overflow) {
        return CONTENT_DIGEST_UNKNOWN;
    }
    /* Some proxies quote it like an ETag. */
    text = value.data;
    if (value.len >= 2 && *text == '"' && text[value.len - 1] == '"') {
        str_cut(&value, value.len - 1);
        text++;
    }
    if (strncasecmp(text, DIGEST_PREFIX, prefix) != 0) {
        return CONTENT_DIGEST_UNKNOWN;
    }
    return strcasecmp(text, digest->text) == 0 ? CONTENT_DIGEST_SAME
                                               : CONTENT_DIGEST_OTHER;
}
