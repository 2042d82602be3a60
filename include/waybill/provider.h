#ifndef WAYBILL_PROVIDER_H
#define WAYBILL_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/compiler.h"
#include "waybill/error.h"
#include "waybill/url.h"

/*
 * Known registries, and how each differs from the distribution specification.
 * The table is oci/providers.c and contains only data. A registry that is not
 * in the table is expected to follow the specification.
 *
 * Also the allow list: the hosts to which a redirect or the realm of a
 * challenge may lead. All functions are pure and may be called from any thread.
 */

/* --- providers ------------------------------------------------------------ */

/* Deviations from the specification */
#define PROVIDER_REFUSES_WITH_403 1U /* also an expired token (ECR) */
#define PROVIDER_NO_SINGLE_POST 2U   /* known not to work, so not tried */
#define PROVIDER_IMAGES_ONLY                                                   \
    4U                           /* no artifact types and no subject (GitLab)  \
                                  */
#define PROVIDER_NO_REFERRERS 8U /* no referrers API; use the tag */
#define PROVIDER_CREATES_BY_API                                                \
    16U /* a repository must be created first (ECR) */

struct provider {
    const char *name;
    const char *const *hosts; /* globs; NULL-terminated */
    const char *wire_host; /* host that requests are sent to; NULL: the same */
    /* Hosts of its token servers other than its own, NULL-terminated; or
     * NULL. */
    const char *const *token_hosts;
    /* Names of the credential sources that are tried by default after the
     * docker config, NULL-terminated; or NULL. */
    const char *const *sources;
    /* Username for a password that is configured without one; NULL: "unset". */
    const char *username;
    bool well_known; /* in the allow-list by default */
    unsigned quirks;
    /* Number of components of a complete repository name, without the host; 0:
     * any. */
    unsigned min_parts;
    unsigned max_parts;
    const char *parts_advice;     /* the reason, and what to configure */
    const char *auth_advice;      /* likely cause of a 401 or 403; or NULL */
    const char *not_found_advice; /* likely cause of a 404; or NULL */
};

/* Returns DOCKER_HUB for each of its names, and any other registry
 * unchanged. */
const char *registry_name(const char *registry);

/* The row of a registry, given as host[:port]. Never NULL. */
const struct provider *provider_of(const char *registry);
/* the last row matches any registry */
extern const struct provider providers[];
/* Checks whether the provider can have a repository of that name; ERROR_CONFIG
 * with the provider's advice if not. */
int provider_check_path(const struct provider *provider, const char *path,
                        struct error *err) NODISCARD;

/* --- the allow list ------------------------------------------------------- */

struct allow_list {
    const char *const *patterns; /* globs; borrowed */
    size_t count;
    bool any; /* every host is allowed */
};

/* True for well-known registries, their token servers and hosts that match a
 * pattern. `host` has no port; a NULL list is empty. */
bool allow_list_has(const struct allow_list *allowed, const char *host);

/* Whether the server at `from` may redirect a client to `to`, by the rules in
 * oci/trust.c: to another host only if it belongs to the same site, is well
 * known or is allowed; never from https to http; never to an address that is
 * reachable only locally, unless the server is as close itself.
 * plain_http_allowed means that the configuration explicitly allows http to
 * other hosts. */
bool referral_is_allowed(const struct url *from, const struct url *to,
                         const struct allow_list *allowed,
                         bool plain_http_allowed);

#endif
