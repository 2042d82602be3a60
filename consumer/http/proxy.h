#ifndef WAYBILL_HTTP_PROXY_H
#define WAYBILL_HTTP_PROXY_H

#include "waybill/url.h"

/*
 * The proxy that the environment names for a URL, or NULL. The rules are those
 * of Go's clients (golang.org/x/net/http/httpproxy), because the tools that
 * operators run beside Waybill follow them, and libcurl's differ:
 *
 * - https_proxy, HTTPS_PROXY for https; http_proxy, HTTP_PROXY for http, but
 *   not HTTP_PROXY where REQUEST_METHOD is set: it may then be the header of a
 *   CGI client. What is empty is skipped.
 * - no_proxy or NO_PROXY lists exceptions, separated by commas or white space:
 *
 *     *                                 every host
 *     example.com                       the host and its subdomains
 *     .example.com, *.example.com       its subdomains only
 *     192.0.2.1, 2001:db8::1, [::1]     an address
 *     192.0.2.0/24, 2001:db8::/32       a network
 *     ...:8443, [::1]:8443              the same at one port only
 *
 *   Names are not resolved, so networks contain addresses only.
 *
 * Unlike there, all_proxy and ALL_PROXY are the proxy for both where no other
 * is named, and loopback addresses use the proxy unless they are listed.
 */
const char *proxy_of_environment(const struct url *url);

#endif
