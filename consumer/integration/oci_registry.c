#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "oci_options.h"
#include "transport_options.h"
#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/integration.h"
#include "waybill/oci.h"

/* Translates options and events into targets and images; oci/ does the rest. */

#define KIND "oci-registry"

/* The default tag of go-containerregistry, which Chainloop's code therefore
 * looks for */
#define TAG "latest"

/* The state of a registration while the integration is open */
struct account {
    TAILQ_ENTRY(account) link;
    const struct registration *registration;
    struct oci_repository repository;
    struct keychain_options options;
    struct keychain *keychain;
};

struct oci_integration {
    struct integration base;
    struct oci_client *client;
    struct arena *arena;
    struct allow_list allowed;
    TAILQ_HEAD(, account) accounts;
};

/* Allocated from the attempt's arena */
struct delivery {
    struct integration_operation base;
    struct oci_push *push;
    struct oci_target target;
    struct oci_image image;
    struct artifact artifact;
    delivery_done_fn *done;
    void *payload;
};

/* --- registrations -----------------------------------------------------------
 */

static void parse_repository(const struct registration *registration,
                             struct arena *arena,
                             struct oci_repository *ret_repository)
{
    const struct registry_options *options = registration->options;
    struct error err;

    if (oci_repository_parse(options->repository, arena, ret_repository, &err) <
        0) {
        abort(); /* check_repository() has accepted it */
    }
}

static struct keychain_options chain_of(const struct registry_options *options,
                                        const struct oci_repository *repository)
{
    const struct provider *provider = provider_of(repository->registry);

    return (struct keychain_options){
        .registry = repository->registry,
        .path = repository->path,
        .username = options->username,
        .password = options->password,
        .sources = options->lookup_chain.items,
        .source_count = options->lookup_chain.count,
        .with_defaults = options->lookup_chain.count == 0,
        .provider_sources = provider->sources,
        .provider_username = provider->username,
    };
}

static struct keychain *open_keychain(const struct oci_integration *integration,
                                      struct account *account)
{
    const struct integration_context *context = integration->base.context;

    account->options =
        chain_of(account->registration->options, &account->repository);
    return keychain_new(&context->network, &account->options);
}

static void access_entry(const struct registration *registration,
                         struct access *access)
{
    const struct registry_options *registry_options = registration->options;
    struct keychain_options options;
    struct oci_repository repository;

    parse_repository(registration, access->arena, &repository);
    options = chain_of(registration->options, &repository);
    keychain_access(&options, access);
    if (registry_options->create_repository == 1) {
        const struct credential_source aws = {.source = "aws"};

        credential_source_access(&aws, access);
    }
}

static struct account *account_of(struct oci_integration *integration,
                                  const struct registration *registration)
{
    struct account *account;

    TAILQ_FOREACH(account, &integration->accounts, link)
    {
        if (account->registration == registration) {
            return account;
        }
    }
    account = arena_alloc(integration->arena, sizeof(*account));
    account->registration = registration;
    parse_repository(registration, integration->arena, &account->repository);
    account->keychain = open_keychain(integration, account);
    TAILQ_INSERT_TAIL(&integration->accounts, account, link);
    return account;
}

/* --- open and close ----------------------------------------------------------
 */

/* The configured patterns, and the registries of all registrations */
static void fill_allowed(struct oci_integration *integration,
                         const struct integration_context *context)
{
    size_t max = context->allowed.count + context->registration_count;
    const char **patterns =
        arena_alloc(integration->arena, max * sizeof(*patterns));
    size_t count = 0;

    for (size_t i = 0; i < context->allowed.count; i++) {
        patterns[count++] = context->allowed.items[i];
    }
    for (size_t i = 0; i < context->registration_count; i++) {
        const struct registration *registration = &context->registrations[i];
        struct oci_repository repository;
        struct host_port split;

        if (strcmp(registration->integration, KIND) == 0) {
            parse_repository(registration, integration->arena, &repository);
            if (host_port_split(repository.registry, &split)) {
                patterns[count++] =
                    arena_strdup(integration->arena, split.host);
            }
        }
    }
    integration->allowed = (struct allow_list){
        .patterns = patterns,
        .count = count,
        .any = context->allow_any,
    };
}

static struct integration *open_client(
    const struct integration_context *context)
{
    struct oci_integration *integration = mem_zalloc(sizeof(*integration));

    integration->base.context = context;
    integration->client = oci_client_new(&context->network);
    integration->arena = arena_new();
    TAILQ_INIT(&integration->accounts);
    fill_allowed(integration, context);
    return &integration->base;
}

static void close_client(struct integration *base)
{
    struct oci_integration *integration = (struct oci_integration *)base;
    struct account *account;

    oci_client_free(integration->client);
    TAILQ_FOREACH(account, &integration->accounts, link)
    {
        keychain_free(account->keychain);
    }
    arena_free(integration->arena);
    mem_free(integration);
}

/* --- delivery ----------------------------------------------------------------
 */

