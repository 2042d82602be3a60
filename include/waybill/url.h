#ifndef WAYBILL_URL_H
#define WAYBILL_URL_H

#include <stdbool.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * URLs (RFC 3986). The text is kept unchanged, because the Location of an
 * upload may contain a signature over its own bytes.
 */
struct url {
    bool https;
    char *host;    /* lower case; IPv6 without brackets */
    unsigned port; /* 0: none given and the scheme has no default */
    char *text;    /* the complete URL without its fragment */
};

/* Parses an http or https URL. `text` may be relative to `base`, unless that is
 * NULL. ERROR_REJECTED for a URL with user information and for one that parsers
 * may interpret in different ways. */
int url_parse(const char *text, const struct url *base, struct url *ret_url,
              struct error *err) NODISCARD;
/* The same for any scheme with an authority, as in grpcs://host. */
int url_parse_any(const char *text, struct url *ret_url,
                  struct error *err) NODISCARD;
void url_release(struct url *url);

/* The parts of an absolute URL; pointers into its text. The text must be the
 * result of url_parse(), or composed from one. */
struct url_parts {
    size_t scheme_len;
    const char *authority; /* host[:port] as it is written */
    size_t authority_len;
    const char *path; /* with the query; "" if there is neither */
};
struct url_parts url_parts(const char *text);
/* percent-encodes one component */
void url_append_escaped(struct str *out, const char *value);

#endif
