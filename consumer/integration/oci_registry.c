#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "integration_internal.h"
#include "oci_options.h"
#include "waybill/alloc.h"
#include "waybill/oci.h"

/* A thin adaptor: options and event into a target and an image, oci/ does the
 * rest. */

/* go-containerregistry's default, and so where Chainloop's code looks */
#define TAG "latest"

/* What a registration has for as long as the integration is open */
struct account {
    TAILQ_ENTRY(account) link;
    const struct registration *registration;
    struct oci_repository repository;
    struct keychain_options options;
    struct keychain *keychain;
};

struct integration {
    const struct integration_env *env;
    struct oci_client *client;
    struct arena *arena;
    struct allow_list allowed;
    TAILQ_HEAD(, account) accounts;
};

struct integration_delivery {
    struct oci_push *push;
    struct oci_target target;
    struct oci_image image;
    struct artifact artifact;
    integration_done_fn *done;
    void *payload;
};

/* --- registrations
 * ------------------------------------------------------------
 */

static void parse_repository(const struct registration *registration,
                             struct arena *arena,
                             struct oci_repository *ret_repository)
{
    const struct registry_options *options = registration->options;
    struct error err;

    if (oci_repository_parse(options->repository, arena, ret_repository, &err) <
        0) {
        abort(); /* check_repository() has let it pass */
    }
}

static struct keychain_options chain_of(const struct registry_options *options,
                                        const struct oci_repository *repository)
{
    return (struct keychain_options){
        .registry = repository->registry,
        .path = repository->path,
        .username = options->username,
        .password = options->password,
        .sources = options->lookup_chain.items,
        .source_count = options->lookup_chain.count,
        .with_defaults = options->lookup_chain.count == 0,
    };
}

static struct keychain *open_keychain(const struct integration *integration,
                                      struct account *account)
{
    const struct integration_env *env = integration->env;

    account->options =
        chain_of(account->registration->options, &account->repository);
    return keychain_new(&env->network, &account->options);
}

static void need(const struct registration *registration, struct needs *needs)
{
    const struct registry_options *registry_options = registration->options;
    struct keychain_options options;
    struct oci_repository repository;

    parse_repository(registration, needs->arena, &repository);
    options = chain_of(registration->options, &repository);
    keychain_needs(&options, needs);
    if (registry_options->create_repository == 1) {
        const struct credential_source aws = {.source = "aws"};

        credential_source_needs(&aws, needs);
    }
}

