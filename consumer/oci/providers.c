#include "waybill/credentials.h"
#include "waybill/provider.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "waybill/glob.h"
#include "waybill/str.h"

/*
 * One row for each registry that differs from the specification. The source of
 * a row is the documentation of the registry or the code of its clients;
 * nothing is guessed.
 */

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct provider providers[] = {
    {
        .name = "Docker Hub",
        .hosts = docker_hub_names,
        .wire_host = "registry-1.docker.io",
        .token_hosts = LIST("auth.docker.io"),
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST | PROVIDER_NO_REFERRERS,
        .min_parts = 2,
        .max_parts = 2,
        .parts_advice = "a name on Docker Hub has exactly two parts, so the "
                        "repository of each attestation must be directly below "
                        "the account; set repository to "
                        "index.docker.io/ACCOUNT, and use a prefix without '/'",
        .auth_advice = "the password must be an access token with write "
                       "permission, of an account that may create repositories",
    },
    {
        .name = "GitHub Container Registry",
        .hosts = LIST("ghcr.io"),
        .sources = LIST("github"),
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST | PROVIDER_NO_REFERRERS,
        .min_parts = 2,
        .parts_advice = "the first part is the owner; set repository to "
                        "ghcr.io/OWNER or to a path below it",
        .auth_advice = "the token must be a classic one with write:packages, "
                       "or an Actions GITHUB_TOKEN with packages: write",
    },
    {
        .name = "Amazon ECR",
        .hosts =
            LIST("*.dkr.ecr.*.amazonaws.com", "*.dkr.ecr.*.amazonaws.com.cn",
                 "*.dkr.ecr-fips.*.amazonaws.com", "*.dkr-ecr.*.on.aws",
                 "*.dkr-ecr-fips.*.on.aws"),
        .sources = LIST("aws"),
        .username = "AWS",
        .well_known = true,
        .quirks = PROVIDER_REFUSES_WITH_403 | PROVIDER_NO_SINGLE_POST |
                  PROVIDER_CREATES_BY_API,
        .auth_advice = "the role must allow ecr:GetAuthorizationToken, "
                       "ecr:InitiateLayerUpload, ecr:UploadLayerPart, "
                       "ecr:CompleteLayerUpload, "
                       "ecr:BatchCheckLayerAvailability and ecr:PutImage",
        .not_found_advice = "ECR does not create repositories on push; set "
                            "create_repository: true, or define a creation "
                            "template with CREATE_ON_PUSH for the prefix",
    },
    {
        .name = "Amazon ECR Public",
        .hosts = LIST("public.ecr.aws"),
        .sources = LIST("aws"),
        .username = "AWS",
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST | PROVIDER_CREATES_BY_API,
        .min_parts = 2,
        .parts_advice =
            "the first part is the alias of the registry; set repository to "
            "public.ecr.aws/ALIAS or to a path below it",
        .auth_advice = "the role must also allow "
                       "ecr-public:GetAuthorizationToken and "
                       "sts:GetServiceBearerToken",
        .not_found_advice = "ECR Public does not create repositories on push; "
                            "set create_repository: true",
    },
    {
        .name = "Azure Container Registry",
        .hosts = LIST("*.azurecr.io", "*.azurecr.cn", "*.azurecr.us"),
        .sources = LIST("azure"),
        .username = "00000000-0000-0000-0000-000000000000",
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST,
        .auth_advice = "the identity needs the role AcrPush on the registry",
    },
    {
        .name = "Google Artifact Registry",
        .hosts = LIST("*.pkg.dev"),
        .sources = LIST("google"),
        .username = "oauth2accesstoken",
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST,
        .min_parts = 3,
        .parts_advice =
            "the first two parts are the project and the repository, which "
            "must exist; set repository to HOST/PROJECT/REPOSITORY",
        .auth_advice = "the service account needs "
                       "roles/artifactregistry.writer on the repository",
        .not_found_advice =
            "the project and the repository must exist; create the repository "
            "with gcloud artifacts repositories create",
    },
    {
        .name = "Google Container Registry",
        .hosts = LIST("gcr.io", "*.gcr.io"),
        .sources = LIST("google"),
        .username = "oauth2accesstoken",
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST,
        .min_parts = 2,
        .parts_advice =
            "the first part is the project; set repository to HOST/PROJECT",
        .auth_advice = "the service account needs "
                       "roles/artifactregistry.createOnPushWriter, or write "
                       "access to the bucket",
    },
    {
        .name = "GitLab",
        .hosts = LIST("registry.gitlab.com"),
        .token_hosts = LIST("gitlab.com"),
        .well_known = true,
        .quirks = PROVIDER_NO_SINGLE_POST | PROVIDER_NO_REFERRERS |
                  PROVIDER_IMAGES_ONLY,
        .min_parts = 3,
        .parts_advice = "the path of a project has at least two parts; set "
                        "repository to registry.gitlab.com/GROUP/PROJECT",
        .auth_advice = "use a deploy token with write_registry, a personal "
                       "access token, or gitlab-ci-token with $CI_JOB_TOKEN",
        .not_found_advice =
            "the project must exist, and its container registry must be "
            "enabled; at most two levels may follow the project",
    },
    {
        .name = "Quay",
        .hosts = LIST("quay.io"),
        .well_known = true,
        .min_parts = 2,
        .parts_advice = "the first part is the organization; set repository to "
                        "quay.io/ORGANIZATION",
        .auth_advice = "the robot account must be allowed to create "
                       "repositories in the organization",
    },
    {
        .name = "JFrog Artifactory",
        .hosts = LIST("*.jfrog.io"),
        .well_known = true,
        .min_parts = 2,
        .parts_advice = "the first part is the key of the repository; set "
                        "repository to HOST/KEY",
        .auth_advice =
            "Artifactory also answers 403 if the repository key does not exist",
    },
    {
        .name = "Chainguard",
        .hosts = LIST("cgr.dev"),
        .well_known = true,
    },
    {
        .name = "Elastic",
        .hosts = LIST("docker.elastic.co"),
        .token_hosts = LIST("docker-auth.elastic.co"),
        .well_known = true,
    },
    {
        .name = "NVIDIA NGC",
        .hosts = LIST("nvcr.io"),
        .well_known = true,
        .auth_advice =
            "the username must be $oauthtoken, and the password an API key",
    },
    {
        .name = "Snowflake",
        .hosts =
            LIST("*.registry.snowflakecomputing.com", "*.app.snowflake.com"),
        .well_known = true,
    },
    {.name = "registry", .hosts = LIST("*")},
};

