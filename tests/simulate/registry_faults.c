#include <string.h>

#include "registry.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"

/*
 * What goes wrong with a registry: in windows of time, in which the most of its
 * answers are of one kind, and now and then outside of them. A reply may be
 * lost before the registry has done what was asked, or after.
 */

static const char *const fault_names[FAULT_COUNT] = {
    "none", "refused", "errors", "throttle", "slow",
    "hang", "reset",   "denied", "restart"};

static struct window *window_now(struct registry *registry)
{
    uint64_t now = registry->registries->sim->now_ms;

    for (size_t i = 0; i < registry->window_count; i++) {
        struct window *window = &registry->windows[i];

        if (now >= window->from_ms && now < window->until_ms) {
            return window;
        }
    }
    return NULL;
}

bool registry_is(const struct registry *registry, enum fault fault)
{
    const struct window *window = window_now((struct registry *)registry);

    return window != NULL && window->fault == fault;
}

static enum fault fault_now(struct registry *registry)
{
    struct sim *sim = registry->registries->sim;
    const struct window *window = window_now(registry);

    if (window != NULL &&
        (window->fault == FAULT_REFUSED || sim_chance(sim, 700))) {
        return window->fault;
    }
    if (!sim_noise(sim, NOISE_REGISTRY, 15)) {
        return FAULT_NONE;
    }
    return (enum fault)sim_pick(sim, FAULT_ERRORS, FAULT_RESET);
}

/* --- answers ----------------------------------------------------------------
 */

static void put_retry_after(struct sim *sim, struct reply *reply)
{
    unsigned seconds = (unsigned)sim_pick(sim, 1, 90);

    if (sim_chance(sim, 600)) {
        str_printf(&reply->response.headers, "Retry-After: %u\n", seconds);
    } else if (sim_chance(sim, 100)) {
        str_puts(&reply->response.headers, "Retry-After: 999999\n");
    }
}

static void answer_error(struct sim *sim, struct reply *reply)
{
    static const int statuses[] = {500, 502, 503, 504};

    reply_set(reply, statuses[sim_pick(sim, 0, 3)], NULL);
    if (reply->response.status == 503) {
        put_retry_after(sim, reply);
    }
}

static void answer_honestly(struct registry *registry, const struct ask *ask,
                            struct reply *reply)
{
    if (strcmp(ask->url.host, "auth.example") == 0) {
        token_server_answer(registry->registries, ask, reply);
    } else if (registry_authorize(registry, ask, reply)) {
        registry_answer(registry, ask, reply);
    }
}

static void answer(struct registry *registry, const struct ask *ask,
                   struct reply *reply)
{
    struct sim *sim = registry->registries->sim;
    enum fault fault = fault_now(registry);

    switch (fault) {
    case FAULT_REFUSED:
        reply->kind = REPLY_REFUSED;
        return;
    case FAULT_ERRORS:
        answer_error(sim, reply);
        return;
    case FAULT_THROTTLE:
        reply_set(reply, 429, "TOOMANYREQUESTS");
        put_retry_after(sim, reply);
        return;
    case FAULT_HANG:
        reply->kind = REPLY_NEVER;
        break;
    case FAULT_RESET:
        reply->kind = REPLY_RESET;
        break;
    case FAULT_SLOW:
        reply->delay_ms += sim_pick(sim, 100, 60000);
        break;
    case FAULT_NONE:
    case FAULT_DENIED:
    case FAULT_RESTART:
    case FAULT_COUNT:
        break;
    }
    /* The reply is lost; what was asked for may have been done. */
    if (reply->kind == REPLY_RESPONSE || sim_chance(sim, 500)) {
        answer_honestly(registry, ask, reply);
    }
}

static struct registry *registry_of(struct registries *registries,
                                    const struct ask *ask)
{
    for (size_t i = 0; i < registries->count; i++) {
        const char *host = registries->all[i].host;
        size_t len = strlen(ask->url.host);

        if (strncmp(host, ask->url.host, len) == 0 && host[len] == ':') {
            return &registries->all[i];
        }
    }
    return registry_of_token(registries, ask);
}

