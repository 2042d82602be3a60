#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "aws_internal.h"

/*
 * The host names of ECR:
 *
 *     ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com   IPv4
 *     ACCOUNT.dkr-ecr[-fips].REGION.on.aws          IPv4 and IPv6
 *     public.ecr.aws                                ECR Public
 *
 * The API endpoints of each partition follow botocore's endpoint rules.
 */
static const struct zone {
    const char *suffix; /* of registry host names */
    const char *api;    /* before the region; api_suffix follows it */
    const char *api_fips;
    const char *api_suffix;
    const char *sts_suffix;
    const char *regions; /* the prefix of the partition's regions */
} zones[] = {
    {".amazonaws.com", "api.ecr.", "ecr-fips.", ".amazonaws.com",
     ".amazonaws.com", ""},
    {".amazonaws.com.cn", "api.ecr.", "api.ecr-fips.", ".amazonaws.com.cn",
     ".amazonaws.com.cn", "cn-"},
    {".amazonaws.eu", "api.ecr.", "api.ecr-fips.", ".amazonaws.eu",
     ".amazonaws.eu", "eusc-"},
    {".on.aws", "ecr.", "ecr-fips.", ".api.aws", ".amazonaws.com", NULL},
    {".on.amazonwebservices.com.cn", "ecr.", "api.ecr-fips.",
     ".api.amazonwebservices.com.cn", ".amazonaws.com.cn", NULL},
    {".on.amazonwebservices.eu", "ecr.", "api.ecr-fips.",
     ".api.amazonwebservices.eu", ".amazonaws.eu", NULL},
};

/* ECR Public has its API in this region only. */
#define PUBLIC_REGION "us-east-1"
#define PUBLIC_API "https://api.ecr-public.us-east-1.amazonaws.com"

static bool is_region(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= AWS_MAX_REGION && text[len] == '\0' &&
           text[0] != '-';
}

static void fill(struct aws_host *host, const struct zone *zone, bool fips,
                 const char *region)
{
    snprintf(host->region, sizeof(host->region), "%s", region);
    snprintf(host->api, sizeof(host->api), "https://%s%s%s",
             fips ? zone->api_fips : zone->api, region, zone->api_suffix);
    snprintf(host->sts, sizeof(host->sts), "https://sts.%s%s", region,
             zone->sts_suffix);
}

static void fill_public(struct aws_host *host)
{
    *host = (struct aws_host){.is_public = true, .is_known = true};
    fill(host, &zones[0], false, PUBLIC_REGION);
    snprintf(host->api, sizeof(host->api), "%s", PUBLIC_API);
}

static bool skip(const char **at, const char *text)
{
    size_t len = strlen(text);
    bool matches = strncmp(*at, text, len) == 0;

    *at += matches ? len : 0;
    return matches;
}

/* Parses "REGION" and one of the suffixes, which follow "dkr.ecr.". */
static const struct zone *read_zone(const char *at,
                                    char region[AWS_MAX_REGION + 1])
{
    size_t len = strcspn(at, ".");

    if (len > AWS_MAX_REGION) {
        return NULL;
    }
    memcpy(region, at, len);
    region[len] = '\0';
    for (size_t i = 0; is_region(region) && i < ARRAY_SIZE(zones); i++) {
        if (strcmp(at + len, zones[i].suffix) == 0) {
            return &zones[i];
        }
    }
    return NULL;
}

static bool parse_private(const char *name, struct aws_host *ret_host)
{
    struct aws_host host = {.is_known = true};
    char region[AWS_MAX_REGION + 1];
    const char *at = name + AWS_ACCOUNT;
    const struct zone *zone;
    bool fips;

    if (strspn(name, "0123456789") != AWS_ACCOUNT ||
        (!skip(&at, ".dkr.ecr") && !skip(&at, ".dkr-ecr"))) {
        return false;
    }
    fips = skip(&at, "-fips");
    zone = skip(&at, ".") ? read_zone(at, region) : NULL;
    if (zone == NULL) {
        return false;
    }
    memcpy(host.account, name, AWS_ACCOUNT);
    fill(&host, zone, fips, region);
    *ret_host = host;
    return true;
}

bool aws_host_parse(const char *registry, struct aws_host *ret_host)
{
    char host[256];
    size_t len = strcspn(registry, ":");

    if (len >= sizeof(host)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        host[i] = (char)tolower((unsigned char)registry[i]);
    }
    host[len] = '\0';
    if (strcmp(host, "public.ecr.aws") == 0 ||
        strcmp(host, "ecr-public.aws.com") == 0) {
        fill_public(ret_host);
        return true;
    }
    return parse_private(host, ret_host);
}

static const char *region_of(const struct aws_host *host,
                             const struct credential_source *spec)
{
    const char *region = spec->region;

    if (region == NULL && host->region[0] != '\0') {
        return host->region;
    }
    region = region ? region : cloud_variable("AWS_REGION");
    return region ? region : cloud_variable("AWS_DEFAULT_REGION");
}

/* A host name outside ECR (a proxy, a test) is treated as a private registry of
 * the partition that the region belongs to. */
static const struct zone *zone_of(const char *region)
{
    for (size_t i = ARRAY_SIZE(zones); i-- > 0;) {
        if (zones[i].regions != NULL &&
            strncmp(region, zones[i].regions, strlen(zones[i].regions)) == 0) {
            return &zones[i];
        }
    }
    return &zones[0];
}

/* Precedence as in the AWS SDKs: the service's own variable, then the one for
 * all services */
static int use_endpoint(const char *configured, const char *variable,
                        char out[160], struct error *err)
{
    bool ignored =
        cloud_variable_is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    const char *url = configured;

    url = url || ignored ? url : cloud_variable(variable);
    url = url || ignored ? url : cloud_variable("AWS_ENDPOINT_URL");
    if (url == NULL) {
        return 0;
    }
    if (strlen(url) >= 160 || strpbrk(url, "?#@") != NULL) {
        return error_set(err, ERROR_CONFIG, "not an endpoint: '%s'", url);
    }
    snprintf(out, 160, "%s", url);
    return 0;
}

int aws_host_resolve(const char *registry, const struct credential_source *spec,
                     struct aws_host *ret_host, struct error *err)
{
    struct aws_host host = {0};
    char region[AWS_MAX_REGION + 1];
    const char *found;

    aws_host_parse(registry, &host);
    found = region_of(&host, spec);
    if (found == NULL || !is_region(found)) {
        return error_set(err, ERROR_CONFIG,
                         found ? "there is no region '%s'"
                               : "'%s' contains no region: set 'region'",
                         found ? found : registry);
    }
    snprintf(region, sizeof(region), "%s", found);
    if (!host.is_public && strcmp(region, host.region) != 0) {
        fill(&host, zone_of(region), false, region);
    }
    if (use_endpoint(spec->endpoint,
                     host.is_public ? "AWS_ENDPOINT_URL_ECR_PUBLIC"
                                    : "AWS_ENDPOINT_URL_ECR",
                     host.api, err) < 0 ||
        use_endpoint(NULL, "AWS_ENDPOINT_URL_STS", host.sts, err) < 0) {
        return -1;
    }
    *ret_host = host;
    return 0;
}