static bool wants_https(const struct registry_options *options,
                        const char *registry)
{
    if (options->plain_http >= 0) {
        return options->plain_http == 0;
    }
    return options->transport.ca_file != NULL ||
           options->transport.certificate != NULL ||
           options->transport.certs_dir != NULL ||
           !oci_registry_is_loopback(registry);
}

/* The credentials that push also create the repository. */
static const struct credential_source *creator_of(
    const struct registry_options *options)
{
    const struct credential_source *sources = options->lookup_chain.items;

    for (size_t i = 0; i < options->lookup_chain.count; i++) {
        if (strcmp(sources[i].source, "aws") == 0) {
            return &sources[i];
        }
    }
    return NULL;
}

/* Fills in the address of the registry, and the credentials. */
static void fill_registry(struct oci_integration *integration,
                          struct oci_target *target,
                          const struct account *account)
{
    const struct registry_options *options = account->registration->options;

    target->registry = account->repository.registry;
    target->https = wants_https(options, target->registry);
    target->plain_http_allowed = options->plain_http == 1;
    target->transport = transport_of_options(&options->transport);
    target->allowed = &integration->allowed;
    target->keychain = account->keychain;
    target->exchange = (enum oci_exchange)options->exchange;
    target->chunk_size = (size_t)options->chunk_size;
    target->create_repository = options->create_repository == 1;
    target->creator = creator_of(options);
}

static void fill_target(struct oci_target *target,
                        const struct account *account, const char *prefix,
                        const struct event *event, struct arena *arena)
{
    target->path = arena_printf(arena, "%s/%s-%s", account->repository.path,
                                prefix, digest_hex(&event->envelope_digest));
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
    struct delivery *delivery = payload;
    struct artifact *artifact = &delivery->artifact;

    artifact->already_present = already;
    delivery->done(
        delivery->payload,
        &(struct delivery_report){
            .status = err != NULL ? DELIVERY_FAILED : DELIVERY_SUCCEEDED,
            .result = {.reference = artifact->reference,
                       .already_present = already,
                       .artifact = artifact},
            .err = err,
        });
}

static void cancel_delivery(struct integration_operation *operation)
{
    oci_push_cancel(((struct delivery *)operation)->push);
}

static struct integration_operation *deliver(
    struct integration *base, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    struct oci_integration *integration = (struct oci_integration *)base;
    const struct attachment *attachment = request->attachment;
    const struct attachment_options *options = attachment->options;
    const struct event *event = request->event;
    const struct account *account =
        account_of(integration, attachment->registration);
    struct delivery *delivery = arena_alloc(request->arena, sizeof(*delivery));

    delivery->base.cancel = cancel_delivery;
    delivery->done = done;
    delivery->payload = payload;
    fill_registry(integration, &delivery->target, account);
    fill_target(&delivery->target, account, options->prefix, event,
                request->arena);
    delivery->target.traceparent = request->traceparent;
    oci_chainloop_image(event->envelope, &event->envelope_digest,
                        request->arena, &delivery->image);
    fill_artifact(&delivery->artifact, &delivery->target, &delivery->image,
                  request->arena);
    delivery->push =
        oci_push_start(integration->client, &delivery->target, &delivery->image,
                       request->may_have_arrived, on_pushed, delivery);
    return &delivery->base;
}

/* --- the registry itself ----------------------------------------------------
 */

static const char *registry_of(const struct registration *registration,
                               struct arena *arena)
{
    struct oci_repository repository;

    parse_repository(registration, arena, &repository);
    return repository.registry;
}

struct probe {
    struct integration_operation base;
    struct arena *arena;
    struct oci_target target;
    struct oci_probe *probe;
    integration_probed_fn *done;
    void *payload;
};

static void on_probed(void *payload, const struct error *err)
{
    struct probe *probe = payload;

    probe->done(probe->payload, err);
    arena_free(probe->arena);
}

static void cancel_probe(struct integration_operation *operation)
{
    struct probe *probe = (struct probe *)operation;

    oci_probe_cancel(probe->probe);
    arena_free(probe->arena);
}

static struct integration_operation *probe_registry(
    struct integration *base, const struct registration *registration,
    integration_probed_fn *done, void *payload)
{
    struct oci_integration *integration = (struct oci_integration *)base;
    struct arena *arena = arena_new();
    struct probe *probe = arena_alloc(arena, sizeof(*probe));

    probe->base.cancel = cancel_probe;
    probe->arena = arena;
    probe->done = done;
    probe->payload = payload;
    fill_registry(integration, &probe->target,
                  account_of(integration, registration));
    probe->probe =
        oci_probe_start(integration->client, &probe->target, on_probed, probe);
    return &probe->base;
}

/* --- inspection --------------------------------------------------------------
 */

/* The repository that a token is requested for, next to the existing ones.
 * Nothing remains in it after the inspection. With an attachment it is named
 * like those that its deliveries go to, by a digest that no envelope has, so
 * that the same permissions apply. */
