#include "waybill/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool read_v4(const char *host, in_port_t port, struct address *to)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&to->socket;

    in->sin_family = AF_INET;
    in->sin_port = port;
    to->len = sizeof(*in);
    return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool read_v6(const char *host, in_port_t port, struct address *to)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&to->socket;

    in->sin6_family = AF_INET6;
    in->sin6_port = port;
    to->len = sizeof(*in);
    return inet_pton(AF_INET6, host, &in->sin6_addr) == 1;
}

int address_parse(const char *text, struct address *ret_address,
                  struct error *err)
{
    struct address address = {0};
    struct host_port split;
    const char *host = split.host;
    in_port_t port;

    if (!host_port_split(text, &split) || split.port < 0) {
        return error_set(err, ERROR_CONFIG,
                         "expected ADDRESS:PORT, such as 127.0.0.1:9464");
    }
    port = htons((uint16_t)split.port);
    if (strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    if (!read_v4(host, port, &address) && !read_v6(host, port, &address)) {
        return error_set(err, ERROR_CONFIG,
                         "expected a numeric address before the port, such as "
                         "127.0.0.1, 0.0.0.0 or [::1]");
    }
    *ret_address = address;
    return 0;
}

const char *address_format(const struct address *address,
                           char text[ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->socket.ss_family == AF_INET) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&address->socket;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT, "%s:%u", host, ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in =
            (const struct sockaddr_in6 *)&address->socket;

        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT, "[%s]:%u", host, ntohs(in->sin6_port));
    }
    return text;
}

/* --- host and port -------------------------------------------------------- */

static size_t name_length(const char *text)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

    if (text[0] == '[') {
        return end != NULL ? (size_t)(end - text) + 1 : 0;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
}

/* Parses the text after the host: nothing, or a colon and a port. */
static bool read_port(const char *text, int *ret_port)
{
    size_t digits = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;

    *ret_port = digits > 0 ? (int)strtoul(text + 1, NULL, 10) : -1;
    return text[0] == '\0' || (digits > 0 && digits <= 5 &&
                               text[1 + digits] == '\0' && *ret_port <= 65535);
}

bool host_port_split(const char *text, struct host_port *ret_split)
{
    struct host_port split = {.name_len = name_length(text)};
    size_t bracket = text[0] == '[' ? 1 : 0;
    size_t len = split.name_len - 2 * bracket;
    struct in6_addr ipv6;

    if (split.name_len <= 2 * bracket || len >= sizeof(split.host)) {
        return false;
    }
    memcpy(split.host, text + bracket, len);
    if ((bracket && inet_pton(AF_INET6, split.host, &ipv6) != 1) ||
        !read_port(text + split.name_len, &split.port)) {
        return false;
    }
    *ret_split = split;
    return true;
}

/* --- where an address leads ----------------------------------------------- */

/* The first network that contains an address determines its class. */
struct network {
    const char *base;
    unsigned bits;
    enum address_class class;
};

static const struct network ipv4_networks[] = {
    {"169.254.169.254", 32, ADDRESS_METADATA}, /* nearly all clouds */
    {"169.254.170.2", 32, ADDRESS_METADATA},   /* Amazon ECS */
    {"169.254.170.23", 32, ADDRESS_METADATA},  /* Amazon EKS */
    {"100.100.100.200", 32, ADDRESS_METADATA}, /* Alibaba Cloud */
    {"168.63.129.16", 32, ADDRESS_METADATA},   /* Azure's WireServer */
    {"169.254.0.0", 16, ADDRESS_LINK_LOCAL},
    {"127.0.0.0", 8, ADDRESS_LOOPBACK},
    {"0.0.0.0", 32, ADDRESS_UNSPECIFIED},
    /* "This" network, RFC 1918, and carrier-grade NAT (RFC 6598) */
    {"0.0.0.0", 8, ADDRESS_PRIVATE},
    {"10.0.0.0", 8, ADDRESS_PRIVATE},
    {"172.16.0.0", 12, ADDRESS_PRIVATE},
    {"192.168.0.0", 16, ADDRESS_PRIVATE},
    {"100.64.0.0", 10, ADDRESS_PRIVATE},
    /* Protocol assignments, benchmarking, multicast, reserved (RFC 6890) */
    {"192.0.0.0", 24, ADDRESS_PRIVATE},
    {"198.18.0.0", 15, ADDRESS_PRIVATE},
    {"224.0.0.0", 4, ADDRESS_PRIVATE},
    {"240.0.0.0", 4, ADDRESS_PRIVATE},
};

static const struct network ipv6_networks[] = {
    {"::", 128, ADDRESS_UNSPECIFIED},
    {"::1", 128, ADDRESS_LOOPBACK},
    {"fd00:ec2::", 32, ADDRESS_METADATA},    /* Amazon */
    {"fd20:ce::254", 128, ADDRESS_METADATA}, /* Google */
    {"fe80::", 10, ADDRESS_LINK_LOCAL},
    {"fc00::", 7, ADDRESS_PRIVATE},       /* unique local (RFC 4193) */
    {"fec0::", 10, ADDRESS_PRIVATE},      /* site-local (RFC 3879) */
    {"64:ff9b:1::", 48, ADDRESS_PRIVATE}, /* NAT64 inside a site (RFC 8215) */
    {"100::", 64, ADDRESS_PRIVATE},       /* discarded (RFC 6666) */
    {"ff00::", 8, ADDRESS_PRIVATE},       /* multicast */
};