void registries_serve(struct registries *registries, const struct ask *ask,
                      struct reply *reply)
{
    struct sim *sim = registries->sim;
    struct registry *registry = registry_of(registries, ask);

    sim->counts.requests++;
    reply->delay_ms = sim_latency(sim);
    if (registry == NULL) {
        reply->kind = REPLY_REFUSED;
    } else {
        answer(registry, ask, reply);
    }
    sim_trace(sim, "%s %s%s: %s %d", ask->method, ask->url.host, ask->path,
              reply->kind == REPLY_RESPONSE  ? "answers"
              : reply->kind == REPLY_REFUSED ? "refused"
                                             : "answer lost,",
              reply->response.status);
}

/* --- life cycle -------------------------------------------------------------
 */

static void on_restart(void *payload)
{
    struct registry *registry = payload;

    sim_trace(registry->registries->sim, "registry %s restarts",
              registry->host);
    registry->upload_count = 0;
    registry->token_count = 0;
}

static void say_window(const struct registry *registry, struct item *item,
                       const struct window *window)
{
    item_says(item, window->from_ms, "%s: %s for %llu ms", registry->host,
              fault_names[window->fault],
              (unsigned long long)(window->until_ms - window->from_ms));
}

static void plan_window(struct registry *registry)
{
    struct sim *sim = registry->registries->sim;
    uint64_t calm = chaos_calm_ms(sim->chaos);
    struct item *item = schedule_add(sim);
    struct random *random = &item->random;
    struct window window;

    window.fault = (enum fault)draw(random, FAULT_REFUSED, FAULT_COUNT - 1);
    window.from_ms = sim->now_ms + draw(random, 0, calm - sim->now_ms);
    window.until_ms = window.from_ms + draw(random, 100, 20000);
    if (draw_chance(random, 200)) {
        window.until_ms += draw(random, 20000, 900000);
    }
    window.until_ms = window.until_ms < calm ? window.until_ms : calm;
    say_window(registry, item, &window);
    if (item->skipped) {
        return;
    }
    if (window.fault == FAULT_RESTART) {
        loop_arm(sim->loop, &registry->restart, window.from_ms - sim->now_ms);
    }
    registry->faulty_ms += window.until_ms - window.from_ms;
    registry->windows[registry->window_count++] = window;
}

static void init_registry(struct registries *registries, size_t place)
{
    struct sim *sim = registries->sim;
    struct registry *registry = &registries->all[place];
    uint64_t windows = sim_pick(sim, 0, MOST_WINDOWS);

    registry->registries = registries;
    registry->host =
        arena_printf(sim->arena, "registry%zu.example:5000", place);
    registry->auth = (enum registry_auth)sim_pick(sim, 0, REGISTRY_BEARER);
    if (registry->auth != REGISTRY_OPEN) {
        registry->username = "robot";
        registry->password = "not-so-secret";
    }
    registry->absolute_location = sim_chance(sim, 500);
    registry->token_ms = sim_pick(sim, 5, 300) * 1000;
    timer_init(&registry->restart, on_restart, registry);
    for (uint64_t i = 0; i < windows; i++) {
        plan_window(registry);
    }
}

struct registries *registries_new(struct sim *sim, size_t count)
{
    struct registries *registries = mem_zalloc(sizeof(*registries));

    registries->sim = sim;
    registries->count = count;
    TAILQ_INIT(&registries->wires);
    for (size_t i = 0; i < count; i++) {
        init_registry(registries, i);
    }
    return registries;
}

void registries_free(struct registries *registries)
{
    wires_free(registries);
    for (size_t i = 0; i < registries->count; i++) {
        struct registry *registry = &registries->all[i];

        loop_disarm(registries->sim->loop, &registry->restart);
        mem_free(registry->blobs);
        mem_free(registry->manifests);
        mem_free(registry->uploads);
        mem_free(registry->tokens);
    }
    mem_free(registries);
}
