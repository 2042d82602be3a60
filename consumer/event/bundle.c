#include <string.h>

#include "event_internal.h"
#include "waybill/limits.h"

/* The media types of versions 0.1 to 0.3 differ only in what follows this
 * prefix. */
#define BUNDLE_TYPE "application/vnd.dev.sigstore.bundle"

int bundle_open(const struct json_at *at, struct json_at *ret_envelope,
                struct error *err)
{
    struct json_at media_type = json_at_member(at, "mediaType");
    struct json_at envelope = json_at_member(at, "dsseEnvelope");
    const char *type = BUNDLE_TYPE;

    if (json_at_object(at, err) < 0 ||
        json_at_string(&media_type, LIMIT_EVENT_NAME, &type, err) < 0) {
        return -1;
    }
    if (strncmp(type, BUNDLE_TYPE, sizeof(BUNDLE_TYPE) - 1) != 0) {
        return json_at_fault(&media_type, err, ERROR_SCHEMA,
                             "is not that of a Sigstore bundle");
    }
    if (envelope.value == NULL) {
        struct json_at other = json_at_member(at, "messageSignature");

        return json_at_fault(at, err, ERROR_SCHEMA,
                             other.value != NULL
                                 ? "holds a messageSignature, which signs no "
                                   "attestation; a dsseEnvelope is needed"
                                 : "has no dsseEnvelope");
    }
    *ret_envelope = envelope;
    return 0;
}
