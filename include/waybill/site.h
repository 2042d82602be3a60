#ifndef WAYBILL_SITE_H
#define WAYBILL_SITE_H

#include <stdbool.h>

/*
 * Whether `to` belongs to the same site as `from`: the same organization runs
 * both hosts, as far as names can tell. Both names are lower case, without a
 * port.
 *
 * - In the public DNS the registrable domain decides, by the Public Suffix List
 *   (the copy built into libpsl, including its private part):
 *   registry.corp.co.uk and auth.corp.co.uk are one site, two names below
 *   github.io or s3.amazonaws.com are not.
 * - Top-level domains in which nobody can register a name (.internal, .local,
 *   ...) belong to one organization: registry.internal is the same site as all
 *   names in .internal, and registry.dev.internal as all in dev.internal.
 * - Names without a dot belong to one organization, too. An address belongs to
 *   no site.
 *
 * Pure; any thread.
 */
bool same_site(const char *from, const char *to);

#endif
