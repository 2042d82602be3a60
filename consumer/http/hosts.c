#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"
#include "waybill/alloc.h"

/* The state kept for each host, so that it is not determined for each
 * request. */
#define MAX_HOSTS 256
/* Interval after which certs.d is read again, regardless of its time stamps: a
 * file may be overwritten in place, and a directory may be created. */
#define CERTS_RELOAD_MS 5000
/* How long HTTP/1.1 is used with a host that violates HTTP/2, and after how
 * many requests, one after the other, that ended with such an error, with no
 * response in HTTP/2 in between. One or two say nothing: a server that is
 * restarted, or a load balancer that limits the age of its connections, ends
 * them with a GOAWAY, and requests on their way are lost with them. */
#define AVOID_HTTP2_MS ((uint64_t)10 * 60 * 1000)
#define MAX_HTTP2_FAILURES 3
#define MAX_NAME_SIZE 300

/* Extracts host[:port] as written in the URL, which is also the name of a
 * directory in certs.d. False if the URL is not https, or if the name could be
 * a path. */
static bool name_of(const char *url, char name[MAX_NAME_SIZE])
{
    struct url_parts parts;

    if (strncasecmp(url, "https://", 8) != 0) {
        return false;
    }
    parts = url_parts(url);
    if (parts.authority_len == 0 || parts.authority_len >= MAX_NAME_SIZE ||
        parts.authority[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < parts.authority_len; i++) {
        char c = parts.authority[i];

        if (!isalnum((unsigned char)c) && !strchr(".-_:[]", c)) {
            return false;
        }
        name[i] = (char)tolower((unsigned char)c);
    }
    name[parts.authority_len] = '\0';
    return true;
}

static bool same_dir(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void host_free(struct http *http, struct host *host)
{
    TAILQ_REMOVE(&http->hosts, host, link);
    http->host_count--;
    certs_release(host->certs);
    mem_free(host->name);
    mem_free(host->certs_dir);
    mem_free(host);
}

static void free_oldest(struct http *http)
{
    struct host *host = TAILQ_LAST(&http->hosts, hosts);

    while (host != NULL && host->transfers > 0) {
        host = TAILQ_PREV(host, hosts, link);
    }
    if (host != NULL) {
        host_free(http, host);
    }
}

static struct host *add_host(struct http *http, const char *name,
                             const char *certs_dir)
{
    struct host *host = mem_zalloc(sizeof(*host));

    if (http->host_count >= MAX_HOSTS) {
        free_oldest(http);
    }
    host->name = mem_strdup(name);
    host->certs_dir = mem_strdup(certs_dir);
    http->host_count++;
    TAILQ_INSERT_HEAD(&http->hosts, host, link);
    return host;
}

struct host *host_acquire(struct http *http, const char *url,
                          const char *certs_dir)
{
    char name[MAX_NAME_SIZE];
    struct host *host;

    if (!name_of(url, name)) {
        return NULL;
    }
    TAILQ_FOREACH(host, &http->hosts, link)
    {
        if (strcmp(host->name, name) == 0 &&
            same_dir(host->certs_dir, certs_dir)) {
            TAILQ_REMOVE(&http->hosts, host, link);
            TAILQ_INSERT_HEAD(&http->hosts, host, link);
            host->transfers++;
            return host;
        }
    }
    host = add_host(http, name, certs_dir);
    host->transfers++;
    return host;
}

void host_release(struct host *host)
{
    if (host != NULL) {
        host->transfers--;
    }
}

struct certs *host_certs(struct host *host, uint64_t now_ms)
{
    if (host->certs == NULL || now_ms >= host->certs_until_ms) {
        certs_release(host->certs);
        host->certs = certs_load(host->name, host->certs_dir);
        host->certs_until_ms = now_ms + CERTS_RELOAD_MS;
    }
    host->certs->users++;
    return host->certs;
}

void host_note_http2_failure(struct host *host, uint64_t number,
                             uint64_t last_number, uint64_t now_ms)
{
    /* All requests of one connection fail together. */
    if (number <= host->http2_failed_number) {
        return;
    }
    host->http2_failed_number = last_number;
    host->http2_doubt_until_ms = now_ms + AVOID_HTTP2_MS;
    if (++host->http2_failures >= MAX_HTTP2_FAILURES) {
        host->http1_until_ms = now_ms + AVOID_HTTP2_MS;
        host->http2_failures = 0;
    }
}

void host_note_http2_success(struct host *host)
{
    host->http2_failures = 0;
    host->http2_doubt_until_ms = 0;
}

bool host_avoids_http2(const struct host *host, bool once, uint64_t now_ms)
{
    return now_ms < host->http1_until_ms ||
           (once && now_ms < host->http2_doubt_until_ms);
}

void hosts_free(struct http *http)
{
    while (!TAILQ_EMPTY(&http->hosts)) {
        host_free(http, TAILQ_FIRST(&http->hosts));
    }
}
