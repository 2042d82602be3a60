#ifndef WAYBILL_OCI_REQUEST_H
#define WAYBILL_OCI_REQUEST_H

#include "waybill/oci.h"
#include "waybill/url.h"

/*
 * One request to a registry, with what it has to show: redirects are followed
 * as far as trust.h allows, and a 401 is answered once with what its challenge
 * asks for. Loop thread only.
 */
struct oci_request;

struct oci_request_spec {
    const char *what; /* for messages: "upload of the layer" */
    const char *method;
    const char *url;
    const char *content_type;  /* NULL: no body */
    const char *content_range; /* of a chunk; NULL: none */
    const char *accept;        /* NULL: anything */
    bool reads; /* a refusal says nothing about who only wants to write */
    struct bytes body;
};

/* Either response (any status but 401 and redirects) or err. */
typedef void oci_response_fn(void *payload,
                             const struct http_response *response,
                             const struct error *err);

struct oci_request *oci_request_start(struct oci_client *client,
                                      const struct oci_target *target,
                                      const struct oci_request_spec *spec,
                                      oci_response_fn *done, void *payload);
void oci_request_cancel(struct oci_request *request);
/* The URL that answered, behind all redirects; valid inside done(). */
const struct url *oci_request_url(const struct oci_request *request);

#endif
