#ifndef WAYBILL_OCI_CONTENT_DIGEST_H
#define WAYBILL_OCI_CONTENT_DIGEST_H

#include "waybill/digest.h"
#include "waybill/http.h"

/* What the Docker-Content-Digest of a response says about content whose sha256
 * digest is known. Pure. */
enum content_digest {
    CONTENT_DIGEST_UNKNOWN, /* missing, empty, or of another algorithm */
    CONTENT_DIGEST_SAME,
    CONTENT_DIGEST_OTHER
};

enum content_digest content_digest_compare(const struct http_response *response,
                                           const struct digest *digest);

#endif
