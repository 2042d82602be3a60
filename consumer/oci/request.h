#ifndef WAYBILL_OCI_REQUEST_H
#define WAYBILL_OCI_REQUEST_H

#include "waybill/oci.h"
#include "waybill/secret.h"
#include "waybill/url.h"

/*
 * One authorized request to a registry. Redirects are followed as far as
 * trust.h allows, and at most one 401 is answered with the authentication that
 * its challenge requires. Loop thread only.
 */
struct oci_request;

struct oci_request_spec {
    const char *what; /* for messages: "upload of the layer" */
    const char *method;
    const char *url;
    const char *content_type;  /* NULL: no body */
    const char *content_range; /* of a chunk; NULL: none */
    const char *accept;        /* NULL: anything */
    bool reads; /* A refusal says nothing about permission to write. */
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
/* The URL that answered, after all redirects; valid inside done(). */
const struct url *oci_request_url(const struct oci_request *request);
/* The secrets that the request has sent; valid inside done(). */
const struct secret_set *oci_request_revealed(
    const struct oci_request *request);
/* Appends to the error of a refused request what is known about the refusal;
 * valid inside done(). */
void oci_request_explain(const struct oci_request *request, struct error *err);

#endif
