#ifndef WAYBILL_INTEGRATION_OCI_OPTIONS_H
#define WAYBILL_INTEGRATION_OCI_OPTIONS_H

#include "waybill/credentials.h"
#include "waybill/field.h"
#include "waybill/http.h"

/* The options of the integration oci-registry, filled by config/ according to
 * the fields below */
struct registry_options {
    const char *repository;
    const char *username;
    const char *password;
    struct field_list lookup_chain; /* of struct credential_source */
    int exchange;                   /* enum oci_exchange */
    int create_repository;
    struct http_transport transport;
    int plain_http;
    uint64_t chunk_size;
};

struct attachment_options {
    const char *prefix;
};

extern const struct field oci_registration_fields[];
extern const struct field oci_attachment_fields[];
/* Checks the combination of options. `attachment` is NULL when only the
 * registration is checked. On failure *ret_key is the key at fault. */
int oci_options_check(const void *registration, const void *attachment,
                      const char **ret_key, struct error *err);

#endif
