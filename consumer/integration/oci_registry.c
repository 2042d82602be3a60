#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration_internal.h"
#include "waybill/alloc.h"
#include "waybill/oci.h"

/* A thin adaptor: options and event into a target and an image, oci/ does the
 * rest. */

#define DEFAULT_PREFIX "chainloop"
/* go-containerregistry's default, and so where Chainloop's code looks */
#define TAG "latest"

struct registry_options {
    const char *repository;
    const char *username;
    const char *password;
    const char *ca_file;
    int plain_http;
};

struct attachment_options {
    const char *prefix;
};

struct integration {
    const struct integration_env *env;
    struct oci_client *client;
};

struct integration_delivery {
    struct oci_push *push;
    struct oci_target target;
    struct oci_image image;
    struct artifact artifact;
    integration_done_fn *done;
    void *payload;
};

/* --- options ----------------------------------------------------------------
 */

static int check_repository(const char *value, struct error *err)
{
    struct arena *arena = arena_new();
    struct oci_repository repository;
    int result = oci_repository_parse(value, arena, &repository, err);

    arena_free(arena);
    return result;
}

static int check_prefix(const char *value, struct error *err)
{
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);

    str_printf(&name, "%s-0", value);
    if (!oci_path_is_valid(name.data)) {
        return error_set(err, ERROR_CONFIG,
                         "is not fit for a repository name (lower-case "
                         "letters, digits, single '.', '_', '__', '-' or '/' "
                         "between them)");
    }
    return 0;
}

static int check_ca_file(const char *value, struct error *err)
{
    FILE *file = fopen(value, "re");

    if (file == NULL) {
        return error_set(err, ERROR_CONFIG, "cannot be read: %s",
                         strerror(errno));
    }
    fclose(file);
    return 0;
}

/* It becomes a header, and the user's name ends at the first colon. */
static int check_username(const char *value, struct error *err)
{
    if (strpbrk(value, ":\r\n") != NULL) {
        return error_set(err, ERROR_CONFIG, "holds a colon or a line end");
    }
    return 0;
}

#define OPTION(member) offsetof(struct registry_options, member)

static const struct field registration_fields[] = {
    {.key = "repository",
     .flags = FIELD_REQUIRED,
     .offset = OPTION(repository),
     .check = check_repository,
     .doc = "OCI repository uri and path: host[:port]/path. Each attestation "
            "gets a repository of its own below it.",
     .example = "ghcr.io/acme/attestations",
     .since = "0.1"},
    {.key = "username",
     .offset = OPTION(username),
     .check = check_username,
     .doc = "OCI repository username. Left out together with the password: "
            "anonymous.",
     .example = "acme-bot",
     .since = "0.1"},
    {.key = "password",
     .flags = FIELD_SECRET,
     .offset = OPTION(password),
     .doc = "OCI repository password.",
     .example = "${env:GHCR_TOKEN}",
     .since = "0.1"},
    {.key = "ca_file",
     .flags = FIELD_PATH,
     .offset = OPTION(ca_file),
     .check = check_ca_file,
     .doc = "Authorities (PEM) to trust for this registry and its token "
            "server, instead of the system's. A relative path starts at "
            "the configuration file's folder.",
     .example = "/etc/waybill/registry-ca.pem",
     .since = "0.1"},
    {.key = "plain_http",
     .type = FIELD_BOOLEAN,
     .offset = OPTION(plain_http),
     .doc = "Speak http instead of https. Left out: only to a loopback "
            "address, and not there either when there is a ca_file.",
     .example = "true",
     .since = "0.1"},
    {0},
};

static const struct field attachment_fields[] = {
    {.key = "prefix",
     .offset = offsetof(struct attachment_options, prefix),
     .fallback = DEFAULT_PREFIX,
     .check = check_prefix,
     .doc = "OCI images name prefix: the repository is "
            "<repository>/<prefix>-<sha256 of the envelope>.",
     .example = "acme",
     .since = "0.1"},
    {0},
};

static int check_credentials(const struct registry_options *options,
                             const char **ret_key, struct error *err)
{
    if (options->username != NULL && options->password == NULL) {
        *ret_key = "username";
        return error_set(err, ERROR_CONFIG,
                         "has no password (set password here or in "
                         "WAYBILL_<NAME>_PASSWORD)");
    }
    if (options->username == NULL && options->password != NULL) {
        *ret_key = "password";
        return error_set(err, ERROR_CONFIG,
                         "has no username (set username here or in "
                         "WAYBILL_<NAME>_USERNAME)");
    }
    return 0;
}

static int check_length(const struct registry_options *options,
                        const struct attachment_options *attachment,
                        const char **ret_key, struct error *err)
{
    struct arena *arena = arena_new();
    struct oci_repository repository;
    size_t len = 0;

    if (options->repository != NULL &&
        oci_repository_parse(options->repository, arena, &repository, err) ==
            0) {
        len = strlen(repository.path) + 1 + strlen(attachment->prefix) + 1 +
              DIGEST_HEX;
    }
    arena_free(arena);
    if (len > LIMIT_REPOSITORY) {
        *ret_key = "prefix";
        return error_set(err, ERROR_CONFIG,
                         "makes repository names of %zu characters; "
                         "registries take %d",
                         len, LIMIT_REPOSITORY);
    }
    return 0;
}

static int check_options(const void *registration, const void *attachment,
                         const char **ret_key, struct error *err)
{
    if (attachment == NULL) {
        return check_credentials(registration, ret_key, err);
    }
    return check_length(registration, attachment, ret_key, err);
}

/* --- delivery ----------------------------------------------------------------
 */

