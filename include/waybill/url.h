#ifndef WAYBILL_URL_H
#define WAYBILL_URL_H

#include <stdbool.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * URLs (RFC 3986), http and https only. Text is kept as it came: an upload's
 * Location may hold a signature over its own bytes.
 */
struct url {
    bool https;
    char *host; /* lower case; IPv6 without brackets */
    unsigned port;
    char *text; /* the whole, without fragment */
};

/* `base` may be NULL; else `text` may be relative to it. Userinfo is refused.
 */
int url_parse(const char *text, const struct url *base, struct url *ret_url,
              struct error *err) NODISCARD;
void url_release(struct url *url);
void url_put_escaped(struct str *out, const char *value); /* one component */

#endif
