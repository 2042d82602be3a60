#ifndef WAYBILL_URL_H
#define WAYBILL_URL_H

#include <stdbool.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * URLs (RFC 3986). Text is kept as it came: an upload's Location may hold a
 * signature over its own bytes.
 */
struct url {
    bool https;
    char *host;    /* lower case; IPv6 without brackets */
    unsigned port; /* 0: none is given, and the scheme has none */
    char *text;    /* the whole, without fragment */
};

/* http and https only. `base` may be NULL; else `text` may be relative to it.
 * Userinfo is refused, and so is what can be read in two ways. */
int url_parse(const char *text, const struct url *base, struct url *ret_url,
              struct error *err) NODISCARD;
/* The same with any scheme that has an authority, as grpcs://host */
int url_parse_any(const char *text, struct url *ret_url,
                  struct error *err) NODISCARD;
void url_release(struct url *url);

/* Where the parts lie in the text of an absolute URL that was parsed well, or
 * that was put together from one */
struct url_parts {
    size_t scheme_len;
    const char *authority; /* host[:port] as it is written */
    size_t authority_len;
    const char *path; /* and the query; "" if there is neither */
};
struct url_parts url_parts(const char *text);
void url_append_escaped(struct str *out, const char *value); /* one component */

#endif
