#include "proxy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "waybill/compiler.h"

/* Longer than any name with a port */
#define MAX_ENTRY 300

/* --- addresses ------------------------------------------------------------ */

struct ip {
    unsigned char bytes[16];
    unsigned bits; /* 32 or 128 */
};

/* An IPv4 address that is mapped into IPv6 is the same address. */
static bool read_ip(const char *text, struct ip *ret_ip)
{
    static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

    if (inet_pton(AF_INET, text, ret_ip->bytes) == 1) {
        ret_ip->bits = 32;
        return true;
    }
    if (inet_pton(AF_INET6, text, ret_ip->bytes) != 1) {
        return false;
    }
    ret_ip->bits = 128;
    if (memcmp(ret_ip->bytes, mapped, sizeof(mapped)) == 0) {
        memmove(ret_ip->bytes, ret_ip->bytes + sizeof(mapped), 4);
        ret_ip->bits = 32;
    }
    return true;
}

static bool same_start(const struct ip *a, const struct ip *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned char mask = (unsigned char)(0xFF00U >> bits % 8);

    return a->bits == b->bits && bits <= a->bits &&
           memcmp(a->bytes, b->bytes, whole) == 0 &&
           (bits % 8 == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0);
}

/* `slash` is the place of the '/' in the entry. */
static bool is_in_network(char *entry, char *slash, const char *host)
{
    size_t digits = strspn(slash + 1, "0123456789");
    struct ip base;
    struct ip ip;

    *slash = '\0';
    return digits > 0 && digits <= 3 && slash[1 + digits] == '\0' &&
           read_ip(entry, &base) && read_ip(host, &ip) &&
           same_start(&base, &ip, (unsigned)strtoul(slash + 1, NULL, 10));
}

/* --- one entry ------------------------------------------------------------ */

/* Cuts the port off the entry. An address without brackets has more than one
 * colon and no port. */
static const char *cut_port(char *entry)
{
    char *end = entry[0] == '[' ? strchr(entry, ']') : NULL;
    char *colon = end != NULL ? end + 1 : strchr(entry, ':');

    if (colon == NULL || *colon != ':' || strchr(colon + 1, ':') != NULL) {
        return "";
    }
    *colon = '\0';
    return colon + 1;
}

static char *without_brackets(char *entry)
{
    size_t len = strlen(entry);

    if (len > 2 && entry[0] == '[' && entry[len - 1] == ']') {
        entry[len - 1] = '\0';
        return entry + 1;
    }
    return entry;
}

static bool is_domain_of(const char *entry, const char *host)
{
    bool subdomains_only = *entry == '*' || *entry == '.';
    size_t len;
    size_t host_len = strlen(host);

    entry += strncmp(entry, "*.", 2) == 0 ? 2 : *entry == '.';
    len = strlen(entry);
    if (len > 0 && entry[len - 1] == '.') {
        len--; /* the DNS root's dot: the same host */
    }
    if (len == 0 || len > host_len ||
        strncasecmp(host + host_len - len, entry, len) != 0) {
        return false;
    }
    return len == host_len ? !subdomains_only : host[host_len - len - 1] == '.';
}

static bool entry_has(char *entry, const char *host, unsigned port)
{
    char *slash = strchr(entry, '/');
    char port_text[16];
    const char *wanted;
    struct ip listed;
    struct ip ip;

    if (strcmp(entry, "*") == 0) {
        return true;
    }
    if (slash != NULL) {
        return is_in_network(entry, slash, host);
    }
    snprintf(port_text, sizeof(port_text), "%u", port);
    wanted = cut_port(entry);
    if (*wanted != '\0' && strcmp(wanted, port_text) != 0) {
        return false;
    }
    entry = without_brackets(entry);
    if (read_ip(entry, &listed)) {
        return read_ip(host, &ip) && same_start(&listed, &ip, listed.bits);
    }
    return is_domain_of(entry, host);
}

static bool lists(const char *list, const char *host, unsigned port)
{
    static const char separators[] = ", \t\r\n";

    for (const char *at = list + strspn(list, separators); *at != '\0';) {
        size_t len = strcspn(at, separators);
        char entry[MAX_ENTRY];

        if (len < sizeof(entry)) {
            memcpy(entry, at, len);
            entry[len] = '\0';
            if (entry_has(entry, host, port)) {
                return true;
            }
        }
        at += len;
        at += strspn(at, separators);
    }
    return false;
}

/* --- the environment ------------------------------------------------------ */

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);

    if (value == NULL || *value == '\0') {
        value = upper != NULL ? getenv(upper) : NULL;
    }
    return value != NULL && *value != '\0' ? value : NULL;
}

const char *proxy_of_environment(const struct url *url)
{
    bool is_cgi = getenv("REQUEST_METHOD") != NULL;
    const char *proxy =
        url->https ? variable("https_proxy", "HTTPS_PROXY")
                   : variable("http_proxy", is_cgi ? NULL : "HTTP_PROXY");
    const char *exceptions = variable("no_proxy", "NO_PROXY");

    if (proxy == NULL) {
        proxy = variable("all_proxy", "ALL_PROXY");
    }
    if (proxy == NULL ||
        (exceptions != NULL && lists(exceptions, url->host, url->port))) {
        return NULL;
    }
    return proxy;
}
