#include <unistd.h>

#include "http_internal.h"
#include "proxy.h"
#include "waybill/alloc.h"
#include "waybill/file.h"

/* Applies a transport to an easy handle of libcurl. */

/* libcurl caches parsed CA certificates; after this many seconds it notices
 * that the file has changed. Its default is a day. */
#define AUTHORITIES_S 60L

/* Larger than any file of certificates */
#define MAX_PEM ((size_t)1024 * 1024)

/* OpenSSL does not find what follows a byte order mark, so that a file with one
 * is read here. */
static void set_pem(CURL *easy, CURLoption option, CURLoption blob_option,
                    const char *path)
{
    CLEANUP(secret_release) struct secret pem = SECRET_INIT(MAX_PEM);
    struct error ignored;
    struct curl_blob blob = {.flags = CURL_BLOB_COPY};

    curl_easy_setopt(easy, option, path);
    if (!file_has_mark(path) ||
        file_read(path, 0, &pem.text, NULL, &ignored) < 0) {
        return; /* libcurl reports a file that cannot be read */
    }
    str_trim_file(&pem.text, 0);
    blob.data = pem.text.data;
    blob.len = pem.text.len;
    curl_easy_setopt(easy, option, NULL);
    curl_easy_setopt(easy, blob_option, &blob);
}

static void set_authorities(CURL *easy, const struct http_transport *transport,
                            const struct certs *certs)
{
    const char *system_bundle = curl_version_info(CURLVERSION_NOW)->cainfo;

    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_S);
    if (transport->ca_file != NULL) {
        set_pem(easy, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, transport->ca_file);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST,
                         transport->any_name ? 0L : 2L);
    } else if (certs != NULL && certs->authorities.len > 0) {
        struct curl_blob blob = {.data = certs->authorities.data,
                                 .len = certs->authorities.len,
                                 .flags = CURL_BLOB_NOCOPY};

        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    } else if (system_bundle == NULL || access(system_bundle, R_OK) < 0) {
        return; /* the system may only have a directory */
    }
    /* Without a directory the file is parsed once for all connections; parsing
     * takes milliseconds and a megabyte. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void set_certificate(CURL *easy, const struct http_transport *transport)
{
    if (transport->certificate == NULL) {
        return;
    }
    set_pem(easy, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB,
            transport->certificate);
    set_pem(easy, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB,
            transport->key != NULL ? transport->key : transport->certificate);
    /* Without a passphrase OpenSSL would ask for one on the terminal and
     * wait. */
    curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
}

static void set_proxy(CURL *easy, const struct http_transport *transport)
{
    curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION,
                     (long)CURL_SSLVERSION_TLSv1_2);
    /* Headers of the response to CONNECT do not belong to the response. */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* Both are set, so that libcurl does not read the environment itself. */
    curl_easy_setopt(easy, CURLOPT_PROXY, transport->proxy);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
}

static void adopt_proxy(struct http_transfer *transfer, const char *text)
{
    struct http_transport *transport = &transfer->transport;
    const char *proxy = NULL;
    struct error err;
    struct url url;

    if (transport->proxy != NULL) {
        return;
    }
    if (url_parse(text, NULL, &url, &err) == 0) {
        proxy = proxy_of_environment(&url);
        url_release(&url);
    }
    secret_assign(&transport->own_proxy, proxy != NULL ? proxy : "");
    transport->proxy = secret_text(&transport->own_proxy);
}

static void adopt_certs(struct http_transfer *transfer)
{
    struct http_transport *transport = &transfer->transport;
    struct certs *certs;

    if (transfer->host == NULL || transport->ca_file != NULL ||
        transport->certificate != NULL) {
        return;
    }
    certs = host_certs(transfer->host, loop_now(transfer->http->loop));
    transfer->certs = certs;
    if (certs->certificate != NULL) {
        transport->certificate = mem_strdup(certs->certificate);
        transport->key = mem_strdup(certs->key);
    }
}

void transport_apply(struct http_transfer *transfer,
                     const struct http_transport *transport, const char *url)
{
    static const long versions[] = {CURL_SSLVERSION_TLSv1_2,
                                    CURL_SSLVERSION_TLSv1_3};
    const struct host *host = transfer->host;
    CURL *easy = transfer->easy;

    if (transport != NULL) {
        http_transport_copy(&transfer->transport, transport);
    }
    adopt_certs(transfer);
    adopt_proxy(transfer, url);
    set_authorities(easy, &transfer->transport, transfer->certs);
    set_certificate(easy, &transfer->transport);
    set_proxy(easy, &transfer->transport);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                     versions[transfer->transport.min_tls > 0]);
    if (host != NULL && host_avoids_http2(host, transfer->once,
                                          loop_now(transfer->http->loop))) {
        transfer->http1 = true;
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         (long)CURL_HTTP_VERSION_1_1);
    }
}
