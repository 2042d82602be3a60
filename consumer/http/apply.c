#include <unistd.h>

#include "http_internal.h"
#include "waybill/alloc.h"

/* Applies a transport to an easy handle of libcurl. */

/* libcurl caches parsed CA certificates; after this many seconds it notices
 * that the file has changed. Its default is a day. */
#define AUTHORITIES_S 60L

static void set_authorities(CURL *easy, const struct http_transport *transport,
                            const struct certs *certs)
{
    const char *system_bundle = curl_version_info(CURLVERSION_NOW)->cainfo;

    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_S);
    if (transport->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, transport->ca_file);
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
    curl_easy_setopt(easy, CURLOPT_SSLCERT, transport->certificate);
    curl_easy_setopt(easy, CURLOPT_SSLKEY,
                     transport->key != NULL ? transport->key
                                            : transport->certificate);
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
    if (transport->proxy != NULL) {
        curl_easy_setopt(easy, CURLOPT_PROXY, transport->proxy);
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    }
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
                     const struct http_transport *transport)
{
    static const long versions[] = {CURL_SSLVERSION_TLSv1_2,
                                    CURL_SSLVERSION_TLSv1_3};
    const struct host *host = transfer->host;
    CURL *easy = transfer->easy;

    if (transport != NULL) {
        http_transport_copy(&transfer->transport, transport);
    }
    adopt_certs(transfer);
    set_authorities(easy, &transfer->transport, transfer->certs);
    set_certificate(easy, &transfer->transport);
    set_proxy(easy, &transfer->transport);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                     versions[transfer->transport.min_tls > 0]);
    if (host != NULL && host->http1_until_ms > loop_now(transfer->http->loop)) {
        transfer->http1 = true;
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         (long)CURL_HTTP_VERSION_1_1);
    }
}
