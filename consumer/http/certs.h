#ifndef WAYBILL_HTTP_CERTS_H
#define WAYBILL_HTTP_CERTS_H

#include <stddef.h>

#include "waybill/str.h"

/*
 * certs.d, as containers-certs.d(5) and docker have it: a folder for each
 * host[:port]; in it *.crt are authorities besides the system's, *.cert and the
 * *.key of the same name are a certificate of ours.
 *
 * What was read is never changed, only replaced by what is read later; so it
 * counts its users, and a transfer may point into the one that it began with.
 */
struct certs {
    size_t users;
    struct str authorities; /* the system's and the folder's, PEM; or empty */
    char *certificate;      /* paths, or NULL */
    char *key;
    char *fault; /* why no request may go out, or NULL */
};

/* Reads the folder of that host in certs_dir; NULL: in the first of the
 * conventional places that has one, "": nowhere. The caller is its user. */
struct certs *certs_load(const char *host, const char *certs_dir);
void certs_leave(struct certs *certs); /* NULL is fine */

#endif