const char *registry_name(const char *registry)
{
    return is_docker_hub(registry, strlen(registry)) ? DOCKER_HUB : registry;
}

/* Hosts are case-insensitive, and globs are not. */
static void append_lower(struct str *out, const char *text)
{
    for (; *text != '\0'; text++) {
        str_append_char(out, (char)tolower((unsigned char)*text));
    }
}

static const struct provider *find(const char *host)
{
    CLEANUP(str_release) struct str lower = STR_INIT(STR_UNLIMITED);
    const struct provider *provider = providers;

    append_lower(&lower, host);
    for (;; provider++) {
        for (const char *const *glob = provider->hosts; *glob; glob++) {
            if (glob_matches(*glob, lower.data)) {
                return provider;
            }
        }
    }
}

/* The port is matched too: a registry with an explicit port is none of the
 * known services. */
const struct provider *provider_of(const char *registry)
{
    return find(registry);
}

static unsigned parts_of(const char *path)
{
    unsigned parts = 1;

    for (; *path != '\0'; path++) {
        parts += *path == '/';
    }
    return parts;
}

int provider_check_path(const struct provider *provider, const char *path,
                        struct error *err)
{
    unsigned parts = parts_of(path);

    if (parts >= provider->min_parts &&
        (provider->max_parts == 0 || parts <= provider->max_parts)) {
        return 0;
    }
    return error_set(err, ERROR_CONFIG,
                     "it leads to repository names of %u part%s at %s; %s",
                     parts, plural_s(parts), provider->name,
                     provider->parts_advice);
}

static bool is_token_host(const char *host)
{
    for (const struct provider *row = providers; row->well_known; row++) {
        for (const char *const *at = row->token_hosts; at && *at; at++) {
            if (strcmp(*at, host) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool allow_list_has(const struct allow_list *allowed, const char *host)
{
    if (find(host)->well_known || is_token_host(host) ||
        (allowed != NULL && allowed->any)) {
        return true;
    }
    for (size_t i = 0; allowed != NULL && i < allowed->count; i++) {
        CLEANUP(str_release) struct str lower = STR_INIT(STR_UNLIMITED);

        append_lower(&lower, allowed->patterns[i]);
        if (glob_matches(lower.data, host)) {
            return true;
        }
    }
    return false;
}
