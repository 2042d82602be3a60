#ifndef WAYBILL_OCI_TRUST_H
#define WAYBILL_OCI_TRUST_H

#include "waybill/oci.h"
#include "waybill/url.h"

/*
 * The only place that decides which hosts a registry may redirect to, and which
 * of them receive credentials: its own origin does; other hosts do not, unless
 * they are its token server. A redirect never leads from https to http, and
 * never to an address that is reachable only locally (loopback, a private
 * network, a cloud's metadata service), unless the registry is as close itself
 * or the configuration names the target.
 *
 * Pure, except that https may be restored in *to.
 */

enum trust {
    TRUST_REFUSED,    /* do not send the request */
    TRUST_ANONYMOUS,  /* send it without credentials */
    TRUST_CREDENTIALS /* send it with credentials */
};

enum redirect_kind {
    REDIRECT_UPLOAD, /* a Location header */
    REDIRECT_REALM,  /* a token server */
};

/* `to` was received from the registry at `from`. Its https is restored if a
 * proxy that terminates TLS has replaced it by http. */
enum trust trust_of(const struct url *from, const struct oci_target *target,
                    struct url *to, enum redirect_kind redirect_kind);
/* Restores the https of `to` if `from` uses it and is the same host. */
void trust_restore_https(const struct url *from, struct url *to);

#endif
