#ifndef WAYBILL_PROVIDER_H
#define WAYBILL_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/compiler.h"
#include "waybill/error.h"
#include "waybill/url.h"

/*
 * Registries that are known by name, and in what each differs from the
 * distribution specification: one table (oci/providers.c), data only. What
 * is not in it is taken to do as the specification says.
 *
 * And the allow-list: hosts that something from outside (a redirect, a realm)
 * may lead to. Pure; any thread.
 */

/* --- providers --------------------------------------------------------------
 */

/* What it does otherwise. */
#define PROVIDER_REFUSES_WITH_403 1U /* also a token that has ended (ECR) */
#define PROVIDER_NO_SINGLE_POST 2U   /* known: do not try */
#define PROVIDER_IMAGES_ONLY 4U  /* no artifact types, no subject (GitLab) */
#define PROVIDER_NO_REFERRERS 8U /* no referrers API: straight to the tag */
#define PROVIDER_CREATES_BY_API                                                \
    16U /* a repository must be made first (ECR)                               \
         */

struct provider {
    const char *name;
    const char *const *hosts; /* globs, `*` any run; ends with NULL */
    const char *wire_host;    /* where requests go; NULL: where they say */
    const char *const *token_hosts; /* of its realms, beside its own; or NULL */
    /* Credential sources that are tried by themselves, by name, behind the
     * docker config; ends with NULL, or NULL. */
    const char *const *sources;
    const char *username; /* for a password without one; NULL: "unset" */
    bool well_known;      /* in the allow-list by default */
    unsigned quirks;
    /* Components of a whole repository name, without host; 0: any number */
    unsigned min_parts;
    unsigned max_parts;
    const char *parts_advice;     /* why, and how to mend it */
    const char *auth_advice;      /* what 401 and 403 mean there; or NULL */
    const char *not_found_advice; /* so for 404; or NULL */
};

/* DOCKER_HUB for each of its names, any other registry as it is */
const char *registry_name(const char *registry);

/* Never NULL; `registry` is host[:port]. */
const struct provider *provider_of(const char *registry);
extern const struct provider providers[]; /* the last is all others */
/* Whether a repository of that name can be there at all */
int provider_check_path(const struct provider *provider, const char *path,
                        struct error *err) NODISCARD;

/* --- the allow-list ---------------------------------------------------------
 */

struct allow_list {
    const char *const *patterns; /* globs; not owned */
    size_t count;
    bool any; /* the switch that lets everything pass */
};

/* Well-known registries and their token servers, and the patterns. `host` has
 * no port; a list of NULL is an empty one. */
bool allow_list_has(const struct allow_list *allowed, const char *host);

/* Whether what answers at `from` may send us to `to`, by the rules of trust.c:
 * another host only when it is a neighbour, well known or allowed; never from
 * https to http; never to an address that only we can reach, unless the sender
 * is as near. plain_http_allowed: http to other hosts was asked for by name. */
bool referral_is_allowed(const struct url *from, const struct url *to,
                         const struct allow_list *allowed,
                         bool plain_http_allowed);

#endif
