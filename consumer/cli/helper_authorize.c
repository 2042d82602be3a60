#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_internal.h"
#include "waybill/json.h"
#include "waybill/provider.h"

/* Performs one authorization on an event loop of its own: the chain of
 * credential sources, the challenge of the registry, and its token server. */

#define CONNECT_MS 10000
/* The limit of the whole authorization, since the client waits for it before
 * each download */
#define AUTHORIZATION_MS 30000

struct authorization_request {
    struct loop *loop;
    struct oci_authorizing *authorizing; /* NULL when it has ended */
    struct timer deadline;
    struct str *json;
    struct error *err;
    int result;
};

/* --- the response --------------------------------------------------------- */

/* The time is rounded down to seconds, because some clients do not parse
 * fractions. */
static void append_expiry(struct json_writer *json, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    char whole[CLOCK_TEXT_SIZE];

    clock_format(wall_ms, text);
    snprintf(whole, sizeof(whole), "%.19sZ", text);
    json_append_string(json, "expires", whole);
}

static void append_header(struct json_writer *json, const char *name,
                          const char *const *values)
{
    json_open(json, name, '[');
    for (; *values != NULL; values++) {
        json_append_string(json, NULL, *values);
    }
    json_close(json, ']');
}

/* The headers and their order are those of tweag/credential-helper. */
static void append_response(struct str *out, const char *authorization,
                            int64_t expires_ms)
{
    static const char *const types[] = {
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.index.v1+json", NULL};
    static const char *const version[] = {"registry/2.0", NULL};
    const char *authorizations[] = {authorization, NULL};
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    if (expires_ms > 0) {
        append_expiry(&json, expires_ms);
    }
    json_open(&json, "headers", '{');
    if (authorization != NULL) {
        append_header(&json, "Authorization", authorizations);
    }
    append_header(&json, "Accept", types);
    append_header(&json, "Docker-Distribution-API-Version", version);
    json_close(&json, '}');
    json_close(&json, '}');
    str_append_char(out, '\n');
}

static void on_authorized(void *payload,
                          const struct oci_authorization *authorization,
                          const struct error *err)
{
    struct authorization_request *request = payload;
    uint64_t lifetime_ms = authorization ? authorization->lifetime_ms : 0;
    int64_t now_ms = clock_wall_ms(loop_clock(request->loop));

    request->authorizing = NULL;
    if (authorization != NULL) {
        append_response(request->json, authorization->header,
                        lifetime_ms > 0 ? now_ms + (int64_t)lifetime_ms : 0);
    } else {
        *request->err = *err;
    }
    request->result = authorization != NULL ? 0 : -1;
    loop_stop(request->loop);
}

static void on_deadline(void *payload)
{
    struct authorization_request *request = payload;

    oci_authorize_cancel(request->authorizing);
    request->authorizing = NULL;
    request->result =
        error_set(request->err, ERROR_UNREACHABLE,
                  "no answer within %d seconds", AUTHORIZATION_MS / 1000);
    loop_stop(request->loop);
}

/* --- credential sources --------------------------------------------------- */

static void append_source(struct keychain_options *options,
                          struct credential_source *sources,
                          struct credential_source source)
{
    sources[options->source_count++] = source;
}

/* GitHub's sources come before the docker config, as in
 * tweag/credential-helper: they replace the chain when none is configured.
 * Cloud sources, which that program lacks, come after it, because they may
 * need network requests. */
static void append_defaults(struct keychain_options *options,
                            struct credential_source *sources,
                            const char *const *provider_sources, bool github)
{
    for (; provider_sources != NULL && *provider_sources != NULL;
         provider_sources++) {
        if ((strcmp(*provider_sources, "github") == 0) != github) {
            continue;
        }
        append_source(options, sources,
                      (struct credential_source){.source = *provider_sources});
        if (github) {
            append_source(options, sources,
                          (struct credential_source){
                              .source = "keyring", .service = "gh:github.com"});
        }
    }
}

/* The order is: the configured chain, the docker config, then the sources
 * that the provider is known to support. For GitHub the latter include what
 * the gh command stores in the keyring. */
static void append_sources(const struct helper_choice *choice,
                           struct arena *arena,
                           struct keychain_options *options)
{
    const struct helper_url *url = choice->url;
    const char *const *provider_sources =
        provider_of(choice->registry)->sources;
    size_t configured = url != NULL ? url->source_count : 0;
    struct credential_source *sources;
    size_t max = configured + 1;

    for (size_t i = 0; provider_sources != NULL && provider_sources[i] != NULL;
         i++) {
        max += 2;
    }
    sources = arena_alloc(arena, max * sizeof(*sources));
    options->source_count = 0;
    for (size_t i = 0; i < configured; i++) {
        append_source(options, sources, url->sources[i]);
    }
    if (configured == 0) {
        append_defaults(options, sources, provider_sources, true);
    }
    if (url == NULL || url->parse_docker_config) {
        append_source(options, sources,
                      (struct credential_source){
                          .source = "docker",
                          /* A password from an earlier source may need the
                           * user name that is configured here. */
                          .binding = BINDING_USERNAME,
                      });
    }
    append_defaults(options, sources, provider_sources, false);
    options->sources = sources;
}

/* Hosts that a registry may name as its token server, in addition to hosts
 * of its own site and well-known ones: CREDENTIAL_HELPER_ALLOWED_HOSTS, a
 * list of globs separated by commas */
static void fill_allow_list(struct arena *arena, struct allow_list *ret_allowed)
{
    const char *value = getenv("CREDENTIAL_HELPER_ALLOWED_HOSTS");
    char *list = arena_strdup(arena, value != NULL ? value : "");
    const char **patterns =
        arena_alloc(arena, (strlen(list) / 2 + 1) * sizeof(*patterns));
    size_t count = 0;
    char *save;

    for (char *pattern = strtok_r(list, ", ", &save); pattern != NULL;
         pattern = strtok_r(NULL, ", ", &save)) {
        patterns[count++] = pattern;
    }
    *ret_allowed = (struct allow_list){.patterns = patterns, .count = count};
}

/* --- authorization -------------------------------------------------------- */

static void note_sources(const struct keychain *keychain,
                         const struct helper_notes *notes)
{
    const struct credential *last = keychain_last(keychain);

    helper_note(notes, HELPER_DEBUG, "credentials: %s",
                last != NULL && last->origin != NULL ? last->origin : "none");
    helper_note(notes, HELPER_DEBUG, "asked: %s", keychain_report(keychain));
}

static void authorize(struct authorization_request *request,
                      struct oci_client *client,
                      const struct oci_target *target)
{
    timer_init(&request->deadline, on_deadline, request);
    loop_arm(request->loop, &request->deadline, AUTHORIZATION_MS);
    request->authorizing =
        oci_authorize_start(client, target, "pull", on_authorized, request);
    loop_run(request->loop);
    loop_disarm(request->loop, &request->deadline);
}

static void fill_target(const struct helper_choice *choice,
                        const struct allow_list *allowed,
                        struct keychain *keychain, struct oci_target *target)
{
    const char *authorities = getenv("SSL_CERT_FILE");

    *target = (struct oci_target){
        .registry = choice->registry,
        .path = choice->repository,
        .https = choice->https,
        .plain_http_allowed = choice->plain_http_allowed,
        .allowed = allowed,
        .keychain = keychain,
        .exchange = choice->url ? choice->url->exchange : OCI_EXCHANGE_AUTO,
    };
    /* SSL_CERT_FILE as Go programs and curl interpret it */
    if (authorities != NULL && *authorities != '\0') {
        target->transport.ca_file = authorities;
    }
}

int helper_authorize(const struct helper_choice *choice, struct arena *arena,
                     const struct helper_notes *notes, struct str *json,
                     struct error *err)
{
    struct network network = {.timeouts = {CONNECT_MS, AUTHORIZATION_MS}};
    struct keychain_options options = {
        .registry = choice->registry,
        .path = choice->repository,
        .provider_username = provider_of(choice->registry)->username,
    };
    struct authorization_request request = {.json = json, .err = err};
    struct allow_list allowed;
    struct oci_target target;
    struct oci_client *client;
    struct keychain *keychain;

    request.loop = network.loop = loop_new(clock_system());
    network.http = http_new(network.loop);
    client = oci_client_new(&network);
    append_sources(choice, arena, &options);
    fill_allow_list(arena, &allowed);
    keychain = keychain_new(&network, &options);
    fill_target(choice, &allowed, keychain, &target);
    authorize(&request, client, &target);
    note_sources(keychain, notes);
    oci_client_free(client);
    keychain_free(keychain);
    http_free(network.http);
    loop_free(network.loop);
    return request.result;
}
