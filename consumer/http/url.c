#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "http_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"
#include "waybill/url.h"

static void free_curlu(CURLU **handle)
{
    curl_url_cleanup(*handle);
}

/* Returns a part of the URL as a new string, or NULL if it has none. */
static char *part_of(CURLU *handle, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    char *own;

    if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) {
        return NULL;
    }
    own = mem_strdup(text);
    curl_free(text);
    return own;
}

static char *host_of(CURLU *handle)
{
    char *host = part_of(handle, CURLUPART_HOST, 0);
    size_t len = host != NULL ? strlen(host) : 0;

    for (size_t i = 0; i < len; i++) {
        host[i] = (char)tolower((unsigned char)host[i]);
    }
    if (len > 1 && host[len - 1] == '.') {
        host[--len] = '\0'; /* the DNS root's dot: the same host */
    }
    if (len > 2 && host[0] == '[') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    return host;
}

static bool has_part(CURLU *handle, CURLUPart part)
{
    char *text = part_of(handle, part, 0);
    bool has = text != NULL;

    mem_free(text);
    return has;
}

static bool is_https(CURLU *handle, bool *ret_known)
{
    char *scheme = part_of(handle, CURLUPART_SCHEME, 0);
    bool https = scheme != NULL && strcmp(scheme, "https") == 0;

    *ret_known = https || (scheme != NULL && strcmp(scheme, "http") == 0);
    mem_free(scheme);
    return https;
}

/* curl would percent-encode non-ASCII characters and so change a signed URL. */
static bool has_unprintable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7F) {
            return true;
        }
    }
    return false;
}

/* curl decodes a host, so that the request could go to another host than the
 * one that was checked. The text must therefore give the same result when
 * parsed again. */
static bool is_unambiguous(const struct url *url)
{
    CLEANUP(free_curlu) CURLU *reparsed = curl_url();
    char *text;
    char *host;
    bool same;

    if (has_unprintable(url->text) ||
        curl_url_set(reparsed, CURLUPART_URL, url->text,
                     CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        return false;
    }
    text = part_of(reparsed, CURLUPART_URL, 0);
    host = host_of(reparsed);
    same = text != NULL && host != NULL && strcmp(text, url->text) == 0 &&
           strcmp(host, url->host) == 0;
    mem_free(text);
    mem_free(host);
    return same;
}

static unsigned port_of(CURLU *handle, unsigned flags, unsigned fallback)
{
    char *text = part_of(handle, CURLUPART_PORT, flags);
    unsigned port = text != NULL ? (unsigned)strtoul(text, NULL, 10) : fallback;

    mem_free(text);
    return port;
}

/* curl accepts one or three slashes instead of two, where other parsers read
 * another host. A relative reference has no scheme. */
static bool has_ambiguous_start(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return text[scheme] == ':' && (!isalpha((unsigned char)*text) ||
                                   strspn(text + scheme + 1, "/") != 2);
}

static int fill(CURLU *handle, bool any_scheme, struct url *ret_url,
                struct error *err)
{
    struct url url = {0};
    bool known;

    url.https = is_https(handle, &known);
    if (!known && !any_scheme) {
        return error_set(err, ERROR_REJECTED,
                         "the URL is neither http nor https");
    }
    if (has_part(handle, CURLUPART_USER) ||
        has_part(handle, CURLUPART_PASSWORD)) {
        return error_set(err, ERROR_REJECTED, "the URL contains credentials");
    }
    url.host = host_of(handle);
    url.port = port_of(handle, CURLU_DEFAULT_PORT, 0);
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    url.text = part_of(handle, CURLUPART_URL, 0);
    if (url.host == NULL || url.text == NULL) {
        url_release(&url);
        return error_set(err, ERROR_REJECTED, "the URL has no host");
    }
    if (!is_unambiguous(&url)) {
        url_release(&url);
        return error_set(err, ERROR_REJECTED, "the URL is ambiguous");
    }
    *ret_url = url;
    return 0;
}

static int parse(const char *text, const struct url *base, bool any_scheme,
                 struct url *ret_url, struct error *err)
{
    CLEANUP(free_curlu) CURLU *handle = curl_url();

    if (strlen(text) > LIMIT_LOCATION || has_unprintable(text)) {
        return error_set(err, ERROR_REJECTED,
                         "the URL is too long or contains unprintable "
                         "characters");
    }
    if ((base != NULL && curl_url_set(handle, CURLUPART_URL, base->text, 0)) ||
        curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)) {
        return error_set(err, ERROR_REJECTED, "the text is not a URL");
    }
    if (has_ambiguous_start(text)) {
        return error_set(err, ERROR_REJECTED, "the URL is ambiguous");
    }
    return fill(handle, any_scheme, ret_url, err);
}

int url_parse(const char *text, const struct url *base, struct url *ret_url,
              struct error *err)
{
    return parse(text, base, false, ret_url, err);
}

int url_parse_any(const char *text, struct url *ret_url, struct error *err)
{
    return parse(text, NULL, true, ret_url, err);
}

bool url_parse_proxy(const char *text, struct url *ret_url)
{
    CLEANUP(free_curlu) CURLU *handle = curl_url();
    struct str name;
    struct url url = {0};
    bool known;
    bool is_ipv6;

    if (curl_url_set(handle, CURLUPART_URL, text,
                     CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME)) {
        return false;
    }
    url.https = is_https(handle, &known);
    url.host = host_of(handle);
    if (url.host == NULL) {
        return false;
    }
    /* libcurl's default */
    url.port = port_of(handle, 0, url.https ? 443 : 1080);
    is_ipv6 = strchr(url.host, ':') != NULL;
    str_init(&name, STR_UNLIMITED);
    str_printf(&name, "%s%s%s:%u", is_ipv6 ? "[" : "", url.host,
               is_ipv6 ? "]" : "", url.port);
    url.text = str_take(&name);
    *ret_url = url;
    return true;
}

struct url_parts url_parts(const char *text)
{
    size_t scheme_len = strcspn(text, ":");
    const char *authority = text + scheme_len + strlen("://");
    size_t authority_len = strcspn(authority, "/?#");

    return (struct url_parts){scheme_len, authority, authority_len,
                              authority + authority_len};
}

void url_release(struct url *url)
{
    mem_free(url->host);
    mem_free(url->text);
    *url = (struct url){0};
}

void url_append_escaped(struct str *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~", *value) != NULL) {
            str_append_char(out, *value);
        } else {
            str_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
        }
    }
}
