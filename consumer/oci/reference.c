#include <ctype.h>
#include <string.h>

#include "waybill/address.h"
#include "waybill/credentials.h"
#include "waybill/limits.h"
#include "waybill/oci.h"
#include "waybill/provider.h"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A separator between two letters or digits is one '.', one or two '_', or any
 * number of '-' (distribution specification, "Pulling manifests": <name>). */
static bool is_separator(const char *text, size_t len)
{
    if (len == 1) {
        return strchr("._-", *text) != NULL;
    }
    return strspn(text, "-") >= len || (len == 2 && strspn(text, "_") >= 2);
}

static size_t separator_length(const char *text)
{
    return strspn(text, "._-");
}

bool oci_path_is_valid(const char *path)
{
    const char *at = path;

    if (strlen(path) > LIMIT_REPOSITORY) {
        return false;
    }
    while (is_lower_or_digit(*at)) {
        size_t len;

        while (is_lower_or_digit(*at)) {
            at++;
        }
        if (*at == '\0') {
            return true;
        }
        if (*at == '/') {
            at++;
            continue;
        }
        len = separator_length(at);
        if (len == 0 || !is_separator(at, len)) {
            return false;
        }
        at += len;
    }
    return false;
}

static bool is_registry(const char *text, size_t len)
{
    return memchr(text, '.', len) != NULL || memchr(text, ':', len) != NULL ||
           (len == 9 && strncmp(text, "localhost", 9) == 0);
}

static int explain_syntax(const char *text, struct error *err)
{
    const char *slash = strchr(text, '/');

    if (strstr(text, "://") != NULL) {
        return error_set(err, ERROR_CONFIG,
                         "a repository has no scheme such as https:// (for "
                         "http set plain_http: true)");
    }
    if (strchr(text, '@') != NULL) {
        return error_set(err, ERROR_CONFIG,
                         "a repository has no user name and no digest; remove "
                         "the part with '@'");
    }
    if (slash != NULL && strchr(slash, ':') != NULL) {
        return error_set(err, ERROR_CONFIG,
                         "a repository has no tag; Waybill chooses the tag");
    }
    for (const char *at = slash ? slash : text; *at != '\0'; at++) {
        if (isupper((unsigned char)*at)) {
            return error_set(
                err, ERROR_CONFIG,
                "a repository name may not contain upper-case letters");
        }
    }
    return error_set(err, ERROR_CONFIG,
                     "a repository is host[:port]/path, and a path consists of "
                     "lower-case letters and digits, with single separators "
                     "('.', '_', '__', '-' or '/') between them");
}

int oci_repository_parse(const char *text, struct arena *arena,
                         struct oci_repository *ret_repository,
                         struct error *err)
{
    const char *slash = strchr(text, '/');
    size_t first = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct oci_repository found;
    struct host_port split;

    if (slash == NULL && is_registry(text, first)) {
        return error_set(err, ERROR_CONFIG,
                         "it names a registry, but no repository in it; a "
                         "repository is host[:port]/path");
    }
    if (slash != NULL && is_registry(text, first)) {
        found.registry = arena_printf(arena, "%.*s", (int)first, text);
        found.path = arena_strdup(arena, slash + 1);
    } else {
        found.registry = DOCKER_HUB;
        found.path = arena_strdup(arena, text);
    }
    found.registry = registry_name(found.registry);
    if (!host_port_split(found.registry, &split) || split.port == 0 ||
        !oci_path_is_valid(found.path)) {
        return explain_syntax(text, err);
    }
    *ret_repository = found;
    return 0;
}

bool oci_registry_is_loopback(const char *registry)
{
    struct host_port split;

    return host_port_split(registry, &split) &&
           host_classify(split.host) == ADDRESS_LOOPBACK;
}
