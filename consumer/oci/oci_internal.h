#ifndef WAYBILL_OCI_INTERNAL_H
#define WAYBILL_OCI_INTERNAL_H

#include <sys/queue.h>

#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/oci.h"
#include "waybill/secret.h"
#include "waybill/url.h"

struct origin;

/* --- trust.c: the one place that decides where credentials may go ------------
 */

enum trust {
    TRUST_REFUSED,    /* not even the request */
    TRUST_ANONYMOUS,  /* the request, without credentials */
    TRUST_CREDENTIALS /* both */
};

enum errand {
    ERRAND_UPLOAD, /* a Location or a redirect */
    ERRAND_REALM,  /* a token server, which the credentials are for */
};

/* `to` came from the registry at `from`; https is given back to it where a
 * proxy in front of the registry has lost it. */
enum trust trust_of(const struct url *from, const struct oci_target *target,
                    struct url *to, enum errand errand);

/* --- request.c: one authenticated request ------------------------------------
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
/* What it has shown to whoever answered; valid inside done(). */
const struct secret_set *oci_request_revealed(
    const struct oci_request *request);

/* --- upload.c: one blob
 * -------------------------------------------------------
 */

struct upload {
    struct oci_client *client;
    struct origin *origin; /* NULL: there cannot be one, and no answer either */
    const struct oci_target *target;
    const struct oci_blob *blob;
    const char *what;
    struct oci_request *request; /* the one under way */
    struct url location;         /* of the session */
    size_t chunk;                /* 0: in one piece */
    size_t sizes;                /* of chunks, tried after a 413 */
    char range[64];              /* of the chunk under way */
    size_t sent;
    bool single; /* the POST carries it */
    bool done;
    void (*finished)(void *payload, const struct error *err);
    void *payload;
};

/* With client, target, blob, what, finished and payload filled */
void upload_start(struct upload *upload);
void upload_cancel(struct upload *upload);
void upload_was_forgotten(const struct upload *upload);

/* --- errors.c
 * ------------------------------------------------------------------ */

/* What a status that is no success means; always -1. What the answer says is
 * quoted without what the request has revealed. */
int oci_error_of(const struct http_response *response, const char *what,
                 const struct oci_target *target,
                 const struct oci_client *client,
                 const struct secret_set *revealed, struct error *err);
/* The credentials that were sent did not count: worth one try with new ones */
bool oci_is_unauthorized(const struct http_response *response,
                         const struct oci_target *target);
/* Takes out of a text that a registry had a hand in what was revealed, and the
 * target's credential */
void oci_scrub(const struct oci_target *target,
               const struct secret_set *revealed, struct error *err);
/* What a token server says about a refusal, printable and without secrets */
void oci_put_words(const struct http_response *response,
                   const struct secret_set *revealed, struct str *out);

/* --- client.c
 * -------------------------------------------------------------------- */

struct oci_client {
    const struct network *network;
    TAILQ_HEAD(, origin) origins;
    TAILQ_HEAD(, token) tokens; /* least recently fetched first */
    size_t token_count;
    TAILQ_HEAD(, session) sessions; /* so too */
    size_t session_count;
};

#endif
