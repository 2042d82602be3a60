#include <string.h>

#include "cloud.h"
#include "credentials_internal.h"
#include "docker_helper.h"

/* What each source reads and runs beside what its row names: the same variables
 * and places as in the sources themselves. */

static void need_docker(struct needs *needs, const char *path)
{
    needs_program(needs, DOCKER_HELPER_PREFIX "*\nget");
    if (path != NULL) {
        return;
    }
    if (!needs_variable(needs, "DOCKER_CONFIG", "/config.json")) {
        needs_variable(needs, "HOME", "/.docker/config.json");
    }
    needs_variable(needs, "REGISTRY_AUTH_FILE", "");
    needs_variable(needs, "XDG_RUNTIME_DIR", "/containers/auth.json");
}

static void need_google(struct needs *needs)
{
    needs_variable(needs, "GOOGLE_APPLICATION_CREDENTIALS", "");
    if (!needs_variable(needs, "CLOUDSDK_CONFIG",
                        "/application_default_credentials.json")) {
        needs_variable(needs, "HOME",
                       "/.config/gcloud/application_default_credentials.json");
    }
}

static void need_aws(struct needs *needs)
{
    if (!needs_variable(needs, "AWS_SHARED_CREDENTIALS_FILE", "")) {
        needs_variable(needs, "HOME", "/.aws/credentials");
    }
    needs_variable(needs, "AWS_WEB_IDENTITY_TOKEN_FILE", "");
    needs_variable(needs, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "");
}

void credential_source_needs(const struct credential_source *source,
                             struct needs *needs)
{
    const char *name = source->source;

    needs_file(needs, source->path);
    if (strcmp(name, "docker") == 0) {
        need_docker(needs, source->path);
    } else if (strcmp(name, "docker-helper") == 0) {
        needs_program(needs,
                      arena_printf(needs->arena, DOCKER_HELPER_PREFIX "%s\nget",
                                   source->name));
    } else if (strcmp(name, "keyring") == 0) {
        needs_program(needs, arena_printf(needs->arena,
                                          "secret-tool\nlookup\nservice\n%s",
                                          source->service));
    } else if (strcmp(name, "google") == 0) {
        need_google(needs);
    } else if (strcmp(name, "aws") == 0) {
        need_aws(needs);
    } else if (strcmp(name, "azure") == 0) {
        needs_variable(needs, "AZURE_FEDERATED_TOKEN_FILE", "");
    }
}

static void need_by_name(const char *name, struct needs *needs)
{
    const struct credential_source source = {.source = name};

    credential_source_needs(&source, needs);
}

void keychain_needs(const struct keychain_options *options, struct needs *needs)
{
    const char *const *more = options->provider_sources;

    for (size_t i = 0; i < options->source_count; i++) {
        credential_source_needs(&options->sources[i], needs);
    }
    /* Both given are all that is asked. */
    if (!options->with_defaults ||
        (options->username != NULL && options->password != NULL)) {
        return;
    }
    need_by_name("docker", needs);
    for (; more != NULL && *more != NULL; more++) {
        need_by_name(*more, needs);
    }
}
