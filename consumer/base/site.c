#include "waybill/site.h"

#include <libpsl.h>
#include <string.h>

#include "waybill/address.h"
#include "waybill/compiler.h"

static bool is_below(const char *host, const char *domain)
{
    size_t len = strlen(host);
    size_t suffix_len = strlen(domain);

    return len > suffix_len && host[len - suffix_len - 1] == '.' &&
           strcmp(host + len - suffix_len, domain) == 0;
}

/* RFC 6761, RFC 6762, ICANN's .internal, and names that organizations commonly
 * use internally. */
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

static bool same_organization(const char *from, const char *to)
{
    const char *parent = strchr(from, '.') + 1;

    return is_below(to, from) || strcmp(to, parent) == 0 ||
           is_below(to, parent);
}

static bool same_registrable_domain(const char *from, const char *to)
{
    const psl_ctx_t *list = psl_builtin();
    const char *one = psl_registrable_domain(list, from);
    const char *other = psl_registrable_domain(list, to);

    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

bool same_site(const char *from, const char *to)
{
    const char *dot = strrchr(from, '.');

    if (host_is_address(from) || host_is_address(to)) {
        return false;
    }
    if (dot == NULL) {
        return strchr(to, '.') == NULL;
    }
    return is_private_domain(dot + 1) ? same_organization(from, to)
                                      : same_registrable_domain(from, to);
}
