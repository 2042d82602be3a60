#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_internal.h"
#include "waybill/json.h"
#include "waybill/provider.h"

/* One authorization, on a loop of its own: a chain of sources as the
 * configuration file has it, the registry's challenge, its token server. */

#define CONNECT_MS 10000
/* For everything together: whoever asks waits in front of a download. */
#define ANSWER_MS 30000

struct asking {
    struct loop *loop;
    struct oci_authorizing *authorizing; /* NULL: answered */
    struct timer mode;
    struct str *json;
    struct error *err;
    int result;
};

/* --- the answer
 * ----------------------------------------------------------------
 */

/* Whole seconds, rounded down: not every reader takes fractions. */
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

/* The headers, and their order, are tweag/credential-helper's. */
static void append_answer(struct str *out, const char *authorization,
                          int64_t expires_ms)
{
    static const char *const types[] = {
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.index.v1+json", NULL};
    static const char *const version[] = {"registry/2.0", NULL};
    const char *shown[] = {authorization, NULL};
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    if (expires_ms > 0) {
        append_expiry(&json, expires_ms);
    }
    json_open(&json, "headers", '{');
    if (authorization != NULL) {
        append_header(&json, "Authorization", shown);
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
    struct asking *asking = payload;
    uint64_t lifetime_ms = authorization ? authorization->lifetime_ms : 0;
    int64_t now_ms = clock_wall_ms(loop_clock(asking->loop));

    asking->authorizing = NULL;
    if (authorization != NULL) {
        append_answer(asking->json, authorization->header,
                      lifetime_ms > 0 ? now_ms + (int64_t)lifetime_ms : 0);
    } else {
        *asking->err = *err;
    }
    asking->result = authorization != NULL ? 0 : -1;
    loop_stop(asking->loop);
}

static void on_deadline(void *payload)
{
    struct asking *asking = payload;

    oci_authorize_cancel(asking->authorizing);
    asking->authorizing = NULL;
    asking->result = error_set(asking->err, ERROR_UNREACHABLE,
                               "no answer within %d seconds", ANSWER_MS / 1000);
    loop_stop(asking->loop);
}

/* --- where credentials come from
 * -----------------------------------------------
 */

static void append_source(struct keychain_options *options,
                          struct credential_source *sources,
                          struct credential_source source)
{
    sources[options->source_count++] = source;
}

/* As the original: GitHub's own are a chain that stands in for a configured
 * one, and come before the docker config. The clouds', which it does not have,
 * come behind it: they may have to be asked over the network. */
static void append_defaults(struct keychain_options *options,
                            struct credential_source *sources,
                            const char *const *known, bool github)
{
    for (; known != NULL && *known != NULL; known++) {
        if ((strcmp(*known, "github") == 0) != github) {
            continue;
        }
        append_source(options, sources,
                      (struct credential_source){.source = *known});
        if (github) {
            append_source(options, sources,
                          (struct credential_source){
                              .source = "keyring", .service = "gh:github.com"});
        }
    }
}

/* What the file says; the docker config; what the provider is known to give,
 * and for GitHub what its own command line keeps in the keyring. */
static void append_sources(const struct helper_choice *choice,
                           struct arena *arena,
                           struct keychain_options *options)
{
    const struct helper_url *url = choice->url;
    const char *const *known = provider_of(choice->registry)->sources;
    size_t given = url != NULL ? url->source_count : 0;
    struct credential_source *sources;
    size_t max = given + 1;

    for (size_t i = 0; known != NULL && known[i] != NULL; i++) {
        max += 2;
    }
    sources = arena_alloc(arena, max * sizeof(*sources));
    options->source_count = 0;
    for (size_t i = 0; i < given; i++) {
        append_source(options, sources, url->sources[i]);
    }
    if (given == 0) {
        append_defaults(options, sources, known, true);
    }
    if (url == NULL || url->parse_docker_config) {
        append_source(options, sources,
                      (struct credential_source){
                          .source = "docker",
                          /* asked for the user's name, too, of a password from
                           * above */
                          .binding = BINDING_USERNAME,
                      });
    }
    append_defaults(options, sources, known, false);
    options->sources = sources;
}

/* Where a registry may send us beside its neighbours and what is well known:
 * CREDENTIAL_HELPER_ALLOWED_HOSTS, globs with commas between them */
static void fill_allowed(struct arena *arena, struct allow_list *ret_allowed)
{
    const char *value = getenv("CREDENTIAL_HELPER_ALLOWED_HOSTS");
    char *list = arena_strdup(arena, value != NULL ? value : "");
    const char **patterns =
        arena_alloc(arena, (strlen(list) / 2 + 1) * sizeof(*patterns));
    size_t count = 0;
    char *rest;

    for (char *word = strtok_r(list, ", ", &rest); word != NULL;
         word = strtok_r(NULL, ", ", &rest)) {
        patterns[count++] = word;
    }
    *ret_allowed = (struct allow_list){.patterns = patterns, .count = count};
}

/* --- asking
 * ---------------------------------------------------------------------
 */

static void note_sources(const struct keychain *keychain,
                         const struct helper_notes *notes)
{
    const struct credential *last = keychain_last(keychain);

    helper_note(notes, HELPER_DEBUG, "credentials: %s",
                last != NULL && last->origin != NULL ? last->origin : "none");
    helper_note(notes, HELPER_DEBUG, "asked: %s", keychain_report(keychain));
}

static void ask(struct asking *asking, struct oci_client *client,
                const struct oci_target *target)
{
    timer_init(&asking->mode, on_deadline, asking);
    loop_arm(asking->loop, &asking->mode, ANSWER_MS);
    asking->authorizing =
        oci_authorize_start(client, target, "pull", on_authorized, asking);
    loop_run(asking->loop);
    loop_disarm(asking->loop, &asking->mode);
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
    /* As programs in Go, and curl, understand it */
    if (authorities != NULL && *authorities != '\0') {
        target->transport.ca_file = authorities;
    }
}

int helper_authorize(const struct helper_choice *choice, struct arena *arena,
                     const struct helper_notes *notes, struct str *json,
                     struct error *err)
{
    struct network network = {.timeouts = {CONNECT_MS, ANSWER_MS}};
    struct keychain_options options = {
        .registry = choice->registry,
        .path = choice->repository,
        .provider_username = provider_of(choice->registry)->username,
    };
    struct asking asking = {.json = json, .err = err};
    struct allow_list allowed;
    struct oci_target target;
    struct oci_client *client;
    struct keychain *keychain;

    asking.loop = network.loop = loop_new(clock_system());
    network.http = http_new(network.loop);
    client = oci_client_new(&network);
    append_sources(choice, arena, &options);
    fill_allowed(arena, &allowed);
    keychain = keychain_new(&network, &options);
    fill_target(choice, &allowed, keychain, &target);
    ask(&asking, client, &target);
    note_sources(keychain, notes);
    oci_client_free(client);
    keychain_free(keychain);
    http_free(network.http);
    loop_free(network.loop);
    return asking.result;
}
