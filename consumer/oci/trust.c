#include "trust.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/site.h"

/*
 * Everything that a registry says about where to go next passes here: the
 * Location of an upload, a redirect, the realm of a challenge. A registry may
 * be mistaken, or lie.
 *
 * - Credentials go to the registry's own origin, and to the token server that
 *   it names. To no one else.
 * - Another host is of use only when it is of the same site as the registry,
 *   well known, one that a registration names, or allowed (registries.allowed).
 * - Once on https, never http. A proxy that ends TLS often leaves http in the
 *   Location of its own host; that is put right instead of refused.
 * - A registry on the open network does not send us to addresses that only we
 *   can reach (the cloud's metadata service, loopback, private networks).
 */

/* Who connects to 0.0.0.0 is connected to this machine. */
static enum address_class class_of(const char *host)
{
    enum address_class class = host_classify(host);

    return class == ADDRESS_UNSPECIFIED ? ADDRESS_LOOPBACK : class;
}

static bool same_host(const struct url *a, const struct url *b)
{
    return strcmp(a->host, b->host) == 0;
}

static void give_https_back(const struct url *from, struct url *to)
{
    const char *path = url_parts(to->text).path;
    bool six = strchr(to->host, ':') != NULL;
    struct str text;

    /* http's own port says nothing about https. */
    to->port = to->port == 80 ? from->port : to->port;
    str_init(&text, STR_UNLIMITED);
    str_printf(&text, "https://%s%s%s", six ? "[" : "", to->host,
               six ? "]" : "");
    if (to->port != 443) {
        str_printf(&text, ":%u", to->port);
    }
    str_append_text(&text, path);
    mem_free(to->text);
    to->text = str_take(&text);
    to->https = true;
}

/* On link-local addresses clouds keep credentials: nobody else may lead us
 * there, whatever is allowed. */
static bool is_named(const struct allow_list *allowed, const char *host)
{
    struct allow_list named = {0};

    if (allowed != NULL) {
        named = *allowed;
        named.any = false;
    }
    return class_of(host) < ADDRESS_LINK_LOCAL && allow_list_has(&named, host);
}

/* A private target is only for those who are as near to it themselves, or where
 * it is allowed by name. */
static bool may_reach(const struct url *from, const struct allow_list *allowed,
                      const struct url *to)
{
    enum address_class class = class_of(to->host);

    return class == ADDRESS_PUBLIC || same_host(from, to) ||
           class_of(from->host) >= class || is_named(allowed, to->host);
}

/* Whether `from` may send us there at all, and its token server be there */
static bool is_allowed(const struct url *from, const struct allow_list *allowed,
                       const struct url *to)
{
    return same_host(from, to) || same_site(from->host, to->host) ||
           (class_of(from->host) == ADDRESS_LOOPBACK &&
            class_of(to->host) == ADDRESS_LOOPBACK) ||
           allow_list_has(allowed, to->host);
}

static bool may_be_plain(const struct url *from, const struct url *to,
                         bool plain_http_allowed)
{
    if (from->https) {
        return false;
    }
    return plain_http_allowed || same_host(from, to) ||
           class_of(to->host) == ADDRESS_LOOPBACK;
}

/* url_parse() takes the root's dot away; a host that still ends with one is
 * another name for what stands before it, to resolvers and not to us. */
static bool has_dots_behind(const char *host)
{
    size_t len = strlen(host);

    return len > 0 && host[len - 1] == '.';
}

bool referral_is_allowed(const struct url *from, const struct url *to,
                         const struct allow_list *allowed,
                         bool plain_http_allowed)
{
    return !has_dots_behind(to->host) && is_allowed(from, allowed, to) &&
           may_reach(from, allowed, to) &&
           (to->https || may_be_plain(from, to, plain_http_allowed));
}

enum trust trust_of(const struct url *from, const struct oci_target *target,
                    struct url *to, enum redirect_kind redirect_kind)
{
    if (redirect_kind == REDIRECT_UPLOAD && from->https && !to->https &&
        same_host(from, to)) {
        give_https_back(from, to);
    }
    if (!referral_is_allowed(from, to, target->allowed,
                             target->plain_http_allowed)) {
        return TRUST_REFUSED;
    }
    if (redirect_kind == REDIRECT_REALM ||
        (same_host(from, to) && from->port == to->port &&
         from->https == to->https)) {
        return TRUST_CREDENTIALS;
    }
    return TRUST_ANONYMOUS;
}
