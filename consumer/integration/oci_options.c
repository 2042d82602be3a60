#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "oci_options.h"
#include "transport_options.h"
#include "waybill/limits.h"
#include "waybill/oci.h"

/* The options of the integration oci-registry, and their checks */

#define DEFAULT_PREFIX "chainloop"

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
                         "a prefix is part of a repository name: lower-case "
                         "letters and digits, with single separators ('.', "
                         "'_', '__', '-' or '/') between them");
    }
    return 0;
}

/* Basic authentication (RFC 7617) puts it into a header field, in which the
 * first colon ends the user name. */
static int check_username(const char *value, struct error *err)
{
    if (strchr(value, ':') != NULL) {
        return error_set(err, ERROR_CONFIG,
                         "a user name may not contain a colon; put the "
                         "password into the key password");
    }
    return 0;
}

static int check_source(const void *item, const char **ret_key,
                        struct error *err)
{
    return credential_source_check(item, ret_key, err);
}

/* Removes a scheme, a tag and slashes at the end, and writes the path in lower
 * case. */
static void correct_repository(const char *value, struct str *out)
{
    const char *scheme = strstr(value, "://");
    const char *slash;
    size_t len;

    value = scheme != NULL ? scheme + 3 : value;
    slash = strchr(value, '/');
    len = slash != NULL ? (size_t)(slash - value) : strlen(value);
    str_append(out, value, len);
    for (const char *at = value + len; *at != '\0' && *at != ':'; at++) {
        bool is_surplus = *at == '/' && strchr("/:", at[1]) != NULL;

        if (!is_surplus) {
            str_append_char(out, (char)tolower((unsigned char)*at));
        }
    }
}

static void correct_prefix(const char *value, struct str *out)
{
    size_t len = strlen(value);

    while (len > 0 && strchr("/-._", value[len - 1]) != NULL) {
        len--;
    }
    for (size_t i = strspn(value, "/"); i < len; i++) {
        str_append_char(out, value[i] == ' '
                                 ? '-'
                                 : (char)tolower((unsigned char)value[i]));
    }
}

#define OPTION(member) offsetof(struct registry_options, member)

const struct field oci_registration_fields[] = {
    {.key = "repository",
     .flags = FIELD_REQUIRED,
     .offset = OPTION(repository),
     .check = check_repository,
     .correct = correct_repository,
     .doc = "OCI repository uri and path: host[:port]/path. Each "
            "attestation is stored in a repository of its own below "
            "this path.",
     .example = "ghcr.io/acme/attestations",
     .since = "0.1.0"},
    {.key = "username",
     .flags = FIELD_HIDDEN,
     .offset = OPTION(username),
     .check = check_username,
     .doc = "OCI repository username. Without username and password, "
            "lookup_chain applies.",
     .example = "acme-bot",
     .since = "0.1.0"},
    {.key = "password",
     .flags = FIELD_SECRET,
     .offset = OPTION(password),
     .doc = "OCI repository password.",
     .example = "${env:GHCR_TOKEN}",
     .since = "0.1.0"},
    {.key = "lookup_chain",
     .type = FIELD_LIST,
     .offset = OPTION(lookup_chain),
     .fields = credential_source_fields,
     .item_size = sizeof(struct credential_source),
     .check_item = check_source,
     .doc = "The sources of username and password if they are not "
            "set above. The first source that has credentials is "
            "used. By default docker, then those of the provider of "
            "the registry (github, google, aws, azure). Without any "
            "credentials, requests are anonymous.",
     .since = "0.2.0"},
    {.key = "token_exchange_method",
     .type = FIELD_ENUM,
     .offset = OPTION(exchange),
     .choices = oci_exchanges,
     .fallback = "auto",
     .doc = "How tokens are requested: oauth2 is a POST, basic is "
            "the older GET, auto is a POST for refresh tokens and a "
            "GET for passwords.",
     .since = "0.2.0"},
    {.key = "create_repository",
     .type = FIELD_BOOLEAN,
     .offset = OPTION(create_repository),
     .fallback = "false",
     .doc = "Create a repository that does not exist, which Amazon "
            "ECR does not do by itself. The role must permit "
            "ecr:CreateRepository.",
     .since = "0.2.0"},
    TRANSPORT_FIELDS(OPTION(transport)),
    {.key = "certs_dir",
     .flags = FIELD_PATH,
     .offset = OPTION(transport.certs_dir),
     .doc = "The directory with HOST[:PORT]/*.crt (certificate "
            "authorities, in addition to those of the system) and "
            "*.cert with *.key (a client certificate), as docker and "
            "podman have it. By default "
            "~/.config/containers/certs.d, /etc/containers/certs.d "
            "and /etc/docker/certs.d. It is not used if ca_file or "
            "client_certificate is set.",
     .example = "/etc/waybill/certs.d",
     .since = "0.2.0"},
    {.key = "plain_http",
     .type = FIELD_BOOLEAN,
     .offset = OPTION(plain_http),
     .doc = "Use http instead of https. By default http is used for "
            "a loopback address only, and not if ca_file, "
            "client_certificate or certs_dir is set.",
     .example = "true",
     .since = "0.1.0"},
    {.key = "chunk_size",
     .type = FIELD_SIZE,
     .offset = OPTION(chunk_size),
     .min = 65536,
     .max = (uint64_t)1024 * 1024 * 1024,
     .doc = "Upload larger blobs in pieces of this size. By default "
            "a blob is uploaded in one piece, which most registries "
            "prefer, and in pieces after one was rejected because of "
            "its size.",
     .example = "5MiB",
     .since = "0.2.0"},
    {0},
};

