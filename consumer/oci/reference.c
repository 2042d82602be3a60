#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/limits.h"
#include "waybill/oci.h"

#define DOCKER_HUB "index.docker.io"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Between two letters or digits: one '.', one or two '_', or any number of
 * '-' (distribution specification, "Pulling manifests": <name>). */
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

static bool port_is_valid(const char *port)
{
    size_t digits = strspn(port, "0123456789");
    unsigned long number = strtoul(port, NULL, 10);

    return digits > 0 && digits <= 5 && port[digits] == '\0' && number > 0 &&
           number <= 65535;
}

/* Between brackets, of which `len` is with both */
static bool is_ipv6(const char *bracket, size_t len)
{
    char inside[INET6_ADDRSTRLEN];
    struct in6_addr ip;

    if (len < 4 || len - 2 >= sizeof(inside)) {
        return false;
    }
    memcpy(inside, bracket + 1, len - 2);
    inside[len - 2] = '\0';
    return inet_pton(AF_INET6, inside, &ip) == 1;
}

/* host, host:port or [IPv6]:port */
static bool registry_is_valid(const char *registry)
{
    size_t len;

    if (registry[0] == '[') {
        const char *end = strchr(registry, ']');

        len = end != NULL ? (size_t)(end - registry) + 1 : 0;
        if (!is_ipv6(registry, len)) {
            return false;
        }
    } else {
        len = strspn(registry, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    }
    return len > 0 &&
           (registry[len] == '\0' ||
            (registry[len] == ':' && port_is_valid(registry + len + 1)));
}

static int explain(const char *text, struct error *err)
{
    const char *slash = strchr(text, '/');

    if (strstr(text, "://") != NULL) {
        return error_set(err, ERROR_CONFIG,
                         "takes no scheme (write host/path; plain_http: true "
                         "for http)");
    }
    if (strchr(text, '@') != NULL) {
        return error_set(err, ERROR_CONFIG, "takes no user name or digest");
    }
    if (slash != NULL && strchr(slash, ':') != NULL) {
        return error_set(err, ERROR_CONFIG, "takes no tag");
    }
    for (const char *at = slash ? slash : text; *at != '\0'; at++) {
        if (isupper((unsigned char)*at)) {
            return error_set(err, ERROR_CONFIG,
                             "a repository name has no upper-case letters");
        }
    }
    return error_set(err, ERROR_CONFIG,
                     "is not a repository (host[:port]/path of lower-case "
                     "letters, digits and single separators)");
}

int oci_repository_parse(const char *text, struct arena *arena,
                         struct oci_repository *ret_repository,
                         struct error *err)
{
    const char *slash = strchr(text, '/');
    size_t first = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct oci_repository found;

    if (slash == NULL && is_registry(text, first)) {
        return error_set(err, ERROR_CONFIG,
                         "names a registry but no repository in it "
                         "(host[:port]/path)");
    }
    if (slash != NULL && is_registry(text, first)) {
        found.registry = arena_printf(arena, "%.*s", (int)first, text);
        found.path = arena_strdup(arena, slash + 1);
    } else {
        found.registry = DOCKER_HUB;
        found.path = arena_strdup(arena, text);
    }
    if (strcmp(found.registry, "docker.io") == 0) {
        found.registry = DOCKER_HUB;
    }
    if (!registry_is_valid(found.registry) || !oci_path_is_valid(found.path)) {
        return explain(text, err);
    }
    *ret_repository = found;
    return 0;
}

bool oci_registry_is_loopback(const char *registry)
{
    size_t len = strcspn(registry, ":");

    if (strncmp(registry, "[::1]", 5) == 0) {
        return true;
    }
    return (len == 9 && strncmp(registry, "localhost", 9) == 0) ||
           (len > 10 && strncmp(registry + len - 10, ".localhost", 10) == 0) ||
           (strncmp(registry, "127.", 4) == 0 &&
            strspn(registry, "0123456789.") == len);
}
