#include <string.h>

#include "cloud.h"
#include "credentials_internal.h"
#include "docker_helper.h"

/* The files and programs that each source uses in addition to those that its
 * configuration names. This must list the same environment variables and paths
 * as the sources themselves. */

static void allow_docker(struct access *access, const char *path)
{
    access_allow_program(access, DOCKER_HELPER_PREFIX "*\nget");
    if (path != NULL) {
        return;
    }
    if (!access_allow_variable(access, "DOCKER_CONFIG", "/config.json")) {
        access_allow_variable(access, "HOME", "/.docker/config.json");
    }
    access_allow_variable(access, "REGISTRY_AUTH_FILE", "");
    access_allow_variable(access, "XDG_RUNTIME_DIR", "/containers/auth.json");
}

static void allow_google(struct access *access)
{
    access_allow_variable(access, "GOOGLE_APPLICATION_CREDENTIALS", "");
    if (!access_allow_variable(access, "CLOUDSDK_CONFIG",
                               "/application_default_credentials.json")) {
        access_allow_variable(
            access, "HOME",
            "/.config/gcloud/application_default_credentials.json");
    }
}

static void allow_aws(struct access *access)
{
    if (!access_allow_variable(access, "AWS_SHARED_CREDENTIALS_FILE", "")) {
        access_allow_variable(access, "HOME", "/.aws/credentials");
    }
    access_allow_variable(access, "AWS_WEB_IDENTITY_TOKEN_FILE", "");
    access_allow_variable(access, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "");
}

void credential_source_access(const struct credential_source *source,
                              struct access *access)
{
    const char *name = source->source;

    access_allow_file(access, source->path);
    if (strcmp(name, "docker") == 0) {
        allow_docker(access, source->path);
    } else if (strcmp(name, "docker-helper") == 0) {
        access_allow_program(
            access, arena_printf(access->arena, DOCKER_HELPER_PREFIX "%s\nget",
                                 source->name));
    } else if (strcmp(name, "keyring") == 0) {
        access_allow_program(access,
                             arena_printf(access->arena,
                                          "secret-tool\nlookup\nservice\n%s",
                                          source->service));
    } else if (strcmp(name, "google") == 0) {
        allow_google(access);
    } else if (strcmp(name, "aws") == 0) {
        allow_aws(access);
    } else if (strcmp(name, "azure") == 0) {
        access_allow_variable(access, "AZURE_FEDERATED_TOKEN_FILE", "");
    }
}

static void allow_by_name(const char *name, struct access *access)
{
    const struct credential_source source = {.source = name};

    credential_source_access(&source, access);
}

void keychain_access(const struct keychain_options *options,
                     struct access *access)
{
    const char *const *provider_source = options->provider_sources;

    for (size_t i = 0; i < options->source_count; i++) {
        credential_source_access(&options->sources[i], access);
    }
    /* With both a username and a password no further source is queried. */
    if (!options->with_defaults ||
        (options->username != NULL && options->password != NULL)) {
        return;
    }
    allow_by_name("docker", access);
    for (; provider_source != NULL && *provider_source != NULL;
         provider_source++) {
        allow_by_name(*provider_source, access);
    }
}
