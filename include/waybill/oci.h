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
 * Pushing to an OCI registry (distribution specification 1.1), by what a push
 * of something small and new needs and no more: both blobs side by side, each a
 * POST and a PUT, then the manifest. No HEAD in front (the content is new), no
 * mount: five requests, three round trips; three requests, two round trips,
 * where the registry turns out to take a blob with its POST. Chunks only where
 * they are configured, or after something in front of the registry refused a
 * body for its size. What may have been pushed before, by an attempt whose
 * answer was lost, is asked for first: one request when it is there.
 *
 * Whether a registry wants Basic, Bearer or nothing is learnt once for each,
 * with GET /v2/, before any body is sent; tokens are fetched once for all who
 * wait for the same one, and kept until shortly before they end. A 401 is
 * answered once per request, with what its challenge asks for.
 *
 * Not here: retries, and what an error means for the record. Loop thread only.
 */

/* --- references ----------------------------------------------------------- */

struct oci_repository {
    const char *registry; /* host[:port], "index.docker.io" for Docker Hub */
    const char *path;     /* "acme/attestations" */
};

/* By the rules of go-containerregistry, which Chainloop used: the first part is
 * a registry only if it has a dot or a colon or is localhost, else the whole is
 * a repository of Docker Hub. Stricter than that where the path is concerned:
 * the distribution specification's grammar, which registries enforce. */
int oci_repository_parse(const char *text, struct arena *arena,
                         struct oci_repository *ret_repository,
                         struct error *err) NODISCARD;
bool oci_path_is_valid(const char *path);
bool oci_registry_is_loopback(const char *registry);

/* --- what is pushed --------------------------------------------------------
 */

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

/* The layout of Chainloop's oci-registry plugin, byte for byte. The envelope's
 * bytes are borrowed, the rest is the arena's. */
void oci_chainloop_image(struct bytes envelope, const struct digest *digest,
                         struct arena *arena, struct oci_image *ret_image);

/* --- where to, and as whom --------------------------------------------------
 */

/* How a token is asked for. AUTO: a refresh token by OAuth2 (POST), a password
 * by the older GET with Basic. */
enum oci_exchange {
    OCI_EXCHANGE_AUTO,
    OCI_EXCHANGE_OAUTH2,
    OCI_EXCHANGE_BASIC
};
extern const char *const oci_exchanges[]; /* their names; ends with NULL */

struct oci_target {
    const char *registry; /* host[:port], as outcomes name it */
    const char *path;
    const char *tag;
    /* What its own requests show, and no token server's or other host's: NULL
     * or a traceparent (trace.h). */
    const char *traceparent;
    bool https;
    /* Plain http was asked for by name, so a plain realm elsewhere is fine. */
    bool plain_http_allowed;
    struct http_transport transport;
    const struct allow_list *allowed; /* where a registry may send us */
    struct keychain *keychain;        /* NULL: as anybody */
    enum oci_exchange exchange;
    size_t chunk_size; /* of an upload; 0: in one piece where that is taken */
    /* Make the repository where it is missing, by Amazon ECR's API, as
     * `creator` says (a source `aws`, or NULL). */
    bool create_repository;
    const struct credential_source *creator;
};

/* --- pushing ----------------------------------------------------------------
 */

struct oci_client;
struct oci_push;

/* The network must outlive it. */
struct oci_client *oci_client_new(const struct network *network);
void oci_client_free(struct oci_client *client); /* no push may be running */

/* err is NULL when everything is there; `already`: it was before. Called once,
 * from the loop. */
typedef void oci_push_done_fn(void *payload, bool already,
                              const struct error *err);

/* target and image, with all that they point to, must live until done. With
 * ask_first the manifest is asked for before anything is sent. */
struct oci_push *oci_push_start(struct oci_client *client,
                                const struct oci_target *target,
                                const struct oci_image *image, bool ask_first,
                                oci_push_done_fn *done, void *payload);
/* done() is not called any more. */
void oci_push_cancel(struct oci_push *push);

/* What a request to the target's repository has to show, for programs that make
 * it themselves. header: "Bearer ..." or "Basic ...", NULL when nothing is
 * wanted; lifetime_ms 0: not known. */
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
 * What would become of a push, step by step, with nothing stored: an upload to
 * the target's repository is opened and cancelled.
 */
enum oci_step {
    OCI_STEP_HOST, /* the name, and that it answers */
    OCI_STEP_TLS,
    OCI_STEP_CHALLENGE,   /* what it wants to be shown */
    OCI_STEP_CREDENTIALS, /* where they come from */
    OCI_STEP_TOKEN,
    OCI_STEP_UPLOAD,
    OCI_STEPS
};
enum oci_verdict { OCI_SKIPPED, OCI_GOOD, OCI_DOUBTFUL, OCI_BAD };

struct oci_inspection {
    struct {
        enum oci_verdict verdict;
        struct str text;
        enum error_kind kind; /* why it is bad */
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

/* Whether the target's registry answers at all; as for a push otherwise. */
struct oci_probe;
typedef void oci_probe_done_fn(void *payload, const struct error *err);
struct oci_probe *oci_probe_start(struct oci_client *client,
                                  const struct oci_target *target,
                                  oci_probe_done_fn *done, void *payload);
void oci_probe_cancel(struct oci_probe *probe);

#endif
