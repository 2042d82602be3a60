#include <string.h>

#include "waybill/alloc.h"
#include "waybill/http.h"

const char *const http_tls_versions[] = {"1.2", "1.3", NULL};

bool http_transport_equal(const struct http_transport *a,
                          const struct http_transport *b)
{
    return text_equal(a->ca_file, b->ca_file) &&
           text_equal(a->certificate, b->certificate) &&
           text_equal(a->key, b->key) && text_equal(a->proxy, b->proxy) &&
           text_equal(a->certs_dir, b->certs_dir) && a->min_tls == b->min_tls &&
           a->any_name == b->any_name;
}

void http_transport_copy(struct http_transport *to,
                         const struct http_transport *from)
{
    *to = (struct http_transport){
        .ca_file = mem_strdup(from->ca_file),
        .any_name = from->any_name,
        .certificate = mem_strdup(from->certificate),
        .key = mem_strdup(from->key),
        .min_tls = from->min_tls,
        .certs_dir = mem_strdup(from->certs_dir),
    };
    secret_assign(&to->own_proxy, from->proxy);
    to->proxy = secret_text(&to->own_proxy);
}

void http_transport_release(struct http_transport *transport)
{
    mem_free((char *)transport->ca_file);
    mem_free((char *)transport->certificate);
    mem_free((char *)transport->key);
    secret_release(&transport->own_proxy);
    mem_free((char *)transport->certs_dir);
    *transport = (struct http_transport){0};
}