#define INSPECTED_NAME "waybill-check"
#define INSPECTED_DIGEST                                                       \
    "0000000000000000000000000000000000000000000000000000000000000000"

struct inspection {
    struct integration_operation base;
    struct arena *arena;
    struct oci_target target;
    struct oci_inspecting *inspecting;
    integration_inspected_fn *done;
    void *payload;
};

static struct integration_finding layouts_of(const struct oci_target *target)
{
    const struct provider *provider = provider_of(target->registry);

    return (struct integration_finding){
        .step = "layouts",
        .verdict = FINDING_GOOD,
        .text = provider->quirks & PROVIDER_IMAGES_ONLY
                    ? "chainloop (no other layout: the registry accepts images "
                      "only)"
                    : "chainloop",
    };
}

/* A 401 concerns the credential, which must not be sent for each attachment:
 * accounts are locked after a few failures. */
static bool is_local(const struct oci_inspection *found, size_t step)
{
    enum error_kind kind = found->steps[step].kind;

    return step >= OCI_STEP_TOKEN && found->steps[step].http_status != 401 &&
           (kind == ERROR_AUTH || kind == ERROR_NOT_FOUND ||
            kind == ERROR_REJECTED);
}

static void on_inspected(void *payload, const struct oci_inspection *found)
{
    static const enum integration_verdict verdicts[] = {
        [OCI_SKIPPED] = FINDING_SKIPPED,
        [OCI_PASSED] = FINDING_GOOD,
        [OCI_WARNING] = FINDING_DOUBTFUL,
        [OCI_FAILED] = FINDING_BAD,
    };
    struct inspection *inspection = payload;
    struct integration_finding findings[OCI_STEPS + 1];

    for (size_t i = 0; i < OCI_STEPS; i++) {
        findings[i] = (struct integration_finding){
            .step = oci_step_names[i],
            .verdict = verdicts[found->steps[i].verdict],
            .text = found->steps[i].text.data,
            .kind = found->steps[i].kind,
            .is_local = is_local(found, i),
        };
    }
    findings[OCI_STEPS] = layouts_of(&inspection->target);
    inspection->done(inspection->payload, findings, ARRAY_SIZE(findings));
    arena_free(inspection->arena);
}

static void cancel_inspection(struct integration_operation *operation)
{
    struct inspection *inspection = (struct inspection *)operation;

    oci_inspect_cancel(inspection->inspecting);
    arena_free(inspection->arena);
}

static const char *destination(const struct attachment *attachment,
                               struct arena *arena)
{
    const struct attachment_options *options = attachment->options;
    struct oci_repository repository;

    parse_repository(attachment->registration, arena, &repository);
    return arena_printf(arena, "%s/%s-*", repository.path, options->prefix);
}

static const char *inspected_path(const struct account *account,
                                  const struct attachment *attachment,
                                  struct arena *arena)
{
    const struct attachment_options *options;

    if (attachment == NULL) {
        return arena_printf(arena, "%s/" INSPECTED_NAME,
                            account->repository.path);
    }
    options = attachment->options;
    return arena_printf(arena, "%s/%s-" INSPECTED_DIGEST,
                        account->repository.path, options->prefix);
}

static struct integration_operation *inspect(
    struct integration *base, const struct registration *registration,
    const struct attachment *attachment, integration_inspected_fn *done,
    void *payload)
{
    struct oci_integration *integration = (struct oci_integration *)base;
    const struct account *account = account_of(integration, registration);
    struct arena *arena = arena_new();
    struct inspection *inspection = arena_alloc(arena, sizeof(*inspection));

    inspection->base.cancel = cancel_inspection;
    inspection->arena = arena;
    inspection->done = done;
    inspection->payload = payload;
    fill_registry(integration, &inspection->target, account);
    inspection->target.path = inspected_path(account, attachment, arena);
    inspection->inspecting = oci_inspect_start(
        integration->client, &inspection->target, on_inspected, inspection);
    return &inspection->base;
}

/* The inputs of Chainloop's plugin, each of which must reach oci/, whether it
 * is set in the file or in the environment. */
static const char *const registration_inputs[] = {"repository", "username",
                                                  "password", NULL};
static const char *const attachment_inputs[] = {NULL};

extern const struct integration_class oci_registry_class;

const struct integration_class oci_registry_class = {
    .fields =
        {
            .kind = KIND,
            .version = "1.0",
            .endpoint = "registry",
            .repetition = REPETITION_HARMLESS,
            .summary = "Send attestations to a compatible OCI registry",
            .registration = oci_registration_fields,
            .registration_size = sizeof(struct registry_options),
            .attachment = oci_attachment_fields,
            .attachment_size = sizeof(struct attachment_options),
            .registration_inputs = registration_inputs,
            .attachment_inputs = attachment_inputs,
            .check = oci_options_check,
        },
    .open = open_client,
    .deliver = deliver,
    .endpoint = registry_of,
    .probe = probe_registry,
    .inspect = inspect,
    .destination = destination,
    .access = access_entry,
    .close = close_client,
};
