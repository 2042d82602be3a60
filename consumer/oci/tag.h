#ifndef WAYBILL_OCI_TAG_H
#define WAYBILL_OCI_TAG_H

#include "request.h"

/*
 * Finds out which manifest the tag of a target holds: with HEAD, and with GET
 * if the response has no usable digest.
 *
 * The struct is embedded in its owner, which fills client, target, media_type,
 * finished and payload; all other members belong to tag.c. finished() is called
 * once, later, from the loop. `digest` is NULL if the registry does not say
 * which manifest the tag holds, or that there is none; then `err` is NULL
 * unless another attempt may have a different result. Loop thread only.
 *
 * Source: OCI distribution specification, "Pulling manifests".
 */
struct tag_lookup {
    struct oci_client *client;
    const struct oci_target *target;
    const char *media_type; /* of the manifest that is expected */
    struct oci_request *request;
    bool is_get;
    void (*finished)(void *payload, const struct digest *digest,
                     const struct error *err);
    void *payload;
};

void tag_lookup_start(struct tag_lookup *lookup);
/* finished() is not called. Harmless if nothing was started. */
void tag_lookup_cancel(struct tag_lookup *lookup);

#endif
