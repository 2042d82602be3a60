#ifndef WAYBILL_CLOUD_H
#define WAYBILL_CLOUD_H

#include "credentials_internal.h"
#include "waybill/json.h"

/*
 * Shared by the sources of the three clouds: requests to a cloud's services and
 * the parsing of their responses. Responses are untrusted input: their size is
 * bounded, a token must be visible ASCII, and a redirect is an error.
 */

struct cloud_request {
    const char *method;
    const char *url;
    const char *const *headers; /* NULL-terminated */
    struct bytes body;          /* borrowed until done */
    const struct http_aws *aws;
    /* A link-local service of this machine, such as a metadata server: it is
     * never reached through a proxy, and short timeouts apply, because on other
     * machines nothing responds. */
    bool local;
};

struct http_transfer *cloud_start(const struct network *network,
                                  const struct cloud_request *request,
                                  http_done_fn *done, void *payload);

/* The value of an environment variable; NULL if it is unset or empty */
const char *cloud_variable(const char *name);
bool cloud_variable_is_true(const char *name);
/* Accepts https, and http to a loopback address only. */
int cloud_check_url(const char *what, const char *url,
                    struct error *err) NODISCARD;
/* Appends "base/path" with exactly one slash in between. */
void cloud_append_url(struct str *out, const char *base, const char *path);
/* Appends &name=value in form encoding, without the & if `out` is empty. */
void cloud_append_form(struct str *out, const char *name, const char *value);
/* The same for a secret, which is added to `sent`. */
void cloud_append_secret(struct str *out, struct secret_set *sent,
                         const char *name, const char *value);

/* The service that responds, and the secrets that were sent to it, which are
 * redacted from the messages that quote it */
struct cloud_service {
    const struct network *network;
    const char *name;
    const struct secret_set *sent;
};

/* Parses the JSON object in a response with status 200. Otherwise fails with
 * the code and the message of the service. */
int cloud_read(const struct cloud_service *service,
               const struct http_response *response, struct json **ret_json,
               struct error *err) NODISCARD;
/* Fills *err from a response with a status other than 200. `code` and `message`
 * are those of the service and may be NULL. */
void cloud_error_fill(const struct cloud_service *service,
                      const struct http_response *response, const char *code,
                      const char *message, struct error *err);
/* Reads a member that becomes part of a request; it must be visible ASCII. */
int cloud_token(const char *service, const struct json *json, const char *name,
                const char **ret_token, struct error *err) NODISCARD;

/* Sets expiry and renewal. `seconds` is the lifetime that the service stated;
 * the credential is renewed after `percent` of it. */
void cloud_set_lifetime(struct credential *credential, double seconds,
                        unsigned percent);
/* Seconds until the `exp` claim of a JSON web token, or `fallback` if it has
 * none */
double cloud_jwt_seconds(const struct network *network, const char *token,
                         double fallback);
int64_t cloud_wall_s(const struct network *network);

#endif