static struct account *account_of(struct integration *integration,
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

/* --- open and close
 * -----------------------------------------------------------
 */

static const char *without_port(const char *registry, struct arena *arena)
{
    const char *end =
        registry[0] == '[' ? strchr(registry, ']') : strchr(registry, ':');

    if (end == NULL) {
        return registry;
    }
    return registry[0] == '['
               ? arena_printf(arena, "%.*s", (int)(end - registry - 1),
                              registry + 1)
               : arena_printf(arena, "%.*s", (int)(end - registry), registry);
}

/* What is configured, and every registry that a registration names */
static void fill_allowed(struct integration *integration)
{
    const struct integration_env *env = integration->env;
    size_t most = env->allowed.count + env->registration_count;
    const char **patterns =
        arena_alloc(integration->arena, most * sizeof(*patterns));
    size_t count = 0;

    for (size_t i = 0; i < env->allowed.count; i++) {
        patterns[count++] = env->allowed.items[i];
    }
    for (size_t i = 0; i < env->registration_count; i++) {
        const struct registration *registration = &env->registrations[i];
        struct oci_repository repository;

        if (strcmp(registration->integration, oci_registry_class.fields.kind) ==
            0) {
            parse_repository(registration, integration->arena, &repository);
            patterns[count++] =
                without_port(repository.registry, integration->arena);
        }
    }
    integration->allowed = (struct allow_list){
        .patterns = patterns,
        .count = count,
        .any = env->allow_any,
    };
}

static struct integration *open_client(const struct integration_env *env)
{
    struct integration *integration = mem_zalloc(sizeof(*integration));

    integration->env = env;
    integration->client = oci_client_new(&env->network);
    integration->arena = arena_new();
    TAILQ_INIT(&integration->accounts);
    fill_allowed(integration);
    return integration;
}

static void close_client(struct integration *integration)
{
    struct account *account;

    if (integration == NULL) {
        return;
    }
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

/* Whoever may push makes the repository, too. */
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

/* Where a registration's registry is, and as whom */
static void fill_registry(struct integration *integration,
                          struct oci_target *target,
                          const struct account *account)
{
    const struct registry_options *options = account->registration->options;

    target->registry = account->repository.registry;
    target->https = wants_https(options, target->registry);
    target->plain_http_allowed = options->plain_http == 1;
    target->transport = options->transport;
    if (target->transport.proxy != NULL &&
        strcmp(target->transport.proxy, "none") == 0) {
        target->transport.proxy = "";
    }
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
    const struct account *account =
        account_of(integration, attachment->registration);
    struct integration_delivery *delivery =
        arena_alloc(arena, sizeof(*delivery));

    delivery->done = done;
    delivery->payload = payload;
    fill_registry(integration, &delivery->target, account);
    fill_target(&delivery->target, account, options->prefix, event, arena);
    delivery->target.traceparent = order->traceparent;
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
    struct oci_repository repository;

    parse_repository(registration, arena, &repository);
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

    probe->arena = arena;
    probe->done = done;
    probe->payload = payload;
    fill_registry(integration, &probe->target,
                  account_of(integration, registration));
    probe->probe =
        oci_probe_start(integration->client, &probe->target, on_probed, probe);
    return probe;
}

static void cancel_probe(struct integration_probe *probe)
{
    oci_probe_cancel(probe->probe);
    arena_free(probe->arena);
}

/* --- inspection
 * ---------------------------------------------------------------
 */

/* Beside what is there already, where a token must be asked for by name; no
 * object is left behind. */
#define INSPECTED_NAME "waybill-check"

struct integration_inspection {
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
                    ? "chainloop (and no other: it takes images only)"
                    : "chainloop",
    };
}

static void on_inspected(void *payload, const struct oci_inspection *found)
{
    static const enum integration_verdict verdicts[] = {
        [OCI_SKIPPED] = FINDING_SKIPPED,
        [OCI_GOOD] = FINDING_GOOD,
        [OCI_DOUBTFUL] = FINDING_DOUBTFUL,
        [OCI_BAD] = FINDING_BAD,
    };
    struct integration_inspection *inspection = payload;
    struct integration_finding findings[OCI_STEPS + 1];

    for (size_t i = 0; i < OCI_STEPS; i++) {
        findings[i] = (struct integration_finding){
            .step = oci_step_names[i],
            .verdict = verdicts[found->steps[i].verdict],
            .text = found->steps[i].text.data,
            .kind = found->steps[i].kind,
        };
    }
    findings[OCI_STEPS] = layouts_of(&inspection->target);
    inspection->done(inspection->payload, findings, ARRAY_SIZE(findings));
    arena_free(inspection->arena);
}

static struct integration_inspection *inspect(
    struct integration *integration, const struct registration *registration,
    integration_inspected_fn *done, void *payload)
{
    const struct account *account = account_of(integration, registration);
    struct arena *arena = arena_new();
    struct integration_inspection *inspection =
        arena_alloc(arena, sizeof(*inspection));

    inspection->arena = arena;
    inspection->done = done;
    inspection->payload = payload;
    fill_registry(integration, &inspection->target, account);
    inspection->target.path =
        arena_printf(arena, "%s/" INSPECTED_NAME, account->repository.path);
    inspection->inspecting = oci_inspect_start(
        integration->client, &inspection->target, on_inspected, inspection);
    return inspection;
}

static void cancel_inspection(struct integration_inspection *inspection)
{
    oci_inspect_cancel(inspection->inspecting);
    arena_free(inspection->arena);
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
    .cancel = cancel,
    .host = host_of,
    .probe = probe_registry,
    .cancel_probe = cancel_probe,
    .inspect = inspect,
    .cancel_inspection = cancel_inspection,
    .needs = need,
    .close = close_client,
};
