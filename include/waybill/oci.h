#ifndef WAYBILL_OCI_H
#define WAYBILL_OCI_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/credentials.h"
#include "waybill/digest.h"
#include "waybill/error.h"
#include "waybill/http.h"
#include "waybill/provider.h"
#include "waybill/str.h"

/*
 * A client for OCI registries (distribution specification 1.1). It sends only
 * the requests that a push of small, new content needs: both blobs in parallel,
 * each with a POST and a PUT, and then the manifest. It sends no HEAD for a
 * blob, because the content is new, and never mounts a blob. A push takes five
 * requests and three round trips, or three requests and two round trips if the
 * registry accepts a blob with its POST. Uploads are chunked only if that is
 * configured, or after a proxy has rejected a body as too large (413). If an
 * earlier attempt may have pushed the image and its response was lost, the push
 * asks for the manifest first, which takes one request if it exists.
 *
 * Whether a registry requires Basic, Bearer or no authentication is determined
 * once for each registry with GET /v2/, before any body is sent. A token is
 * fetched once for all requests that wait for it and is cached until shortly
 * before it expires. Each request answers at most one 401, with the
 * authentication that the challenge requires.
 *
 * Retries, and the consequences of an error for the record, belong to the
 * caller. Loop thread only.
 */

/* --- references ----------------------------------------------------------- */

struct oci_repository {
    const char *registry; /* host[:port], "index.docker.io" for Docker Hub */
    const char *path;     /* "acme/attestations" */
};

/* Parses a repository name by the rules of go-containerregistry, which
 * Chainloop used: the first component is a registry only if it contains a dot
 * or a colon or is "localhost"; otherwise the whole name is a repository of
 * Docker Hub. The path must match the grammar of the distribution
 * specification, which is stricter than go-containerregistry and is what
 * registries enforce. The result is allocated from `arena`. ERROR_CONFIG if the
 * name is invalid. */
int oci_repository_parse(const char *text, struct arena *arena,
                         struct oci_repository *ret_repository,
                         struct error *err) NODISCARD;
bool oci_path_is_valid(const char *path);
bool oci_registry_is_loopback(const char *registry);

/* --- images --------------------------------------------------------------- */

struct oci_blob {
    const char *media_type;
    struct bytes data;
    struct digest digest;
};

struct oci_image {
    struct oci_blob layer;
    struct oci_blob config;
    struct oci_blob manifest;
};

/* Builds the same image, byte for byte, as Chainloop's oci-registry plugin.
 * The bytes of `envelope` are borrowed; everything else is allocated from
 * `arena`. */
void oci_chainloop_image(struct bytes envelope, const struct digest *digest,
                         struct arena *arena, struct oci_image *ret_image);

/* --- targets -------------------------------------------------------------- */

/* How a token is requested. AUTO sends a refresh token by OAuth2 (POST) and a
 * password by the older GET with Basic. */
enum oci_exchange {
    OCI_EXCHANGE_AUTO,
    OCI_EXCHANGE_OAUTH2,
    OCI_EXCHANGE_BASIC
};
/* their names in the configuration; NULL-terminated */
extern const char *const oci_exchanges[];

struct oci_target {
    const char *registry; /* host[:port], as it appears in outcomes */
    const char *path;
    const char *tag;
    /* A traceparent (trace.h) that is sent with requests to the registry
     * itself, but not to token servers or other hosts; or NULL. */
    const char *traceparent;
    bool https;
    /* The configuration explicitly allows plain http, so a token server on
     * another host may use it too. */
    bool plain_http_allowed;
    struct http_transport transport;
    /* hosts to which a registry may redirect */
    const struct allow_list *allowed;
    struct keychain *keychain; /* NULL: anonymous */
    enum oci_exchange exchange;
    /* Chunk size of uploads in bytes; 0: a single request if the registry
     * accepts it. */
    size_t chunk_size;
    /* Create a missing repository with the API of Amazon ECR, using the
     * credentials of `creator` (a source of type `aws`, or NULL). */
    bool create_repository;
    const struct credential_source *creator;
};

/* --- pushing -------------------------------------------------------------- */

struct oci_client;
struct oci_push;

/* `network` must outlive the client. */
struct oci_client *oci_client_new(const struct network *network);
/* no operation may be running */
void oci_client_free(struct oci_client *client);

/* err is NULL if the image is stored; `already` is true if it was stored before
 * this push. Called once, from the loop. */
typedef void oci_push_done_fn(void *payload, bool already,
                              const struct error *err);

/* Starts a push. `target` and `image`, with everything that they point to, must
 * live until done() is called. If `check_first` is true, the push asks for the
 * manifest before it sends anything. */
struct oci_push *oci_push_start(struct oci_client *client,
                                const struct oci_target *target,
                                const struct oci_image *image, bool check_first,
                                oci_push_done_fn *done, void *payload);
/* Cancels the push and frees it; done() is not called. */
void oci_push_cancel(struct oci_push *push);

/* The authorization for requests to the target's repository, for programs that
 * send them themselves. `header` is "Bearer ..." or "Basic ...", or NULL if the
 * registry requires none; lifetime_ms is 0 if it is unknown. */
struct oci_authorization {
    const char *header;
    uint64_t lifetime_ms;
};
typedef void oci_authorized_fn(void *payload,
                               const struct oci_authorization *authorization,
                               const struct error *err);
struct oci_authorizing;
/* actions: "pull" or "pull,push" */
struct oci_authorizing *oci_authorize_start(struct oci_client *client,
                                            const struct oci_target *target,
                                            const char *actions,
                                            oci_authorized_fn *done,
                                            void *payload);
void oci_authorize_cancel(struct oci_authorizing *authorizing);

/*
 * A dry run of a push that stores nothing: it opens an upload session for the
 * target's repository, cancels the session, and reports the result of each
 * step.
 */
enum oci_step {
    OCI_STEP_HOST, /* the name resolves and the host answers */
    OCI_STEP_TLS,
    OCI_STEP_CHALLENGE,   /* the authentication that it requires */
    OCI_STEP_CREDENTIALS, /* which source they come from */
    OCI_STEP_TOKEN,
    OCI_STEP_UPLOAD,
    OCI_STEPS
};
enum oci_verdict { OCI_SKIPPED, OCI_PASSED, OCI_WARNING, OCI_FAILED };

struct oci_inspection {
    struct {
        enum oci_verdict verdict;
        struct str text;
        enum error_kind kind; /* the cause, if the step failed */
        int http_status;      /* the same; 0 if there was no response */
    } steps[OCI_STEPS];
};
extern const char *const oci_step_names[OCI_STEPS];

struct oci_inspecting;
typedef void oci_inspected_fn(void *payload,
                              const struct oci_inspection *inspection);
struct oci_inspecting *oci_inspect_start(struct oci_client *client,
                                         const struct oci_target *target,
                                         oci_inspected_fn *done, void *payload);
void oci_inspect_cancel(struct oci_inspecting *inspecting);

/* Checks whether the target's registry answers at all, over the same transport
 * as a push. */
struct oci_probe;
typedef void oci_probe_done_fn(void *payload, const struct error *err);
struct oci_probe *oci_probe_start(struct oci_client *client,
                                  const struct oci_target *target,
                                  oci_probe_done_fn *done, void *payload);
void oci_probe_cancel(struct oci_probe *probe);

#endif
