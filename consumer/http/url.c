#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/limits.h"
#include "waybill/url.h"

static void free_curlu(CURLU **handle)
{
    curl_url_cleanup(*handle);
}

/* A part of the URL as our own string; NULL where it has none */
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
        host[--len] = '\0'; /* the root's dot: the same host */
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

/* Beyond ASCII curl would escape it, and so change what was signed. */
static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7F) {
            return true;
        }
    }
    return false;
}

/* curl unescapes a host, so that what is asked could be another than what was
 * judged: the text has to say the same when it is read again. */
static bool reads_the_same(const struct url *url)
{
    CLEANUP(free_curlu) CURLU *again = curl_url();
    char *text;
    char *host;
    bool same;

    if (has_control(url->text) ||
        curl_url_set(again, CURLUPART_URL, url->text, 0) != CURLUE_OK) {
        return false;
    }
    text = part_of(again, CURLUPART_URL, 0);
    host = host_of(again);
    same = text != NULL && host != NULL && strcmp(text, url->text) == 0 &&
           strcmp(host, url->host) == 0;
    mem_free(text);
    mem_free(host);
    return same;
}

static int fill(CURLU *handle, struct url *ret_url, struct error *err)
{
    struct url url = {0};
    bool known;
    char *port;

    url.https = is_https(handle, &known);
    if (!known) {
        return error_set(err, ERROR_REJECTED, "neither http nor https");
    }
    if (has_part(handle, CURLUPART_USER) ||
        has_part(handle, CURLUPART_PASSWORD)) {
        return error_set(err, ERROR_REJECTED, "URL holds credentials");
    }
    url.host = host_of(handle);
    port = part_of(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    url.port = port != NULL ? (unsigned)strtoul(port, NULL, 10) : 0;
    mem_free(port);
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    url.text = part_of(handle, CURLUPART_URL, 0);
    if (url.host == NULL || url.text == NULL) {
        url_release(&url);
        return error_set(err, ERROR_REJECTED, "URL has no host");
    }
    if (!reads_the_same(&url)) {
        url_release(&url);
        return error_set(err, ERROR_REJECTED, "URL reads in two ways");
    }
    *ret_url = url;
    return 0;
}

int url_parse(const char *text, const struct url *base, struct url *ret_url,
              struct error *err)
{
    CLEANUP(free_curlu) CURLU *handle = curl_url();

    if (strlen(text) > LIMIT_URL || has_control(text)) {
        return error_set(err, ERROR_REJECTED, "URL is too long or unprintable");
    }
    if ((base != NULL && curl_url_set(handle, CURLUPART_URL, base->text, 0)) ||
        curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)) {
        return error_set(err, ERROR_REJECTED, "not a URL");
    }
    return fill(handle, ret_url, err);
}

void url_release(struct url *url)
{
    mem_free(url->host);
    mem_free(url->text);
    *url = (struct url){0};
}

void url_put_escaped(struct str *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~", *value) != NULL) {
            str_putc(out, *value);
        } else {
            str_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
        }
    }
}
