#ifndef WAYBILL_OCI_TRUST_H
#define WAYBILL_OCI_TRUST_H

#include "waybill/oci.h"
#include "waybill/url.h"

/*
 * The one place that decides where credentials may go, and where a registry
 * may send us at all: to its own origin; to others only without credentials,
 * but for a token server; never from https to http; never to an address that
 * only we can reach (loopback, a private network, a cloud's metadata), unless
 * the registry is as near itself, or somebody has named the target.
 *
 * Pure, apart from the https that it gives back to *to.
 */

enum trust {
    TRUST_REFUSED,    /* not even the request */
    TRUST_ANONYMOUS,  /* the request, without credentials */
    TRUST_CREDENTIALS /* both */
};

enum redirect_kind {
    REDIRECT_UPLOAD, /* a Location or a redirect */
    REDIRECT_REALM,  /* a token server, which the credentials are for */
};

/* `to` came from the registry at `from`; https is given back to it where a
 * proxy in front of the registry has lost it. */
enum trust trust_of(const struct url *from, const struct oci_target *target,
                    struct url *to, enum redirect_kind redirect_kind);

#endif
