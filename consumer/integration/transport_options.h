#ifndef WAYBILL_INTEGRATION_TRANSPORT_OPTIONS_H
#define WAYBILL_INTEGRATION_TRANSPORT_OPTIONS_H

#include <stddef.h>

#include "waybill/field.h"
#include "waybill/http.h"

/* The keys for TLS and the proxy, shared by all integrations that speak HTTP.
 * `base` is the offset of the struct http_transport in the integration's
 * options struct. */
#define TRANSPORT_FIELDS(base)                                                 \
    {.key = "ca_file",                                                         \
     .flags = FIELD_PATH,                                                      \
     .offset = (base) + offsetof(struct http_transport, ca_file),              \
     .check = transport_check_file,                                            \
     .doc = "Authorities (PEM) to trust, instead of the system's. A "          \
            "relative path starts at the configuration file's folder.",        \
     .example = "/etc/waybill/ca.pem",                                         \
     .since = "0.1.0"},                                                        \
        {.key = "client_certificate",                                          \
         .flags = FIELD_PATH,                                                  \
         .offset = (base) + offsetof(struct http_transport, certificate),      \
         .check = transport_check_file,                                        \
         .doc = "The certificate (PEM) to show to a server that asks for "     \
                "one.",                                                        \
         .example = "/etc/waybill/client.crt",                                 \
         .since = "0.2.0"},                                                    \
        {.key = "client_key",                                                  \
         .flags = FIELD_PATH,                                                  \
         .offset = (base) + offsetof(struct http_transport, key),              \
         .check = transport_check_file,                                        \
         .doc = "Its key (PEM, not encrypted). Left out: it is in the "        \
                "certificate's file.",                                         \
         .example = "/etc/waybill/client.key",                                 \
         .since = "0.2.0"},                                                    \
        {.key = "tls_min_version",                                             \
         .type = FIELD_ENUM,                                                   \
         .offset = (base) + offsetof(struct http_transport, min_tls),          \
         .choices = http_tls_versions,                                         \
         .fallback = "1.2",                                                    \
         .doc = "The oldest version of TLS that is spoken.",                   \
         .since = "0.2.0"},                                                    \
    {                                                                          \
        .key = "proxy", .flags = FIELD_SECRET,                                 \
        .offset = (base) + offsetof(struct http_transport, proxy),             \
        .check = transport_check_proxy,                                        \
        .doc = "The proxy to go through, "                                     \
               "[scheme://][user:password@]host:port, or none. Left out: "     \
               "what https_proxy, http_proxy and no_proxy in the environment " \
               "say, in small letters or capitals, by the rules of Go's "      \
               "clients.",                                                     \
        .example = "http://proxy.internal:3128", .since = "0.2.0"              \
    }

int transport_check_file(const char *value, struct error *err);
int transport_check_proxy(const char *value, struct error *err);

/* Checks the combination of options; on failure *ret_key is the key at
 * fault. */
int transport_check(const struct http_transport *transport,
                    const char **ret_key, struct error *err) NODISCARD;

/* Converts the options to what http.h expects: proxy "none" becomes "". */
struct http_transport transport_of_options(
    const struct http_transport *options);

#endif
