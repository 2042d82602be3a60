#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http_internal.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/*
 * libcurl's codes and texts, as one line that says what to change. Its texts
 * hold no header and no password, but for those about a proxy's URL.
 */

/* --- the proxy --------------------------------------------------------------
 */

struct proxy {
    bool used;
    struct url url;
};

static void proxy_release(struct proxy *proxy)
{
    url_release(&proxy->url);
}

/* In libcurl's order (CURLOPT_PROXY) */
static const char *proxy_of_environment(bool https)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY",
                                        "all_proxy", "ALL_PROXY"};
    const char *url = https ? NULL : getenv("http_proxy");

    for (size_t i = https ? 0 : 2; url == NULL && i < ARRAY_SIZE(names); i++) {
        url = getenv(names[i]);
    }
    return url;
}

/* no_proxy has many forms, and libcurl does not say what it made of them: one
 * of the environment was used when we got connected to it, or tried. */
static bool was_used(const struct http_transfer *transfer, CURLcode result,
                     const struct proxy *proxy)
{
    CLEANUP(str_release) struct str tried = STR_INIT(LIMIT_URL);
    long port = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
    str_printf(&tried, "%s port %u ", proxy->url.host, proxy->url.port);
    return port == (long)proxy->url.port ||
           result == CURLE_COULDNT_RESOLVE_PROXY || result == CURLE_PROXY ||
           strstr(transfer->curl_says, tried.data) != NULL;
}

static void find_proxy(const struct http_transfer *transfer, CURLcode result,
                       struct proxy *proxy)
{
    const char *own = transfer->transport.proxy;
    const char *url =
        own != NULL ? own : proxy_of_environment(transfer->host != NULL);

    proxy->used = url != NULL && *url != '\0' &&
                  url_parse_proxy(url, &proxy->url) &&
                  (own != NULL || was_used(transfer, result, proxy));
}

static bool is_tls(CURLcode result)
{
    return result == CURLE_SSL_CONNECT_ERROR ||
           result == CURLE_PEER_FAILED_VERIFICATION ||
           result == CURLE_SSL_CERTPROBLEM ||
           result == CURLE_SSL_CACERT_BADFILE;
}

/* Whether it went wrong before the proxy had let us through */
static bool is_proxys(const struct http_transfer *transfer, CURLcode result,
                      const struct proxy *proxy)
{
    curl_off_t ready_us = 0;
    long connect = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
    return proxy->used && ready_us == 0 && connect / 100 != 2 &&
           (proxy->url.https || !is_tls(result));
}

static int explain_407(const struct proxy *proxy, struct error *err)
{
    return error_set(err, ERROR_UNREACHABLE,
                     "proxy '%s' asks for credentials, or refuses ours (407): "
                     "set USER:PASSWORD@ in the proxy's URL",
                     proxy->used ? proxy->url.text : "");
}

static int explain_connect(const struct proxy *proxy, long status,
                           struct error *err)
{
    return error_set(err, ERROR_UNREACHABLE,
                     "proxy '%s' does not let us through: it answers CONNECT "
                     "with %ld",
                     proxy->used ? proxy->url.text : "", status);
}

/* --- TLS --------------------------------------------------------------------
 */

#define NO_TLS "no TLS there, perhaps plain http"
#define NOT_TRUSTED                                                            \
    "certificate is signed by an authority that is not trusted: set ca_file"
#define WANTS_CERTIFICATE                                                      \
    "a client certificate is wanted there: set client_certificate and "        \
    "client_key"
#define NOT_LIKED                                                              \
    "our client certificate is refused there: look at client_certificate"
#define HUNG_UP                                                                \
    "connection closed right behind the TLS handshake: perhaps a client "      \
    "certificate is wanted, or ours refused: look at client_certificate"
#define NO_COMMON_VERSION                                                      \
    "no version of TLS that both sides speak: look at tls_min_version"

/* By what libcurl and OpenSSL say of it: alerts have no code of their own. */
static const struct {
    const char *text;
    const char *message;
} tls_faults[] = {
    {"wrong version number", NO_TLS},
    {"packet length too long", NO_TLS},
    {"http request", NO_TLS},
    {"unable to get local issuer certificate", NOT_TRUSTED},
    {"unable to get issuer certificate", NOT_TRUSTED},
    {"unable to verify the first certificate", NOT_TRUSTED},
    {"self-signed certificate", NOT_TRUSTED},
    {"certificate has expired",
     "certificate has expired: have it renewed, or look at our clock"},
    {"certificate is not yet valid",
     "certificate is not valid yet: look at the clocks, theirs and ours"},
    {"certificate required", WANTS_CERTIFICATE},
    {"alert handshake failure", WANTS_CERTIFICATE},
    {"alert bad certificate", NOT_LIKED},
    {"alert unknown ca", NOT_LIKED},
    {"alert certificate expired", NOT_LIKED},
    {"alert certificate revoked", NOT_LIKED},
    {"alert unsupported certificate", NOT_LIKED},
    {"alert certificate unknown", NOT_LIKED},
    {"alert access denied", NOT_LIKED},
    {"protocol version", NO_COMMON_VERSION},
    {"unsupported protocol", NO_COMMON_VERSION},
    {"no protocols available", NO_COMMON_VERSION},
};

