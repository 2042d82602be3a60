#include <string.h>

#include "credentials_internal.h"

/* The table of sources, their configuration keys, and which of the keys each
 * source accepts. */

static const struct source_class *const classes[] = {
    &static_source,        &env_source,     &file_source,   &docker_source,
    &docker_helper_source, &keyring_source, &google_source, &aws_source,
    &azure_source,         &github_source,
};

static const char *const bindings[] = {
    "default",       "username",      "password", "auth",
    "identitytoken", "registrytoken", NULL,
};

static const char *const token_types[] = {"access", "id", "jwt", NULL};

const struct source_class *source_class_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        if (strcmp(classes[i]->name, name) == 0) {
            return classes[i];
        }
    }
    return NULL;
}

#define MEMBER(member) offsetof(struct credential_source, member)

const struct field credential_source_fields[] = {
    {.key = "source",
     .flags = FIELD_REQUIRED,
     .offset = MEMBER(source),
     .doc = "static, env, file, docker, docker-helper, keyring, google, aws, "
            "azure or github.",
     .example = "env",
     .since = "0.2.0"},
    {.key = "binding",
     .type = FIELD_ENUM,
     .offset = MEMBER(binding),
     .choices = bindings,
     .fallback = "default",
     .doc = "Which part of the credentials the source supplies, for "
            "sources with a single value. default is the password.",
     .since = "0.2.0"},
    {.key = "name",
     .offset = MEMBER(name),
     .doc = "env: the variable. docker-helper: the part of the "
            "program name after docker-credential-.",
     .example = "GHCR_TOKEN",
     .since = "0.2.0"},
    {.key = "value",
     .flags = FIELD_SECRET,
     .offset = MEMBER(value),
     .doc = "static: the value itself.",
     .example = "${file:/run/secrets/registry}",
     .since = "0.2.0"},
    {.key = "path",
     .flags = FIELD_PATH,
     .offset = MEMBER(path),
     .doc = "file: the file, which is read again when it changes. "
            "docker: a docker configuration, a mounted "
            ".dockerconfigjson, or the directory of either; by "
            "default the first of $DOCKER_AUTH_CONFIG, "
            "$DOCKER_CONFIG/config.json or ~/.docker/config.json, "
            "$REGISTRY_AUTH_FILE and "
            "$XDG_RUNTIME_DIR/containers/auth.json that has an entry "
            "for the registry. google: the JSON file of a service "
            "account, instead of the one that "
            "GOOGLE_APPLICATION_CREDENTIALS names. aws: the shared "
            "credentials file.",
     .example = "/run/secrets/registry/.dockerconfigjson",
     .since = "0.2.0"},
    {.key = "service",
     .offset = MEMBER(service),
     .doc = "keyring: the name of the service in the keyring.",
     .example = "gh:github.com",
     .since = "0.2.0"},
    {.key = "token_type",
     .type = FIELD_ENUM,
     .offset = MEMBER(token_type),
     .choices = token_types,
     .fallback = "access",
     .doc = "google: the kind of token.",
     .since = "0.2.0"},
    {.key = "scopes",
     .type = FIELD_STRINGS,
     .offset = MEMBER(scopes),
     .doc = "google: the scopes of an access token. By default "
            "cloud-platform.",
     .since = "0.2.0"},
    {.key = "audience",
     .offset = MEMBER(audience),
     .doc = "google: the audience of an id token or a jwt.",
     .since = "0.2.0"},
    {.key = "region",
     .offset = MEMBER(region),
     .doc = "aws: the region. By default the region in the name of "
            "the registry.",
     .example = "eu-central-1",
     .since = "0.2.0"},
    {.key = "profile",
     .offset = MEMBER(profile),
     .doc = "aws: the profile in the shared credentials file.",
     .since = "0.2.0"},
    {.key = "role_arn",
     .offset = MEMBER(role_arn),
     .doc = "aws: the role of a web identity, instead of AWS_ROLE_ARN.",
     .since = "0.2.0"},
    {.key = "tenant",
     .offset = MEMBER(tenant),
     .doc = "azure: the tenant, instead of AZURE_TENANT_ID.",
     .since = "0.2.0"},
    {.key = "client_id",
     .offset = MEMBER(client_id),
     .doc = "azure: the client, instead of AZURE_CLIENT_ID.",
     .since = "0.2.0"},
    {.key = "endpoint",
     .offset = MEMBER(endpoint),
     .doc = "google, aws, azure: the address of the service, if it "
            "is not the usual one (a private endpoint).",
     .since = "0.2.0"},
    {0},
};

/* The keys by their bits, in the order of the bits, which is the order of
 * reported errors */
static const struct key {
    unsigned bit;
    const char *name;
} keys[] = {
    {KEY_NAME, "name"},           {KEY_VALUE, "value"},
    {KEY_PATH, "path"},           {KEY_SERVICE, "service"},
    {KEY_BINDING, "binding"},     {KEY_TOKEN_TYPE, "token_type"},
    {KEY_SCOPES, "scopes"},       {KEY_AUDIENCE, "audience"},
    {KEY_REGION, "region"},       {KEY_PROFILE, "profile"},
    {KEY_ROLE_ARN, "role_arn"},   {KEY_TENANT, "tenant"},
    {KEY_CLIENT_ID, "client_id"}, {KEY_ENDPOINT, "endpoint"},
};

static unsigned keys_of(const struct credential_source *source)
{
    return (source->name ? KEY_NAME : 0) | (source->value ? KEY_VALUE : 0) |
           (source->path ? KEY_PATH : 0) | (source->service ? KEY_SERVICE : 0) |
           (source->binding != BINDING_DEFAULT ? KEY_BINDING : 0) |
           (source->token_type != GOOGLE_ACCESS ? KEY_TOKEN_TYPE : 0) |
           (source->scopes.count > 0 ? KEY_SCOPES : 0) |
           (source->audience ? KEY_AUDIENCE : 0) |
           (source->region ? KEY_REGION : 0) |
           (source->profile ? KEY_PROFILE : 0) |
           (source->role_arn ? KEY_ROLE_ARN : 0) |
           (source->tenant ? KEY_TENANT : 0) |
           (source->client_id ? KEY_CLIENT_ID : 0) |
           (source->endpoint ? KEY_ENDPOINT : 0);
}

static int report_no_such_source(const char *name, struct error *err)
{
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE / 2);

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        str_printf(&list, "%s%s", i > 0 ? ", " : "", classes[i]->name);
    }
    return error_set(err, ERROR_CONFIG,
                     "there is no source '%s'; the sources are %s", name,
                     list.data);
}

int credential_source_check(const struct credential_source *source,
                            const char **ret_key, struct error *err)
{
    const struct source_class *class = source_class_of(source->source);
    unsigned given = keys_of(source);

    *ret_key = "source";
    if (class == NULL) {
        return report_no_such_source(source->source, err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        *ret_key = keys[i].name;
        if (given & ~class->accepted_keys & keys[i].bit) {
            return error_set(err, ERROR_CONFIG,
                             "the source '%s' has no such key; remove it",
                             class->name);
        }
        if (class->required_keys & ~given & keys[i].bit) {
            return error_set(err, ERROR_CONFIG,
                             "the source '%s' requires this key; add it",
                             class->name);
        }
    }
    return 0;
}
