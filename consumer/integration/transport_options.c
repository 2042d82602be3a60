#include "transport_options.h"

#include <string.h>
#include <strings.h>

#include "waybill/file.h"

int transport_check_file(const char *value, struct error *err)
{
    return file_check(value, err) < 0
               ? error_prefix(err, "the file cannot be read")
               : 0;
}

int transport_check(const struct http_transport *transport,
                    const char **ret_key, struct error *err)
{
    if (transport->key != NULL && transport->certificate == NULL) {
        *ret_key = "client_key";
        return error_set(err, ERROR_CONFIG,
                         "a key needs its certificate; set client_certificate, "
                         "or remove client_key");
    }
    return 0;
}

int transport_check_proxy(const char *value, struct error *err)
{
    static const char *const words[] = {"off", "no", "false", "direct"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(value, words[i]) == 0) {
            return error_set(err, ERROR_CONFIG,
                             "to use no proxy write proxy: none");
        }
    }
    return 0;
}

struct http_transport transport_of_options(const struct http_transport *options)
{
    struct http_transport transport = *options;

    if (transport.proxy != NULL && strcmp(transport.proxy, "none") == 0) {
        transport.proxy = "";
    }
    return transport;
}
