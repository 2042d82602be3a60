#include "trust.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/site.h"

/*
 * Every URL that a registry provides is checked here: the Location of an
 * upload, a redirect, the realm of a challenge. A registry may be misconfigured
 * or malicious.
 *
 * - Credentials are sent to the registry's own origin and to the token server
 * that it names, and to no other host.
 * - Another host is allowed only if it belongs to the same site as the
 * registry, is well known, is named by a registration, or is listed in
 *   registries.allowed.
 * - A redirect never leads from https to http. A proxy that terminates TLS
 * often leaves http in the Location of its own host, or in the realm of its
 * challenge; that is corrected instead of refused.
 * - A registry on the public network must not redirect to addresses that are
 *   reachable only from here (the cloud's metadata service, loopback, private
 *   networks).
 */

/* A connection to 0.0.0.0 reaches this machine. */
static enum address_class class_of(const char *host)
{
    enum address_class class = host_classify(host);

    return class == ADDRESS_UNSPECIFIED ? ADDRESS_LOOPBACK : class;
}

static bool same_host(const struct url *a, const struct url *b)
{
    return strcmp(a->host, b->host) == 0;
}

void trust_restore_https(const struct url *from, struct url *to)
{
    const char *path = url_parts(to->text).path;
    bool is_ipv6 = strchr(to->host, ':') != NULL;
    struct str text;

    if (!from->https || to->https || !same_host(from, to)) {
        return;
    }
    /* Port 80 is the default of http and says nothing about https. */
    to->port = to->port == 80 ? from->port : to->port;
    str_init(&text, STR_UNLIMITED);
    str_printf(&text, "https://%s%s%s", is_ipv6 ? "[" : "", to->host,
               is_ipv6 ? "]" : "");
    if (to->port != 443) {
        str_printf(&text, ":%u", to->port);
    }
    str_append_text(&text, path);
    mem_free(to->text);
    to->text = str_take(&text);
    to->https = true;
}

/* Clouds serve credentials at link-local addresses, so no redirect may lead
 * there, even if it is allowed. */
static bool is_named(const struct allow_list *allowed, const char *host)
{
    struct allow_list named = {0};

    if (allowed != NULL) {
        named = *allowed;
        named.any = false;
    }
    return class_of(host) < ADDRESS_LINK_LOCAL && allow_list_has(&named, host);
}

/* A private address may be reached only by a redirect from a host that is as
 * close, or if the address is allowed by name. */
static bool is_reachable_from(const struct url *from,
                              const struct allow_list *allowed,
                              const struct url *to)
{
    enum address_class class = class_of(to->host);

    return class == ADDRESS_PUBLIC || same_host(from, to) ||
           class_of(from->host) >= class || is_named(allowed, to->host);
}

/* Whether `from` may redirect to the host of `to`, or have its token server
 * there. */
static bool is_allowed(const struct url *from, const struct allow_list *allowed,
                       const struct url *to)
{
    return same_host(from, to) || same_site(from->host, to->host) ||
           (class_of(from->host) == ADDRESS_LOOPBACK &&
            class_of(to->host) == ADDRESS_LOOPBACK) ||
           allow_list_has(allowed, to->host);
}

static bool may_use_plain_http(const struct url *from, const struct url *to,
                               bool plain_http_allowed)
{
    if (from->https) {
        return false;
    }
    return plain_http_allowed || same_host(from, to) ||
           class_of(to->host) == ADDRESS_LOOPBACK;
}

/* url_parse() removes one trailing dot. To resolvers, a host that still ends
 * with a dot is another spelling of the same name; comparisons here would miss
 * that. */
static bool has_trailing_dot(const char *host)
{
    size_t len = strlen(host);

    return len > 0 && host[len - 1] == '.';
}

bool referral_is_allowed(const struct url *from, const struct url *to,
                         const struct allow_list *allowed,
                         bool plain_http_allowed)
{
    return !has_trailing_dot(to->host) && is_allowed(from, allowed, to) &&
           is_reachable_from(from, allowed, to) &&
           (to->https || may_use_plain_http(from, to, plain_http_allowed));
}

enum trust trust_of(const struct url *from, const struct oci_target *target,
                    struct url *to, enum redirect_kind redirect_kind)
{
    trust_restore_https(from, to);
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
