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
     .doc = "A PEM file with the certificate authorities to "                  \
            "trust, instead of the system's. A relative path "                 \
            "starts at the directory of the configuration file.",              \
     .example = "/etc/waybill/ca.pem",                                         \
     .since = "0.1.0"},                                                        \
        {.key = "client_certificate",                                          \
         .flags = FIELD_PATH,                                                  \
         .offset = (base) + offsetof(struct http_transport, certificate),      \
         .check = transport_check_file,                                        \
         .doc = "A PEM file with the client certificate, for servers "         \
                "that request one.",                                           \
         .example = "/etc/waybill/client.crt",                                 \
         .since = "0.2.0"},                                                    \
        {.key = "client_key",                                                  \
         .flags = FIELD_PATH,                                                  \
         .offset = (base) + offsetof(struct http_transport, key),              \
         .check = transport_check_file,                                        \
         .doc = "A PEM file with the key of client_certificate, not "          \
                "encrypted. By default the key is in the file of the "         \
                "certificate.",                                                \
         .example = "/etc/waybill/client.key",                                 \
         .since = "0.2.0"},                                                    \
        {.key = "tls_min_version",                                             \
         .type = FIELD_ENUM,                                                   \
         .offset = (base) + offsetof(struct http_transport, min_tls),          \
         .choices = http_tls_versions,                                         \
         .fallback = "1.2",                                                    \
         .doc = "The lowest version of TLS that is accepted.",                 \
         .since = "0.2.0"},                                                    \
    {                                                                          \
        .key = "proxy", .flags = FIELD_SECRET,                                 \
        .offset = (base) + offsetof(struct http_transport, proxy),             \
        .check = transport_check_proxy,                                        \
        .doc = "The proxy, [scheme://][user:password@]host:port, or "          \
               "none. By default the environment variables "                   \
               "https_proxy, http_proxy and no_proxy apply, in "               \
               "lower or upper case, with the rules of Go programs.",          \
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
