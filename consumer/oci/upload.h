#ifndef WAYBILL_OCI_UPLOAD_H
#define WAYBILL_OCI_UPLOAD_H

#include "request.h"

/*
 * Uploads one blob to a registry: with the POST that opens the session if that
 * is known to work or worth trying, else with one PUT or in chunks. What is
 * learned from the responses is kept in capabilities.h.
 *
 * The struct is embedded in its owner, which fills client, target, blob, what,
 * finished and payload; all other members belong to upload.c. finished() is
 * called once, later, from the loop.
 */
struct origin;

struct upload {
    struct oci_client *client;
    /* NULL: the registry has no valid URL, so every request fails */
    struct origin *origin;
    const struct oci_target *target;
    const struct oci_blob *blob;
    const char *what;
    struct oci_request *request; /* the request in flight */
    struct url location;         /* of the upload session */
    size_t chunk;                /* bytes; 0: not chunked */
    size_t sizes_tried;          /* fallback_chunk_sizes tried after a 413 */
    char range[64];              /* of the chunk in flight */
    size_t sent;
    bool single; /* the blob is sent with the POST */
    bool done;
    void (*finished)(void *payload, const struct error *err);
    void *payload;
};

void upload_start(struct upload *upload);
void upload_cancel(struct upload *upload);
void upload_report_lost_blob(const struct upload *upload);

#endif