/* From the URL: libcurl's text would do, if its form were promised. */
static int explain_name(const struct http_transfer *transfer, struct error *err)
{
    const char *text = "";
    struct url url;

    curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &text);
    if (url_parse(text, NULL, &url, err) < 0) {
        return -1;
    }
    error_set(err, ERROR_UNREACHABLE,
              "certificate is for another name than '%s'", url.host);
    url_release(&url);
    return -1;
}

static bool is_unreadable(const char *path)
{
    return path != NULL && access(path, R_OK) < 0;
}

/* Something with our own files; false when there is nothing of that kind */
static bool explain_files(const struct http_transport *transport,
                          CURLcode result, struct error *err)
{
    const char *key =
        transport->key != NULL ? transport->key : transport->certificate;

    if (result == CURLE_SSL_CACERT_BADFILE && transport->ca_file != NULL) {
        error_set(
            err, ERROR_UNREACHABLE, "authorities '%s' %s", transport->ca_file,
            is_unreadable(transport->ca_file) ? "cannot be read"
                                              : "hold no certificate in PEM");
        return true;
    }
    if (result != CURLE_SSL_CERTPROBLEM || transport->certificate == NULL) {
        return false;
    }
    if (is_unreadable(transport->certificate) || is_unreadable(key)) {
        error_set(err, ERROR_UNREACHABLE, "client %s '%s' cannot be read",
                  is_unreadable(key) ? "key" : "certificate",
                  is_unreadable(key) ? key : transport->certificate);
    } else {
        error_set(err, ERROR_UNREACHABLE,
                  "client key '%s' does not match certificate '%s', or is "
                  "encrypted, or one of them is not PEM",
                  key, transport->certificate);
    }
    return true;
}

static bool explain_tls(const struct http_transfer *transfer, CURLcode result,
                        const char *why, struct error *err)
{
    if (result == CURLE_PEER_FAILED_VERIFICATION &&
        strstr(why, "target host name") != NULL) {
        explain_name(transfer, err);
        return true;
    }
    if (explain_files(&transfer->transport, result, err)) {
        return true;
    }
    /* libcurl finds the socket dead right behind the handshake, and keeps no
     * word of the alert. In TLS 1.3 a client is refused only then. */
    if (transfer->host != NULL && strstr(why, "getpeername()") != NULL) {
        error_set(err, ERROR_UNREACHABLE, "%s", HUNG_UP);
        return true;
    }
    if (!is_tls(result) && strstr(why, "SSL routines") == NULL) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(tls_faults); i++) {
        if (strstr(why, tls_faults[i].text) != NULL) {
            error_set(err, ERROR_UNREACHABLE, "%s", tls_faults[i].message);
            return true;
        }
    }
    return false;
}

/* --- all together -----------------------------------------------------------
 */

static int explain_any(const struct http_transfer *transfer, CURLcode result,
                       struct error *err)
{
    const char *why = transfer->curl_says[0] != '\0'
                          ? transfer->curl_says
                          : curl_easy_strerror(result);

    /* It shows the whole URL. */
    if (strstr(why, "Unsupported proxy") != NULL) {
        return error_set(err, ERROR_UNREACHABLE,
                         "proxy's URL cannot be used: write http://, https:// "
                         "or socks5h://, a host and a port");
    }
    if (explain_tls(transfer, result, why, err)) {
        return -1;
    }
    if (result == CURLE_OPERATION_TIMEDOUT) {
        return error_set(err, ERROR_UNREACHABLE, "no answer in time: %s", why);
    }
    return error_set(err, ERROR_UNREACHABLE, "%s", why);
}

int transfer_explain(const struct http_transfer *transfer, CURLcode result,
                     struct error *err)
{
    CLEANUP(proxy_release) struct proxy proxy = {.used = false};
    long connect = 0;

    if (transfer->too_large != NULL) {
        return error_set(err, ERROR_UNAVAILABLE, "response %s too large",
                         transfer->too_large);
    }
    find_proxy(transfer, result, &proxy);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
    if (connect == 407 || transfer->response.status == 407) {
        return explain_407(&proxy, err);
    }
    if (connect >= 300) {
        return explain_connect(&proxy, connect, err);
    }
    explain_any(transfer, result, err);
    if (is_proxys(transfer, result, &proxy)) {
        error_prefix(err, "proxy '%s'", proxy.url.text);
    }
    return -1;
}
