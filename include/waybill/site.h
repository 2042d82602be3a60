#ifndef WAYBILL_SITE_H
#define WAYBILL_SITE_H

#include <stdbool.h>

/*
 * Whether `to` is the same site as `from`: whoever runs one of the two hosts
 * runs the other, as far as names can tell. Both are lower case, without a
 * port.
 *
 * - Of names in the public DNS the registrable domain decides, by the Public
 *   Suffix List (libpsl's built-in copy, its private part included):
 *   registry.corp.co.uk and auth.corp.co.uk are one site, two names below
 *   github.io or s3.amazonaws.com are not.
 * - Top-level domains in which nobody can buy a name (.internal, .local, ...)
 *   belong to one house: registry.internal is the same site as whatever is in
 *   .internal, and registry.dev.internal as what is in dev.internal.
 * - Names without a dot are one house's, too. An address is nobody's neighbour.
 *
 * Pure; any thread.
 */
bool same_site(const char *from, const char *to);

#endif
