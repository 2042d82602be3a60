#include <ctype.h>
#include <string.h>

#include "helper_internal.h"
#include "waybill/address.h"
#include "waybill/http.h"
#include "waybill/provider.h"
#include "waybill/url.h"

/* Parses the URI of the request. Error messages do not quote it, because a
 * query may hold a signature that works like a password. */

static char *lower(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_printf(arena, "%.*s", (int)len, text);

    for (char *at = copy; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return copy;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found =
        c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* The server decodes percent-escapes before it interprets a path, so paths
 * must be matched in decoded form. */
static int percent_decode(char *path, struct error *err)
{
    char *to = path;

    for (const char *at = path; *at != '\0'; at++) {
        int high = *at == '%' ? hex_of(at[1]) : 0;
        int low = *at == '%' && high >= 0 ? hex_of(at[2]) : 0;

        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        if (high < 0 || low < 0 || high + low == 0) {
            return error_set(
                err, ERROR_SCHEMA,
                "uri: its path contains an invalid escape sequence");
        }
        *to++ = (char)(high * 16 + low);
        at += 2;
    }
    *to = '\0';
    return 0;
}

/* Rejects a URI that cannot be requested. A backslash is not valid in a URI,
 * and some parsers treat it as a slash. */
static int check_uri(const char *text, struct error *err)
{
    struct url url;

    if (strchr(text, '\\') != NULL) {
        return error_set(err, ERROR_SCHEMA, "uri: holds a backslash");
    }
    if (url_parse_any(text, &url, err) < 0) {
        err->kind = ERROR_SCHEMA;
        return error_prefix(err, "uri");
    }
    url_release(&url);
    return 0;
}

int helper_uri_parse(const char *text, struct arena *arena,
                     struct helper_uri *ret_uri, struct error *err)
{
    struct host_port split;
    struct url_parts parts;
    struct helper_uri uri;
    char *path;

    if (check_uri(text, err) < 0) {
        return -1;
    }
    parts = url_parts(text);
    uri.scheme = lower(arena, text, parts.scheme_len);
    uri.host = lower(arena, parts.authority, parts.authority_len);
    if (!host_port_split(uri.host, &split)) {
        return error_set(err, ERROR_SCHEMA,
                         "uri: its host is not a valid host name");
    }
    path =
        arena_printf(arena, "%.*s", (int)strcspn(parts.path, "?#"), parts.path);
    if (percent_decode(path, err) < 0) {
        return -1;
    }
    uri.path = path;
    *ret_uri = uri;
    return 0;
}

const char *helper_registry_of(const struct helper_uri *uri,
                               struct arena *arena)
{
    int port = strcmp(uri->scheme, "https") == 0 ? 443 : 80;
    const char *registry = uri->host;
    struct host_port split;

    if (host_port_split(uri->host, &split) && split.port == port) {
        registry = arena_printf(arena, "%.*s", (int)split.name_len, uri->host);
    }
    return registry_name(registry);
}

/* The length of the repository name at the start of the text after /v2/; 0
 * when it is not a known request */
static size_t name_length(const char *rest)
{
    static const char *const kinds[] = {"/blobs", "/manifests", "/referrers"};
    static const char tags[] = "/tags/list";
    size_t len = strlen(rest);
    const char *last = strrchr(rest, '/');
    size_t before = last != NULL ? (size_t)(last - rest) : 0;

    if (len > strlen(tags) && strcmp(rest + len - strlen(tags), tags) == 0) {
        return len - strlen(tags);
    }
    for (size_t i = 0; last != NULL && last[1] && i < ARRAY_SIZE(kinds); i++) {
        size_t kind = strlen(kinds[i]);

        if (before > kind && strncmp(last - kind, kinds[i], kind) == 0) {
            return before - kind;
        }
    }
    return 0;
}

const char *helper_repository_of(const struct helper_uri *uri,
                                 struct arena *arena)
{
    static const char base[] = "/v2/";
    const char *rest = uri->path + strlen(base);
    const char *name;
    size_t len;

    if (strncmp(uri->path, base, strlen(base)) != 0) {
        return NULL;
    }
    len = name_length(rest);
    name = arena_printf(arena, "%.*s", (int)len, rest);
    return oci_path_is_valid(name) ? name : NULL;
}