const struct field oci_attachment_fields[] = {
    {.key = "prefix",
     .flags = FIELD_NAMES,
     .offset = offsetof(struct attachment_options, prefix),
     .fallback = DEFAULT_PREFIX,
     .check = check_prefix,
     .correct = correct_prefix,
     .doc = "OCI images name prefix: the repository is "
            "<repository>/<prefix>-<sha256 of the envelope>. Of the "
            "envelope, payloadType, payload, and keyid and sig of "
            "each signature are stored. The certificate, log entries "
            "and timestamps of a bundle, signatures[].cert, subjects "
            "and materials are not.",
     .example = "acme",
     .since = "0.1.0"},
    {0},
};

/* --- combinations of options -------------------------------------------------
 */

/* A missing user name or password may come from lookup_chain or from the
 * default sources of the provider. */
static int check_credentials(const struct registry_options *options,
                             const struct provider *provider,
                             const char **ret_key, struct error *err)
{
    if (options->lookup_chain.count > 0) {
        return 0;
    }
    if (options->username != NULL && options->password == NULL &&
        provider->sources == NULL) {
        *ret_key = "username";
        return error_set(err, ERROR_CONFIG,
                         "there is a user name, but no password; set password, "
                         "or the variable WAYBILL_<NAME>_PASSWORD");
    }
    if (options->username == NULL && options->password != NULL &&
        provider->sources == NULL) {
        *ret_key = "password";
        return error_set(err, ERROR_CONFIG,
                         "there is a password, but no user name; set username, "
                         "or the variable WAYBILL_<NAME>_USERNAME");
    }
    return 0;
}

static int check_transport(const struct registry_options *options,
                           const char **ret_key, struct error *err)
{
    const struct http_transport *transport = &options->transport;

    if (options->plain_http == 1 &&
        (transport->ca_file != NULL || transport->certificate != NULL)) {
        *ret_key = "plain_http";
        return error_set(err, ERROR_CONFIG,
                         "plain http uses no certificates; remove this key, or "
                         "ca_file and client_certificate");
    }
    return transport_check(transport, ret_key, err);
}

static int check_provider(const struct registry_options *options,
                          const struct provider *provider, const char **ret_key,
                          struct error *err)
{
    if (options->create_repository == 1 &&
        !(provider->quirks & PROVIDER_CREATES_BY_API)) {
        *ret_key = "create_repository";
        return error_set(err, ERROR_CONFIG,
                         "this key is for Amazon ECR; other registries create "
                         "repositories by themselves, or have no API for it; "
                         "remove it");
    }
    return 0;
}

/* Checks the form of the repository name that the chainloop layout produces. */
static int check_name(const struct provider *provider, const char *path,
                      const char *prefix, const char *key, const char **ret_key,
                      struct error *err)
{
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);

    str_printf(&name, "%s/%s-0", path, prefix);
    *ret_key = key;
    return provider_check_path(provider, name.data, err);
}

static int check_length(const struct oci_repository *repository,
                        const char *prefix, const char **ret_key,
                        struct error *err)
{
    size_t len = strlen(repository->path) + 1 + strlen(prefix) + 1 + DIGEST_HEX;

    if (len > LIMIT_REPOSITORY) {
        *ret_key = "prefix";
        return error_set(err, ERROR_CONFIG,
                         "it leads to repository names of %zu characters, but "
                         "registries accept %d; shorten it",
                         len, LIMIT_REPOSITORY);
    }
    return 0;
}

static int check_registration(const struct registry_options *options,
                              const struct oci_repository *repository,
                              const char **ret_key, struct error *err)
{
    const struct provider *provider = provider_of(repository->registry);

    if (check_credentials(options, provider, ret_key, err) < 0 ||
        check_transport(options, ret_key, err) < 0 ||
        check_provider(options, provider, ret_key, err) < 0) {
        return -1;
    }
    return check_name(provider, repository->path, DEFAULT_PREFIX, "repository",
                      ret_key, err);
}

static int check_attachment(const struct attachment_options *options,
                            const struct oci_repository *repository,
                            const char **ret_key, struct error *err)
{
    if (check_name(provider_of(repository->registry), repository->path,
                   options->prefix, "prefix", ret_key, err) < 0) {
        return -1;
    }
    return check_length(repository, options->prefix, ret_key, err);
}

int oci_options_check(const void *registration, const void *attachment,
                      const char **ret_key, struct error *err)
{
    const struct registry_options *options = registration;
    struct arena *arena = arena_new();
    struct oci_repository repository;
    int result = 0;

    /* A missing or invalid repository has already been reported by its own
     * field. */
    if (options->repository != NULL &&
        oci_repository_parse(options->repository, arena, &repository, err) ==
            0) {
        result = attachment == NULL
                     ? check_registration(options, &repository, ret_key, err)
                     : check_attachment(attachment, &repository, ret_key, err);
    }
    arena_free(arena);
    return result;
}
