#include "http_internal.h"

#include <stdlib.h>

#include "waybill/alloc.h"

/* Maximum number of idle connections to all hosts. */
#define MAX_CONNECTIONS 256L

static void finish_transfers(struct http *http)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_transfer *transfer;
        CURLcode result = msg->data.result;

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                          (char **)&transfer);
        transfer_finish(transfer, result);
    }
}

static void socket_action(struct http *http, curl_socket_t fd, int what)
{
    int running;

    /* Only a bug, such as an invalid handle, makes this call fail. */
    if (curl_multi_socket_action(http->multi, fd, what, &running) != CURLM_OK) {
        abort();
    }
    finish_transfers(http);
}

static void on_ready(void *payload, int fd, unsigned events)
{
    int what = 0;

    what |= events & LOOP_IN ? CURL_CSELECT_IN : 0;
    what |= events & LOOP_OUT ? CURL_CSELECT_OUT : 0;
    what |= events & ~(LOOP_IN | LOOP_OUT) ? CURL_CSELECT_ERR : 0;
    socket_action(payload, fd, what);
}

static void on_timer(void *payload)
{
    socket_action(payload, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *payload,
                     void *unused)
{
    struct http *http = payload;

    if (what == CURL_POLL_REMOVE) {
        loop_unwatch(http->loop, fd);
    } else {
        loop_watch(http->loop, fd,
                   (what & CURL_POLL_IN ? LOOP_IN : 0) |
                       (what & CURL_POLL_OUT ? LOOP_OUT : 0),
                   on_ready, http);
    }
    return 0;
}

/* Called by curl, so this must not call curl_multi_socket_action(), only arm
 * the timer (libcurl manual, CURLMOPT_TIMERFUNCTION). */
static int on_timeout(CURLM *multi, long timeout_ms, void *payload)
{
    struct http *http = payload;

    if (timeout_ms < 0) {
        loop_disarm(http->loop, &http->timer);
    } else {
        loop_arm(http->loop, &http->timer, (uint64_t)timeout_ms);
    }
    return 0;
}

struct http *http_new(struct loop *loop)
{
    struct http *http = mem_zalloc(sizeof(*http));

    http->loop = loop;
    timer_init(&http->timer, on_timer, http);
    TAILQ_INIT(&http->hosts);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (http->multi = curl_multi_init()) == NULL) {
        abort(); /* only if there is no memory */
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    /* Requests share an HTTP/2 connection once it is established. They do not
     * wait for it (CURLOPT_PIPEWAIT): libcurl keeps waiting requests in one
     * queue and wakes only its head, so that one host that does not answer
     * would block all others. */
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING,
                      (long)CURLPIPE_MULTIPLEX);
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    http_free_easy(http);
    curl_multi_cleanup(http->multi);
    hosts_free(http);
    loop_disarm(http->loop, &http->timer);
    mem_free(http);
    curl_global_cleanup();
}

const char *http_library_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
