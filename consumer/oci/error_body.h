#ifndef WAYBILL_OCI_ERROR_BODY_H
#define WAYBILL_OCI_ERROR_BODY_H

#include "waybill/error.h"
#include "waybill/http.h"
#include "waybill/secret.h"

/*
 * What the body of an error response says. Registries, token servers and
 * whatever stands before them use many forms:
 *
 *     {"errors":[{"code":"DENIED","message":"..."}]}   distribution
 *     {"errors":["..."]}, {"errors":{"field":["..."]}} frameworks
 *     {"error":"...","error_description":"..."}        OAuth2 (RFC 6749, 5.2)
 *     {"error":{"message":"..."}}, {"message":"..."}   clouds and gateways
 *     {"title":"...","detail":"..."}                   RFC 9457
 *     {"details":"..."}                                Docker Hub
 *     plain text
 *
 * A page of HTML is not quoted. The message is scrubbed, printable, and short
 * enough for a log line. Nothing is kept. Pure.
 */
struct reported_error {
    char code[ERROR_CODE_SIZE]; /* of the distribution specification, or "" */
    struct str message;         /* may be empty */
    const struct secret_set *secrets; /* that are removed from the message */
    bool is_document; /* in the form of the distribution specification */
    bool is_oauth2;   /* in the form of RFC 6749, section 5.2 */
};

/* Fills all but `secrets`; release it afterwards. */
void reported_error_read(const struct str *body,
                         struct reported_error *reported);
void reported_error_release(struct reported_error *reported);

#endif
