#include <string.h>
#include <strings.h>

#include "registry.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/* http.h over the model registries. A request that was sent belongs to the
 * world: it arrives even if its sender was killed or has cancelled it. */

struct wire {
    TAILQ_ENTRY(wire) link;
    struct sim *sim;
    struct http_transfer *transfer; /* NULL: nobody waits for the response */
    struct timer arrival;
    struct ask ask;
};

struct http {
    struct loop *loop;
    struct instance *instance;
    size_t running;
};

struct http_transfer {
    struct http *http;
    struct wire *wire; /* while it is in transit */
    struct timer done_timer;
    struct timer mode;
    struct reply reply;
    http_done_fn *done;
    void *payload;
};

struct http *http_new(struct loop *loop)
{
    struct http *http = mem_zalloc(sizeof(*http));

    http->loop = loop;
    http->instance = instance_of(loop);
    return http;
}

void http_free(struct http *http)
{
    if (http != NULL && http->running > 0) {
        sim_violate(http->instance->sim, INVARIANT_STOP,
                    "life %u leaves %zu transfers running",
                    http->instance->life, http->running);
    }
    mem_free(http);
}

static void transfer_free(struct http_transfer *transfer)
{
    struct http *http = transfer->http;

    loop_disarm(http->loop, &transfer->done_timer);
    loop_disarm(http->loop, &transfer->mode);
    if (transfer->wire != NULL) {
        transfer->wire->transfer = NULL;
    }
    str_release(&transfer->reply.response.headers);
    str_release(&transfer->reply.response.body);
    http->running--;
    mem_free(transfer);
}

void http_cancel(struct http_transfer *transfer)
{
    transfer_free(transfer);
}

/* --- at the registry ---------------------------------------------------------
 */

static void deliver(struct wire *wire)
{
    struct http_transfer *transfer = wire->transfer;
    struct reply lost = {0};
    struct reply *reply = transfer != NULL ? &transfer->reply : &lost;

    if (transfer == NULL) {
        str_init(&lost.response.headers, STR_UNLIMITED);
        str_init(&lost.response.body, STR_UNLIMITED);
    }
    registries_serve(wire->sim->registries, &wire->ask, reply);
    str_release(&lost.response.headers);
    str_release(&lost.response.body);
    if (transfer == NULL) {
        return;
    }
    transfer->wire = NULL;
    if (reply->kind != REPLY_NEVER) {
        loop_arm(transfer->http->loop, &transfer->done_timer, reply->delay_ms);
    }
}

static void wire_free(struct wire *wire)
{
    loop_disarm(wire->sim->loop, &wire->arrival);
    TAILQ_REMOVE(&wire->sim->registries->wires, wire, link);
    url_release(&wire->ask.url);
    mem_free((void *)wire->ask.authorization);
    mem_free((void *)wire->ask.body.data);
    mem_free((void *)wire->ask.method);
    mem_free(wire);
}

void wires_free(struct registries *registries)
{
    while (!TAILQ_EMPTY(&registries->wires)) {
        wire_free(TAILQ_FIRST(&registries->wires));
    }
}

static void on_arrival(void *payload)
{
    struct wire *wire = payload;

    /* A request that was cancelled may not have been sent at all. */
    if (wire->transfer != NULL || sim_chance(wire->sim, 500)) {
        deliver(wire);
    }
    wire_free(wire);
}

/* --- the response ------------------------------------------------------------
 */

static void finish(struct http_transfer *transfer,
                   const struct http_response *response,
                   const struct error *err)
{
    /* The transfer of a killed instance remains until the instance is freed. */
    if (instance_step(transfer->http->instance, "response")) {
        transfer->done(transfer->payload, response, err);
        transfer_free(transfer);
    }
}

static void on_done(void *payload)
{
    struct http_transfer *transfer = payload;
    struct error err;

    if (transfer->reply.kind == REPLY_RESPONSE) {
        finish(transfer, &transfer->reply.response, NULL);
        return;
    }
    error_set(&err, ERROR_UNREACHABLE,
              transfer->reply.kind == REPLY_REFUSED ? "connection refused"
                                                    : "connection reset");
    finish(transfer, NULL, &err);
}

static void on_impatient(void *payload)
{
    struct error err;

    error_set(&err, ERROR_UNREACHABLE, "no answer in time");
    finish(payload, NULL, &err);
}

/* --- the request -------------------------------------------------------------
 */

static const char *path_of(const struct url *url)
{
    const char *path = strchr(strstr(url->text, "://") + 3, '/');

    return path != NULL ? path : "/";
}

static const char *copy_authorization(const char *const *headers)
{
    for (; headers != NULL && *headers != NULL; headers++) {
        if (strncasecmp(*headers, "Authorization:", 14) == 0) {
            return mem_strdup(*headers);
        }
    }
    return NULL;
}

static void send(struct http *http, struct http_transfer *transfer,
                 const struct http_request *request)
{
    struct sim *sim = http->instance->sim;
    struct wire *wire = mem_zalloc(sizeof(*wire));
    struct error err;

    wire->sim = sim;
    wire->transfer = transfer;
    if (url_parse(request->url, NULL, &wire->ask.url, &err) < 0) {
        sim_violate(sim, INVARIANT_REQUESTS, "a request to '%s': %s",
                    request->url, err.message);
        mem_free(wire);
        return;
    }
    wire->ask.method = mem_strdup(request->method);
    wire->ask.path = path_of(&wire->ask.url);
    wire->ask.authorization = copy_authorization(request->headers);
    wire->ask.body.data = mem_copy(request->body.data, request->body.len);
    wire->ask.body.len = request->body.len;
    TAILQ_INSERT_TAIL(&sim->registries->wires, wire, link);
    timer_init(&wire->arrival, on_arrival, wire);
    loop_arm(sim->loop, &wire->arrival, sim_latency(sim));
    if (transfer != NULL) {
        transfer->wire = wire;
    }
}

struct http_transfer *http_start(struct http *http,
                                 const struct http_request *request,
                                 http_done_fn *done, void *payload)
{
    struct http_transfer *transfer = mem_zalloc(sizeof(*transfer));

    transfer->http = http;
    transfer->done = done;
    transfer->payload = payload;
    str_init(&transfer->reply.response.headers, STR_UNLIMITED);
    str_init(&transfer->reply.response.body, STR_UNLIMITED);
    timer_init(&transfer->done_timer, on_done, transfer);
    timer_init(&transfer->mode, on_impatient, transfer);
    http->running++;
    if (!instance_step(http->instance, "request")) {
        return transfer;
    }
    loop_arm(http->loop, &transfer->mode, request->timeouts.answer_ms);
    send(http, transfer, request);
    if (sim_is_broken(http->instance->sim, BREAK_STORM) &&
        strcmp(request->method, "POST") == 0) {
        for (int i = 0; i < 100; i++) {
            send(http, NULL, request);
        }
    }
    return transfer;
}
