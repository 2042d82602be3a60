#include <string.h>

#include "waybill/alloc.h"
#include "waybill/http.h"

const char *const http_tls_versions[] = {"1.2", "1.3", NULL};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool http_transport_equal(const struct http_transport *a,
                          const struct http_transport *b)
{
    return same_text(a->ca_file, b->ca_file) &&
           same_text(a->certificate, b->certificate) &&
           same_text(a->key, b->key) && same_text(a->proxy, b->proxy) &&
           same_text(a->certs_dir, b->certs_dir) &&
           a->oldest_tls == b->oldest_tls;
}

static char *copy(const char *text)
{
    return text != NULL ? mem_strdup(text) : NULL;
}

void http_transport_copy(struct http_transport *to,
                         const struct http_transport *from)
{
    *to = (struct http_transport){
        .ca_file = copy(from->ca_file),
        .certificate = copy(from->certificate),
        .key = copy(from->key),
        .oldest_tls = from->oldest_tls,
        .proxy = copy(from->proxy),
        .certs_dir = copy(from->certs_dir),
    };
}

void http_transport_release(struct http_transport *transport)
{
    mem_free((char *)transport->ca_file);
    mem_free((char *)transport->certificate);
    mem_free((char *)transport->key);
    if (transport->proxy != NULL) {
        explicit_bzero((char *)transport->proxy, strlen(transport->proxy));
    }
    mem_free((char *)transport->proxy);
    mem_free((char *)transport->certs_dir);
    *transport = (struct http_transport){0};
}