static struct integration *open_client(const struct integration_env *env)
{
    struct integration *integration = mem_zalloc(sizeof(*integration));
    struct oci_client_options options = {env->connect_ms, env->answer_ms};

    integration->env = env;
    integration->client = oci_client_new(env->http, env->loop, &options);
    return integration;
}

static void close_client(struct integration *integration)
{
    if (integration != NULL) {
        oci_client_free(integration->client);
        mem_free(integration);
    }
}

static bool wants_https(const struct registry_options *options,
                        const char *registry)
{
    if (options->plain_http >= 0) {
        return options->plain_http == 0;
    }
    return options->ca_file != NULL || !oci_registry_is_loopback(registry);
}

/* Where a registration's registry is, and as whom */
static void fill_registry(struct oci_target *target,
                          const struct registry_options *options,
                          struct arena *arena,
                          struct oci_repository *ret_repository)
{
    struct error err;

    if (oci_repository_parse(options->repository, arena, ret_repository, &err) <
        0) {
        abort(); /* check_repository() has let it pass */
    }
    target->registry = ret_repository->registry;
    target->https = wants_https(options, ret_repository->registry);
    target->plain_http_allowed = options->plain_http == 1;
    target->transport.ca_file = options->ca_file;
    target->username = options->username;
    target->password = options->password;
}

static void fill_target(struct oci_target *target,
                        const struct registry_options *options,
                        const char *prefix, const struct event *event,
                        struct arena *arena)
{
    struct oci_repository repository;

    fill_registry(target, options, arena, &repository);
    target->path = arena_printf(arena, "%s/%s-%s", repository.path, prefix,
                                digest_hex(&event->envelope_digest));
    target->tag = TAG;
}

static void fill_artifact(struct artifact *artifact,
                          const struct oci_target *target,
                          const struct oci_image *image, struct arena *arena)
{
    const struct oci_blob *manifest = &image->manifest;

    *artifact = (struct artifact){
        .registry = target->registry,
        .repository = target->path,
        .reference = arena_printf(arena, "%s/%s@%s", target->registry,
                                  target->path, manifest->digest.text),
        .tag = target->tag,
        .digest = manifest->digest.text,
        .media_type = manifest->media_type,
        .size = manifest->data.len,
        .layer_digest = image->layer.digest.text,
        .layout = "chainloop",
    };
}

static void on_pushed(void *payload, bool already, const struct error *err)
{
    struct integration_delivery *delivery = payload;

    delivery->artifact.already_present = already;
    delivery->done(delivery->payload, err ? NULL : &delivery->artifact, err);
}

static struct integration_delivery *deliver(
    struct integration *integration, const struct integration_order *order,
    struct arena *arena, integration_done_fn *done, void *payload)
{
    const struct attachment *attachment = order->attachment;
    const struct attachment_options *options = attachment->options;
    const struct event *event = order->event;
    struct integration_delivery *delivery =
        arena_alloc(arena, sizeof(*delivery));

    delivery->done = done;
    delivery->payload = payload;
    fill_target(&delivery->target, attachment->registration->options,
                options->prefix, event, arena);
    oci_chainloop_image(event->envelope, &event->envelope_digest, arena,
                        &delivery->image);
    fill_artifact(&delivery->artifact, &delivery->target, &delivery->image,
                  arena);
    delivery->push =
        oci_push_start(integration->client, &delivery->target, &delivery->image,
                       order->doubtful, on_pushed, delivery);
    return delivery;
}

static void cancel(struct integration_delivery *delivery)
{
    oci_push_cancel(delivery->push);
}

/* --- the registry itself ----------------------------------------------------
 */

static const char *host_of(const struct registration *registration,
                           struct arena *arena)
{
    struct oci_target target = {0};
    struct oci_repository repository;

    fill_registry(&target, registration->options, arena, &repository);
    return repository.registry;
}

struct integration_probe {
    struct arena *arena;
    struct oci_target target;
    struct oci_probe *probe;
    integration_probed_fn *done;
    void *payload;
};

static void on_probed(void *payload, const struct error *err)
{
    struct integration_probe *probe = payload;

    probe->done(probe->payload, err);
    arena_free(probe->arena);
}

static struct integration_probe *probe_registry(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload)
{
    struct arena *arena = arena_new();
    struct integration_probe *probe = arena_alloc(arena, sizeof(*probe));
    struct oci_repository repository;

    probe->arena = arena;
    probe->done = done;
    probe->payload = payload;
    fill_registry(&probe->target, registration->options, arena, &repository);
    probe->probe =
        oci_probe_start(integration->client, &probe->target, on_probed, probe);
    return probe;
}

static void cancel_probe(struct integration_probe *probe)
{
    oci_probe_cancel(probe->probe);
    arena_free(probe->arena);
}

/* What Chainloop's plugin asked for, and so what must reach oci/ in the end,
 * whether the file says it or the environment. */
static const char *const registration_inputs[] = {"repository", "username",
                                                  "password", NULL};
static const char *const attachment_inputs[] = {NULL};

const struct integration_class oci_registry_class = {
    .fields =
        {
            .kind = "oci-registry",
            .summary = "Send attestations to a compatible OCI registry",
            .registration = registration_fields,
            .registration_size = sizeof(struct registry_options),
            .attachment = attachment_fields,
            .attachment_size = sizeof(struct attachment_options),
            .registration_inputs = registration_inputs,
            .attachment_inputs = attachment_inputs,
            .check = check_options,
        },
    .open = open_client,
    .deliver = deliver,
    .cancel = cancel,
    .host = host_of,
    .probe = probe_registry,
    .cancel_probe = cancel_probe,
    .close = close_client,
};
