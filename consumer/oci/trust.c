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
 * - Another host is of use only when it is the registry's neighbour, well
 * known, one that a registration names, or allowed (registries.allowed).
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

/* Clouds keep credentials there: nobody may lead us to them, whatever is
 * allowed. */
static bool is_named(const struct allow_list *allowed, const char *host)
{
    struct allow_list named = {0};

    if (allowed != NULL) {
        named = *allowed;
        named.any = false;
    }
    return reach_of(host) != REACH_LINK_LOCAL && allow_list_has(&named, host);
}

/* A private target is only for those who are as near to it themselves, or where
 * it is allowed by name. */
static bool may_reach(const struct url *from, const struct allow_list *allowed,
                      const struct url *to)
{
    enum reach reach = reach_of(to->host);

    return reach == REACH_ANYWHERE || same_host(from, to) ||
           reach_of(from->host) >= reach || is_named(allowed, to->host);
}

static bool is_address(const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    return inet_aton(host, &four) != 0 || inet_pton(AF_INET6, host, &six) == 1;
}

static bool is_below(const char *host, const char *domain)
{
    size_t len = strlen(host);
    size_t tail = strlen(domain);

    return len > tail && host[len - tail - 1] == '.' &&
           strcmp(host + len - tail, domain) == 0;
}

/* Top-level domains that nobody can buy a name in (RFC 6761, RFC 6762, ICANN's
 * .internal), or that houses use for themselves: all of it is one house's. */
static bool is_private_domain(const char *domain)
{
    static const char *const domains[] = {"internal", "local",   "localdomain",
                                          "lan",      "home",    "corp",
                                          "test",     "example", "intranet"};

    for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
        if (strcmp(domain, domains[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* registry.example.com with auth.example.com, example.com with
 * auth.example.com, and two names without a domain: whoever runs one runs the
 * other. A domain of one label is nobody's, but for those of houses. */
static bool same_site(const char *from, const char *to)
{
    const char *dot = strchr(from, '.');

    if (is_address(from) || is_address(to)) {
        return false;
    }
    if (dot == NULL) {
        return strchr(to, '.') == NULL;
    }
    if (is_below(to, from)) {
        return true;
    }
    return (strchr(dot + 1, '.') != NULL || is_private_domain(dot + 1)) &&
           (strcmp(to, dot + 1) == 0 || is_below(to, dot + 1));
}

/* Whether `from` may send us there at all, and its token server be there */
static bool is_allowed(const struct url *from, const struct allow_list *allowed,
                       const struct url *to)
{
    return same_host(from, to) || same_site(from->host, to->host) ||
           (reach_of(from->host) == REACH_LOOPBACK &&
            reach_of(to->host) == REACH_LOOPBACK) ||
           allow_list_has(allowed, to->host);
}

static bool may_be_plain(const struct url *from, const struct url *to,
                         bool plain_http_allowed)
{
    if (from->https) {
        return false;
    }
    return plain_http_allowed || same_host(from, to) ||
           reach_of(to->host) == REACH_LOOPBACK;
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
                    struct url *to, enum errand errand)
{
    if (errand == ERRAND_UPLOAD && from->https && !to->https &&
        same_host(from, to)) {
        give_https_back(from, to);
    }
    if (!referral_is_allowed(from, to, target->allowed,
                             target->plain_http_allowed)) {
        return TRUST_REFUSED;
    }
    if (errand == ERRAND_REALM ||
        (same_host(from, to) && from->port == to->port &&
         from->https == to->https)) {
        return TRUST_CREDENTIALS;
    }
    return TRUST_ANONYMOUS;
}
