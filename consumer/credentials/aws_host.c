#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "aws_internal.h"

/*
 *     ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com   IPv4
 *     ACCOUNT.dkr-ecr[-fips].REGION.on.aws          IPv4 and IPv6
 *     public.ecr.aws                                ECR Public
 *
 * and where each of them has its API, as botocore's endpoint rules say it.
 */
static const struct zone {
    const char *suffix; /* of registries */
    const char *api;    /* what stands before and behind the region */
    const char *api_fips;
    const char *api_suffix;
    const char *sts_suffix;
    const char *regions; /* how their names begin */
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

/* The one region in which ECR Public has its API */
#define PUBLIC_REGION "us-east-1"
#define PUBLIC_API "https://api.ecr-public.us-east-1.amazonaws.com"

static bool is_region(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= AWS_MOST_REGION && text[len] == '\0' &&
           text[0] != '-';
}

static void fill(struct aws_place *place, const struct zone *zone, bool fips,
                 const char *region)
{
    snprintf(place->region, sizeof(place->region), "%s", region);
    snprintf(place->api, sizeof(place->api), "https://%s%s%s",
             fips ? zone->api_fips : zone->api, region, zone->api_suffix);
    snprintf(place->sts, sizeof(place->sts), "https://sts.%s%s", region,
             zone->sts_suffix);
}

static void fill_public(struct aws_place *place)
{
    *place = (struct aws_place){.is_public = true, .is_known = true};
    fill(place, &zones[0], false, PUBLIC_REGION);
    snprintf(place->api, sizeof(place->api), "%s", PUBLIC_API);
}

static bool skip(const char **at, const char *text)
{
    size_t len = strlen(text);
    bool there = strncmp(*at, text, len) == 0;

    *at += there ? len : 0;
    return there;
}

/* Behind "dkr.ecr." there is "REGION" and one of the suffixes. */
static const struct zone *read_zone(const char *at,
                                    char region[AWS_MOST_REGION + 1])
{
    size_t len = strcspn(at, ".");

    if (len > AWS_MOST_REGION) {
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

static bool parse_private(const char *host, struct aws_place *ret_place)
{
    struct aws_place place = {.is_known = true};
    char region[AWS_MOST_REGION + 1];
    const char *at = host + AWS_ACCOUNT;
    const struct zone *zone;
    bool fips;

    if (strspn(host, "0123456789") != AWS_ACCOUNT ||
        (!skip(&at, ".dkr.ecr") && !skip(&at, ".dkr-ecr"))) {
        return false;
    }
    fips = skip(&at, "-fips");
    zone = skip(&at, ".") ? read_zone(at, region) : NULL;
    if (zone == NULL) {
        return false;
    }
    memcpy(place.account, host, AWS_ACCOUNT);
    fill(&place, zone, fips, region);
    *ret_place = place;
    return true;
}

bool aws_place_parse(const char *registry, struct aws_place *ret_place)
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
        fill_public(ret_place);
        return true;
    }
    return parse_private(host, ret_place);
}

static const char *region_of(const struct aws_place *place,
                             const struct credential_source *spec)
{
    const char *region = spec->region;

    if (region == NULL && place->region[0] != '\0') {
        return place->region;
    }
    region = region ? region : cloud_variable("AWS_REGION");
    return region ? region : cloud_variable("AWS_DEFAULT_REGION");
}

/* A registry by another name (a proxy's, a test's) is a private one. */
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

/* As the SDKs: the service's own variable, else the one for all */
static int use_endpoint(const char *configured, const char *variable,
                        char out[160], struct error *err)
{
    bool ignored = cloud_says_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
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

int aws_place_find(const char *registry, const struct credential_source *spec,
                   struct aws_place *ret_place, struct error *err)
{
    struct aws_place place = {0};
    char region[AWS_MOST_REGION + 1];
    const char *found;

    aws_place_parse(registry, &place);
    found = region_of(&place, spec);
    if (found == NULL || !is_region(found)) {
        return error_set(err, ERROR_CONFIG,
                         found ? "there is no region '%s'"
                               : "'%s' says no region: set 'region'",
                         found ? found : registry);
    }
    snprintf(region, sizeof(region), "%s", found);
    if (!place.is_public && strcmp(region, place.region) != 0) {
        fill(&place, zone_of(region), false, region);
    }
    if (use_endpoint(spec->endpoint,
                     place.is_public ? "AWS_ENDPOINT_URL_ECR_PUBLIC"
                                     : "AWS_ENDPOINT_URL_ECR",
                     place.api, err) < 0 ||
        use_endpoint(NULL, "AWS_ENDPOINT_URL_STS", place.sts, err) < 0) {
        return -1;
    }
    *ret_place = place;
    return 0;
}