/* IPv6 networks that embed an IPv4 address, and its offset in bytes. */
static const struct embedding {
    const char *base;
    unsigned bits;
    size_t offset;
} embeddings[] = {
    {"::ffff:0:0", 96, 12},   /* mapped (RFC 4291) */
    {"::ffff:0:0:0", 96, 12}, /* translated (RFC 7915) */
    {"::", 96, 12},           /* compatible (RFC 4291) */
    {"64:ff9b::", 96, 12},    /* NAT64 (RFC 6052) */
    {"2002::", 16, 2},        /* 6to4 (RFC 3056) */
};

static bool is_in(int family, const void *address, const char *base,
                  unsigned bits)
{
    const unsigned char *at = address;
    unsigned char network[sizeof(struct in6_addr)];
    size_t whole = bits / 8;

    return inet_pton(family, base, network) == 1 &&
           memcmp(at, network, whole) == 0 &&
           (bits % 8 == 0 ||
            (at[whole] ^ network[whole]) >> (8 - bits % 8) == 0);
}

static const struct network *find(int family, const void *address,
                                  const struct network *networks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_in(family, address, networks[i].base, networks[i].bits)) {
            return &networks[i];
        }
    }
    return NULL;
}

static enum address_class classify_ipv4(const void *address)
{
    const struct network *network =
        find(AF_INET, address, ipv4_networks, ARRAY_SIZE(ipv4_networks));

    return network != NULL ? network->class : ADDRESS_PUBLIC;
}

static enum address_class classify_ipv6(const struct in6_addr *address)
{
    const struct network *network =
        find(AF_INET6, address, ipv6_networks, ARRAY_SIZE(ipv6_networks));

    if (network != NULL) {
        return network->class;
    }
    for (size_t i = 0; i < ARRAY_SIZE(embeddings); i++) {
        const struct embedding *row = &embeddings[i];

        if (is_in(AF_INET6, address, row->base, row->bits)) {
            return classify_ipv4(&address->s6_addr[row->offset]);
        }
    }
    return ADDRESS_PUBLIC;
}

enum address_class address_classify(const struct sockaddr *address)
{
    const void *at = address;
    const struct sockaddr_in *ipv4 = at;
    const struct sockaddr_in6 *ipv6 = at;

    switch (address->sa_family) {
    case AF_INET:
        return classify_ipv4(&ipv4->sin_addr);
    case AF_INET6:
        return classify_ipv6(&ipv6->sin6_addr);
    default:
        return ADDRESS_LOOPBACK;
    }
}

/* Returns AF_INET or AF_INET6, or AF_UNSPEC for a name. A trailing dot and a
 * zone (fe80::1%eth0) are ignored. */
static int read_host(const char *host, void *ret_address)
{
    char text[sizeof(((struct host_port *)NULL)->host)];
    size_t len = strcspn(host, "%");

    len -= len > 0 && host[len - 1] == '.';
    if (len >= sizeof(text)) {
        return AF_UNSPEC;
    }
    memcpy(text, host, len);
    text[len] = '\0';
    if (inet_pton(AF_INET6, text, ret_address) == 1) {
        return AF_INET6;
    }
    /* inet_aton() ignores everything after white space. */
    return strpbrk(text, " \t\r\n\f\v") == NULL &&
                   inet_aton(text, ret_address) != 0
               ? AF_INET
               : AF_UNSPEC;
}

bool host_is_address(const char *host)
{
    struct in6_addr address;

    return read_host(host, &address) != AF_UNSPEC;
}

/* True for the name itself and, with `below`, for its subdomains. */
static bool is_named(const char *host, const char *name, bool below)
{
    size_t len = strlen(host);
    size_t suffix_len = strlen(name);

    len -= len > 0 && host[len - 1] == '.';
    return len >= suffix_len &&
           strncasecmp(host + len - suffix_len, name, suffix_len) == 0 &&
           (len == suffix_len || (below && len > suffix_len + 1 &&
                                  host[len - suffix_len - 1] == '.'));
}

enum address_class host_classify(const char *host)
{
    static const char *const services[] = {"metadata.google.internal",
                                           "metadata.goog"};
    struct in6_addr address;

    switch (read_host(host, &address)) {
    case AF_INET:
        return classify_ipv4(&address);
    case AF_INET6:
        return classify_ipv6(&address);
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        if (is_named(host, services[i], false)) {
            return ADDRESS_METADATA;
        }
    }
    return is_named(host, "localhost", true) ? ADDRESS_LOOPBACK
                                             : ADDRESS_PUBLIC;
}
