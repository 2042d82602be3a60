#ifndef WAYBILL_OCI_UPLOAD_H
#define WAYBILL_OCI_UPLOAD_H

#include "request.h"

/*
 * One blob to a registry: with the POST that opens the session where that is
 * known to work or worth a try, else by one PUT, or in chunks. A session that
 * gets lost is begun again once. What is learned on the way is kept in
 * capabilities.h.
 *
 * The struct is a part of its owner's, who fills client, target, blob, what,
 * finished and payload; the rest is the upload's own. finished() is called
 * once, later, from the loop.
 */
struct origin;

struct upload {
    struct oci_client *client;
    struct origin *origin; /* NULL: there cannot be one, and no answer either */
    const struct oci_target *target;
    const struct oci_blob *blob;
    const char *what;
    struct oci_request *request; /* the one under way */
    struct url location;         /* of the session */
    size_t chunk;                /* 0: in one piece */
    size_t sizes;                /* of chunks, tried after a 413 */
    char range[64];              /* of the chunk under way */
    size_t sent;
    bool single; /* the POST carries it */
    bool done;
    void (*finished)(void *payload, const struct error *err);
    void *payload;
};

void upload_start(struct upload *upload);
void upload_cancel(struct upload *upload);
void upload_was_forgotten(const struct upload *upload);

#endif
