#ifndef WAYBILL_CLOUD_H
#define WAYBILL_CLOUD_H

#include "credentials_internal.h"
#include "waybill/json.h"

/*
 * What the sources of the three clouds share: a request to one of their
 * services, and what may be made of the answer. Whoever answers is not
 * believed: sizes have caps, a token is visible ASCII, a redirect is a failure.
 */

struct cloud_request {
    const char *method;
    const char *url;
    const char *const *headers; /* ends with NULL */
    struct bytes body;          /* borrowed until done */
    const struct http_aws *aws;
    /* A service of the machine itself: never through a proxy, and nobody is
     * there when it does not answer at once. */
    bool local;
};

struct http_transfer *cloud_start(const struct network *network,
                                  const struct cloud_request *request,
                                  http_done_fn *done, void *payload);

/* Not empty */
const char *cloud_variable(const char *name);
bool cloud_says_true(const char *name);
/* https, or a host that only this machine can answer for */
int cloud_check_url(const char *what, const char *url,
                    struct error *err) NODISCARD;
/* "base/path" with one slash between them */
void cloud_append_url(struct str *out, const char *base, const char *path);
/* &name=value of a form; the first one without & */
void cloud_append_form(struct str *out, const char *name, const char *value);
/* ... with a secret, which is noted as sent */
void cloud_append_secret(struct str *out, struct secret_set *sent,
                         const char *name, const char *value);

/* Who answers, and what was sent there: that is left out of what it says. */
struct cloud_side {
    const struct network *network;
    const char *service;
    const struct secret_set *sent;
};

/* A JSON object in an answer of 200; else -1, with what the service says. */
int cloud_read(const struct cloud_side *side,
               const struct http_response *response, struct json **ret_json,
               struct error *err) NODISCARD;
/* Only the error, of an answer that is none of 200; `code` and `words` may be
 * NULL. */
void cloud_refused(const struct cloud_side *side,
                   const struct http_response *response, const char *code,
                   const char *words, struct error *err);
/* A member that becomes a part of a request: visible ASCII, of this service */
int cloud_token(const char *service, const struct json *json, const char *name,
                const char **ret_token, struct error *err) NODISCARD;

/* When it ends and when it is renewed. `seconds` are what the service said;
 * renewed after `part` per cent of it. */
void cloud_set_lifetime(struct credential *credential, double seconds,
                        unsigned part);
/* Seconds until `exp` of a JSON web token, or `fallback` */
double cloud_jwt_seconds(const struct network *network, const char *token,
                         double fallback);
int64_t cloud_wall_s(const struct network *network);

#endif
