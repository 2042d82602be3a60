#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http_internal.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/*
 * Turns libcurl's result codes and texts into a message that says what to
 * change. Its texts contain no header and no password, except those about the
 * URL of a proxy.
 */

/* --- the proxy ------------------------------------------------------------ */

struct proxy {
    bool used;
    struct url url;
};

static void proxy_release(struct proxy *proxy)
{
    url_release(&proxy->url);
}

static void find_proxy(const struct http_transfer *transfer,
                       struct proxy *proxy)
{
    const char *url = transfer->transport.proxy;

    proxy->used =
        url != NULL && *url != '\0' && url_parse_proxy(url, &proxy->url);
}

static bool is_tls_error(CURLcode result)
{
    return result == CURLE_SSL_CONNECT_ERROR ||
           result == CURLE_PEER_FAILED_VERIFICATION ||
           result == CURLE_SSL_CERTPROBLEM ||
           result == CURLE_SSL_CACERT_BADFILE;
}

/* Whether the request failed before the proxy had opened the connection. */
static bool is_proxy_error(const struct http_transfer *transfer,
                           CURLcode result, const struct proxy *proxy)
{
    curl_off_t ready_us = 0;
    long connect = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
    return proxy->used && ready_us == 0 && connect / 100 != 2 &&
           (proxy->url.https || !is_tls_error(result));
}

static int explain_407(const struct proxy *proxy, struct error *err)
{
    return error_set(err, ERROR_UNREACHABLE,
                     "proxy '%s' asks for credentials, or rejects those that "
                     "were sent (407): "
                     "set USER:PASSWORD@ in the proxy's URL",
                     proxy->used ? proxy->url.text : "");
}

static int explain_connect(const struct proxy *proxy, long status,
                           struct error *err)
{
    return error_set(
        err, ERROR_UNREACHABLE,
        "proxy '%s' does not permit the connection: it answers CONNECT "
        "with %ld",
        proxy->used ? proxy->url.text : "", status);
}

/* --- TLS ------------------------------------------------------------------ */

#define NO_TLS "the server does not use TLS, perhaps plain http"
#define NOT_TRUSTED                                                            \
    "certificate is signed by an authority that is not trusted: set ca_file"
#define CERTIFICATE_REQUIRED                                                   \
    "the server requires a client certificate: set client_certificate and "    \
    "client_key"
#define CERTIFICATE_REFUSED                                                    \
    "the server rejects the client certificate: check client_certificate"
#define CLOSED_AFTER_HANDSHAKE                                                 \
    "connection closed right after the TLS handshake: perhaps the "            \
    "server requires a client certificate, or rejects it: check "              \
    "client_certificate"
#define NO_COMMON_VERSION                                                      \
    "no version of TLS that both sides support: check tls_min_version"

/* Matched against the texts of libcurl and OpenSSL, because TLS alerts have no
 * result code of their own. */
static const struct {
    const char *text;
    const char *message;
} tls_errors[] = {
    {"wrong version number", NO_TLS},
    {"packet length too long", NO_TLS},
    {"http request", NO_TLS},
    {"unable to get local issuer certificate", NOT_TRUSTED},
    {"unable to get issuer certificate", NOT_TRUSTED},
    {"unable to verify the first certificate", NOT_TRUSTED},
    {"self-signed certificate", NOT_TRUSTED},
    {"certificate has expired",
     "certificate has expired: renew it, or check the clock of this machine"},
    {"certificate is not yet valid",
     "certificate is not valid yet: check the clocks of both machines"},
    {"certificate required", CERTIFICATE_REQUIRED},
    {"alert handshake failure", CERTIFICATE_REQUIRED},
    {"alert bad certificate", CERTIFICATE_REFUSED},
    {"alert unknown ca", CERTIFICATE_REFUSED},
    {"alert certificate expired", CERTIFICATE_REFUSED},
    {"alert certificate revoked", CERTIFICATE_REFUSED},
    {"alert unsupported certificate", CERTIFICATE_REFUSED},
    {"alert certificate unknown", CERTIFICATE_REFUSED},
    {"alert access denied", CERTIFICATE_REFUSED},
    {"protocol version", NO_COMMON_VERSION},
    {"unsupported protocol", NO_COMMON_VERSION},
    {"no protocols available", NO_COMMON_VERSION},
};

/* The name is taken from the URL, because the format of libcurl's text is not
 * documented. */
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

/* Explains an error in a file of the transport; false if the error is another
 * one. */
static bool explain_files(const struct http_transport *transport,
                          CURLcode result, struct error *err)
{
    const char *key =
        transport->key != NULL ? transport->key : transport->certificate;

    if (result == CURLE_SSL_CACERT_BADFILE && transport->ca_file != NULL) {
        error_set(err, ERROR_UNREACHABLE, "authorities '%s' %s",
                  transport->ca_file,
                  is_unreadable(transport->ca_file)
                      ? "cannot be read"
                      : "contain no certificate in PEM format");
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
                        const char *reason, struct error *err)
{
    if (result == CURLE_PEER_FAILED_VERIFICATION &&
        strstr(reason, "target host name") != NULL) {
        explain_name(transfer, err);
        return true;
    }
    if (explain_files(&transfer->transport, result, err)) {
        return true;
    }
    /* libcurl finds the socket closed right after the handshake and drops the
     * alert. In TLS 1.3 a server rejects a client certificate only then. */
    if (transfer->host != NULL && strstr(reason, "getpeername()") != NULL) {
        error_set(err, ERROR_UNREACHABLE, "%s", CLOSED_AFTER_HANDSHAKE);
        return true;
    }
    if (!is_tls_error(result) && strstr(reason, "SSL routines") == NULL) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(tls_errors); i++) {
        if (strstr(reason, tls_errors[i].text) != NULL) {
            error_set(err, ERROR_UNREACHABLE, "%s", tls_errors[i].message);
            return true;
        }
    }
    return false;
}

/* --- the message
 * ------------------------------------------------------------ */

static int explain_other(const struct http_transfer *transfer, CURLcode result,
                         struct error *err)
{
    const char *reason = transfer->curl_message[0] != '\0'
                             ? transfer->curl_message
                             : curl_easy_strerror(result);

    /* libcurl's text contains the whole URL. */
    if (strstr(reason, "Unsupported proxy") != NULL) {
        return error_set(err, ERROR_UNREACHABLE,
                         "proxy's URL cannot be used: write http://, https:// "
                         "or socks5h://, a host and a port");
    }
    if (explain_tls(transfer, result, reason, err)) {
        return -1;
    }
    if (result == CURLE_OPERATION_TIMEDOUT) {
        return error_set(err, ERROR_UNREACHABLE, "no answer in time: %s",
                         reason);
    }
    return error_set(err, ERROR_UNREACHABLE, "%s", reason);
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
    find_proxy(transfer, &proxy);
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
    if (connect == 407 || transfer->response.status == 407) {
        return explain_407(&proxy, err);
    }
    if (connect >= 300) {
        return explain_connect(&proxy, connect, err);
    }
    explain_other(transfer, result, err);
    if (is_proxy_error(transfer, result, &proxy)) {
        error_prefix(err, "proxy '%s'", proxy.url.text);
    }
    return -1;
}
