#ifndef WAYBILL_HTTP_CERTS_H
#define WAYBILL_HTTP_CERTS_H

#include <stddef.h>

#include "waybill/str.h"

/*
 * The directories of certs.d, as containers-certs.d(5) and Docker define them:
 * one for each host[:port]. In it, *.crt are CA certificates in addition to the
 * system's; *.cert and the *.key of the same name are a client certificate.
 *
 * A loaded directory is never changed, only replaced by a later load. It is
 * reference counted, so that a transfer keeps the one that it began with.
 */
struct certs {
    size_t users;
    /* CA certificates of the system and the directory, PEM; or empty */
    struct str authorities;
    char *certificate; /* paths, or NULL */
    char *key;
    char *error; /* why no request may be sent, or NULL */
};

/* Loads the directory of that host in certs_dir. NULL: in the first
 * conventional location that has one; "": none. The caller owns one
 * reference. */
struct certs *certs_load(const char *host, const char *certs_dir);
/* drops one reference; NULL is allowed */
void certs_release(struct certs *certs);

#endif
