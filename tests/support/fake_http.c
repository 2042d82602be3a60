#include "fake_http.h"

#include <stdio.h>
#include <string.h>

#include "asserts.h"
#include "waybill/alloc.h"

struct http {
    struct loop *loop;
    struct http_transfer *first; /* oldest first */
    unsigned sent;
};

static fake_reply_fn *reply_to;

/* --- what the service calls -------------------------------------------------
 */

struct http *http_new(struct loop *loop)
{
    struct http *http = mem_zalloc(sizeof(*http));

    http->loop = loop;
    return http;
}

static void transfer_free(struct http_transfer *transfer)
{
    struct http_transfer **link = &transfer->http->first;

    while (*link != transfer) {
        link = &(*link)->next;
    }
    *link = transfer->next;
    loop_disarm(transfer->http->loop, &transfer->due);
    mem_free(transfer->name);
    mem_free(transfer->headers);
    mem_free(transfer->body);
    mem_free(transfer);
}

void http_free(struct http *http)
{
    if (http != NULL) {
        assert_null(http->first); /* no transfer may be running */
    }
    mem_free(http);
}

void http_cancel(struct http_transfer *transfer)
{
    transfer_free(transfer);
}

static char *name_of(const struct http_request *request)
{
    struct str name;

    str_init(&name, STR_UNLIMITED);
    str_printf(&name, "%s %s", request->method, request->url);
    return str_take(&name);
}

static char *headers_of(const struct http_request *request)
{
    struct str headers;

    str_init(&headers, STR_UNLIMITED);
    for (size_t i = 0; request->headers && request->headers[i]; i++) {
        str_printf(&headers, "%s\n", request->headers[i]);
    }
    return str_take(&headers);
}

static void reply(void *payload)
{
    struct http_transfer *transfer = payload;
    struct fake_reply reply = reply_to(transfer);
    CLEANUP(str_release) struct str headers = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct http_response response = {.status = reply.status};

    str_append_text(&headers, reply.headers != NULL ? reply.headers : "");
    str_append_text(&body, reply.body != NULL ? reply.body : "");
    response.headers = headers;
    response.body = body;
    transfer->done(transfer->payload, &response, NULL);
    transfer_free(transfer);
}

struct http_transfer *http_start(struct http *http,
                                 const struct http_request *request,
                                 http_done_fn *done, void *payload)
{
    struct http_transfer *transfer = mem_zalloc(sizeof(*transfer));
    struct http_transfer **link = &http->first;
    struct str body;

    str_init(&body, STR_UNLIMITED);
    str_append(&body, request->body.data, request->body.len);
    transfer->http = http;
    transfer->name = name_of(request);
    transfer->headers = headers_of(request);
    transfer->borrowed = request->body;
    transfer->body = str_take(&body);
    transfer->with_certificate =
        request->transport != NULL && request->transport->certificate != NULL;
    transfer->once = request->once;
    transfer->without_proxy = request->transport != NULL &&
                              request->transport->proxy != NULL &&
                              request->transport->proxy[0] == '\0';
    if (request->aws != NULL) {
        snprintf(transfer->region, sizeof(transfer->region), "%s",
                 request->aws->region);
    }
    transfer->done = done;
    transfer->payload = payload;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = transfer;
    http->sent++;
    timer_init(&transfer->due, reply, transfer);
    if (reply_to != NULL) {
        loop_arm(http->loop, &transfer->due, 0);
    }
    return transfer;
}

/* --- functions for tests -----------------------------------------------------
 */

void fake_reply_by(fake_reply_fn *fn)
{
    reply_to = fn;
}

void fake_settle(struct http *http)
{
    unsigned turns = 0;

    while (loop_turn(http->loop, false)) {
        assert_true(++turns < 1000);
    }
}

static bool is_named(const struct http_transfer *transfer, const char *name)
{
    size_t len = strlen(name);

    if (len > 0 && name[len - 1] == '*') {
        return strncmp(transfer->name, name, len - 1) == 0;
    }
    return strcmp(transfer->name, name) == 0;
}

static struct http_transfer *oldest(struct http *http, const char *name)
{
    struct http_transfer *transfer;

    fake_settle(http);
    for (transfer = http->first; transfer; transfer = transfer->next) {
        if (is_named(transfer, name)) {
            return transfer;
        }
    }
    return NULL;
}

bool fake_is_asked(struct http *http, const char *name)
{
    return oldest(http, name) != NULL;
}

static struct http_transfer *find(struct http *http, const char *name)
{
    struct http_transfer *found = oldest(http, name);

    if (found != NULL) {
        return found;
    }
    print_error("nobody asked for '%s', only for:\n", name);
    for (struct http_transfer *at = http->first; at; at = at->next) {
        print_error("    %s\n", at->name);
    }
    fail();
    return NULL;
}

const struct http_transfer *fake_asked(struct http *http, const char *name)
{
    return find(http, name);
}

static void finish(struct http_transfer *transfer,
                   const struct http_response *response,
                   const struct error *err)
{
    struct http *http = transfer->http;

    /* The real client reads a body late, so it must still exist. */
    if (transfer->borrowed.len > 0) {
        assert_memory_equal(transfer->body, transfer->borrowed.data,
                            transfer->borrowed.len);
    }
    transfer->done(transfer->payload, response, err);
    transfer_free(transfer);
    fake_settle(http);
}

void fake_answer(struct http *http, const char *name, int status,
                 const char *headers, const char *body)
{
    CLEANUP(str_release) struct str all = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct http_response response = {.status = status};

    str_append_text(&all, headers);
    str_append_text(&all, *headers ? "\n" : "");
    str_append_text(&text, body);
    response.headers = all;
    response.body = text;
    finish(find(http, name), &response, NULL);
}

void fake_break(struct http *http, const char *name, enum error_kind kind)
{
    fake_break_because(http, name, kind, "connection reset");
}

void fake_break_because(struct http *http, const char *name,
                        enum error_kind kind, const char *reason)
{
    struct error err;

    error_fill(&err, kind, "%s", reason);
    finish(find(http, name), NULL, &err);
}

void fake_refuse_connection(struct http *http, const char *name)
{
    struct error err;

    error_fill(&err, ERROR_UNREACHABLE, "connection refused");
    err.unsent = true;
    finish(find(http, name), NULL, &err);
}

unsigned fake_waiting(struct http *http)
{
    unsigned count = 0;

    fake_settle(http);
    for (const struct http_transfer *at = http->first; at; at = at->next) {
        count++;
    }
    return count;
}

unsigned fake_sent(const struct http *http)
{
    return http->sent;
}
