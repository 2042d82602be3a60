#include "http_internal.h"

#include <stdlib.h>

#include "waybill/alloc.h"

/* Easy handles are reused, because creating one costs more than a small
 * request. */

/* Maximum number of idle handles; each takes about 20 KiB */
#define MAX_IDLE 64

CURL *http_take_easy(struct http *http)
{
    CURL *easy;

    if (http->idle_count > 0) {
        return http->idle[--http->idle_count];
    }
    easy = curl_easy_init();
    if (easy == NULL) {
        abort();
    }
    return easy;
}

void http_return_easy(struct http *http, CURL *easy)
{
    if (http->idle_count >= MAX_IDLE) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    http->idle = mem_grow(http->idle, &http->idle_capacity,
                          http->idle_count + 1, sizeof(CURL *));
    http->idle[http->idle_count++] = easy;
}

void http_free_easy(struct http *http)
{
    for (size_t i = 0; i < http->idle_count; i++) {
        curl_easy_cleanup(http->idle[i]);
    }
    mem_free(http->idle);
}
