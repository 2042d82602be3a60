#ifndef WAYBILL_OCI_INTERNAL_H
#define WAYBILL_OCI_INTERNAL_H

#include <sys/queue.h>

#include "waybill/oci.h"

struct oci_client {
    const struct network *network;
    TAILQ_HEAD(, origin) origins;
    TAILQ_HEAD(, token) tokens; /* least recently fetched first */
    size_t token_count;
    TAILQ_HEAD(, session) sessions; /* least recently used first */
    size_t session_count;
};

#endif
