#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "oci_internal.h"
#include "waybill/alloc.h"

/*
 * Everything that a registry says about where to go next passes here: the
 * Location of an upload, a redirect, the realm of a challenge. A registry may
 * be mistaken, or lie.
 *
 * - Credentials go to the registry's own origin, and to the token server that
 *   it names. To no one else.
 * - Once on https, never http. A proxy that ends TLS often leaves http in the
 *   Location of its own host; that is put right instead of refused.
 * - A registry on the open network does not send us to addresses that only we
 *   can reach (the cloud's metadata service, loopback, private networks).
 */

/* From far to near. On link-local addresses clouds keep credentials, so nobody
 * else has a reason to send us there. */
enum reach { REACH_ANYWHERE, REACH_PRIVATE, REACH_LOOPBACK, REACH_LINK_LOCAL };

static enum reach reach_of_ipv4(uint32_t ip)
{
    if (ip >> 24 == 127 || ip == 0) { /* Linux takes 0.0.0.0 for itself */
        return REACH_LOOPBACK;
    }
    if (ip >> 16 == 0xA9FE) {
        return REACH_LINK_LOCAL;
    }
    if (ip >> 24 == 10 || ip >> 20 == 0xAC1 || ip >> 16 == 0xC0A8 ||
        ip >> 22 == 0x64400000U >> 22 || ip >> 24 == 0) {
        return REACH_PRIVATE; /* RFC 1918, shared (RFC 6598), "this" */
    }
    return REACH_ANYWHERE;
}

/* An IPv4 address inside an IPv6 one, and where it begins; -1: none */
static int offset_of_ipv4(const struct in6_addr *ip)
{
    static const unsigned char nat64[12] = {0, 0x64, 0xFF, 0x9B};
    static const unsigned char zeros[12];

    if (IN6_IS_ADDR_V4MAPPED(ip) || memcmp(ip->s6_addr, nat64, 12) == 0 ||
        (memcmp(ip->s6_addr, zeros, 12) == 0 && !IN6_IS_ADDR_LOOPBACK(ip))) {
        return 12;
    }
    return ip->s6_addr[0] == 0x20 && ip->s6_addr[1] == 0x02 ? 2 : -1; /* 6to4 */
}

static enum reach reach_of_ipv6(const struct in6_addr *ip)
{
    int offset = offset_of_ipv4(ip);
    uint32_t inner;

    if (IN6_IS_ADDR_LOOPBACK(ip)) {
        return REACH_LOOPBACK;
    }
    if (offset >= 0) {
        memcpy(&inner, &ip->s6_addr[offset], sizeof(inner));
        return reach_of_ipv4(ntohl(inner));
    }
    if (IN6_IS_ADDR_LINKLOCAL(ip)) {
        return REACH_LINK_LOCAL;
    }
    if ((ip->s6_addr[0] & 0xFE) == 0xFC) {
        return REACH_PRIVATE;
    }
    return REACH_ANYWHERE;
}

static enum reach reach_of(const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    if (strcmp(host, "localhost") == 0 || oci_registry_is_loopback(host)) {
        return REACH_LOOPBACK;
    }
    /* inet_aton also knows 0x7f.1 and 2130706433, as resolvers do. */
    if (inet_aton(host, &four) != 0) {
        return reach_of_ipv4(ntohl(four.s_addr));
    }
    if (inet_pton(AF_INET6, host, &six) == 1) {
        return reach_of_ipv6(&six);
    }
    return strcmp(host, "metadata.google.internal") == 0 ? REACH_LINK_LOCAL
                                                         : REACH_ANYWHERE;
}

static bool same_host(const struct url *a, const struct url *b)
{
    return strcmp(a->host, b->host) == 0;
}

static void give_https_back(const struct url *from, struct url *to)
{
    const char *authority = to->text + strlen("http://");
    const char *rest = authority + strcspn(authority, "/?");
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
    str_puts(&text, rest);
    mem_free(to->text);
    to->text = str_take(&text);
    to->https = true;
}

/* A private target is only for those who are as near to it themselves. */
static bool may_reach(const struct url *from, const struct url *to)
{
    enum reach target = reach_of(to->host);

    return target == REACH_ANYWHERE || same_host(from, to) ||
           reach_of(from->host) >= target;
}

static bool may_be_plain(const struct url *from, bool plain_http_allowed,
                         const struct url *to)
{
    if (from->https) {
        return false;
    }
    return plain_http_allowed || same_host(from, to) ||
           reach_of(to->host) == REACH_LOOPBACK;
}

enum trust trust_of(const struct url *from, bool plain_http_allowed,
                    struct url *to, enum errand errand)
{
    if (errand == ERRAND_UPLOAD && from->https && !to->https &&
        same_host(from, to)) {
        give_https_back(from, to);
    }
    if (!may_reach(from, to) ||
        (!to->https && !may_be_plain(from, plain_http_allowed, to))) {
        return TRUST_REFUSED;
    }
    if (errand == ERRAND_REALM ||
        (same_host(from, to) && from->port == to->port &&
         from->https == to->https)) {
        return TRUST_CREDENTIALS;
    }
    return TRUST_ANONYMOUS;
}
