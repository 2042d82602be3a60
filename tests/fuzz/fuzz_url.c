#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "oci/trust.h"
#include "waybill/limits.h"
#include "waybill/url.h"

/*
 * The first line is the URL of a registry, the second one a URL in its response
 * (a Location, a realm).
 *
 * - The parts are consistent: the text, when it is parsed again, has the same
 *   host, port and scheme. (curl is given the text; trust.c uses the parts.)
 * - A query is unchanged, byte for byte.
 * - No redirect leads from https to http, and credentials are sent to their
 *   origin only.
 */

static void check_same(const struct url *url)
{
    struct error err;
    struct url same;

    CHECK(url_parse(url->text, NULL, &same, &err) == 0);
    CHECK(strcmp(same.text, url->text) == 0);
    CHECK(strcmp(same.host, url->host) == 0);
    CHECK(same.port == url->port);
    CHECK(same.https == url->https);
    url_release(&same);
}

static void check_url(const struct url *url)
{
    CHECK(strncmp(url->text, url->https ? "https://" : "http://",
                  url->https ? 8 : 7) == 0);
    CHECK(url->host[0] != '\0');
    CHECK(url->port <= 65535);
    CHECK(strchr(url->text, '#') == NULL);
    for (const char *at = url->text; *at != '\0'; at++) {
        CHECK((unsigned char)*at > ' ' && *at != 0x7F);
    }
    for (const char *at = url->host; *at != '\0'; at++) {
        CHECK(!isupper((unsigned char)*at));
    }
    check_same(url);
}

static void check_query(const char *text, const struct url *url)
{
    const char *query = strchr(text, '?');
    const char *fragment = strchr(text, '#');
    const char *kept = strchr(url->text, '?');
    size_t len;

    if (query == NULL || (fragment != NULL && fragment < query)) {
        return;
    }
    len = fragment != NULL ? (size_t)(fragment - query) : strlen(query);
    if (len > 1) { /* a '?' without a query may be removed */
        CHECK(kept != NULL && strlen(kept) == len);
        CHECK(memcmp(kept, query, len) == 0);
    }
}

static void check_trust(const struct url *from, const char *text,
                        enum redirect_kind redirect_kind,
                        bool plain_http_allowed)
{
    static const struct allow_list anywhere = {.any = true};
    const struct oci_target target = {
        .plain_http_allowed = plain_http_allowed,
        .allowed = &anywhere,
    };
    enum trust trust;
    struct error err;
    struct url to;

    CHECK(url_parse(text, from, &to, &err) == 0);
    trust = trust_of(from, &target, &to, redirect_kind);
    if (trust != TRUST_REFUSED) {
        CHECK(!from->https || to.https);
        check_same(&to);
    }
    if (trust == TRUST_CREDENTIALS && redirect_kind == REDIRECT_UPLOAD) {
        CHECK(strcmp(from->host, to.host) == 0);
        CHECK(from->port == to.port && from->https == to.https);
    }
    url_release(&to);
}

static void check_target(const struct url *base, const char *text)
{
    struct error err;
    struct url url;

    if (url_parse(text, base, &url, &err) < 0) {
        CHECK(err.kind == ERROR_REJECTED && err.message[0] != '\0');
        return;
    }
    check_url(&url);
    check_query(text, &url);
    url_release(&url);
    if (base == NULL) {
        return;
    }
    for (int plain = 0; plain < 2; plain++) {
        check_trust(base, text, REDIRECT_UPLOAD, plain == 1);
        check_trust(base, text, REDIRECT_REALM, plain == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    char *second;
    struct error err;
    struct url base;

    str_append(&text, data, size);
    second = strchr(text.data, '\n');
    if (second != NULL) {
        *second++ = '\0';
    }
    check_target(NULL, text.data);
    if (second != NULL && url_parse(text.data, NULL, &base, &err) == 0) {
        check_target(&base, second);
        url_release(&base);
    }
    return 0;
}
