#include <string.h>
#include <time.h>

#include "registry.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"
#include "workload.h"

/* The faults of requests to a registry: in windows of time, in which most of
 * its responses have one fault, and occasionally outside of them. A reply may
 * be lost before the registry has executed the request, or after that. */

const struct window *registry_window(const struct registry *registry)
{
    uint64_t now = registry->registries->sim->now_ms;

    for (size_t i = 0; i < registry->window_count; i++) {
        const struct window *window = &registry->windows[i];

        if (now >= window->from_ms && now < window->until_ms) {
            return window;
        }
    }
    return NULL;
}

/* No client waits longer than this (http.h). */
#define AFTERMATH_MS 300000

bool registry_was_well(const struct registry *registry, uint64_t since_ms)
{
    if (registry->spoiled_until_ms > 0 &&
        registry->spoiled_until_ms + AFTERMATH_MS > since_ms) {
        return false;
    }
    for (size_t i = 0; i < registry->window_count; i++) {
        const struct window *window = &registry->windows[i];

        if (window->from_ms <= registry->registries->sim->now_ms &&
            window->until_ms + AFTERMATH_MS > since_ms) {
            return false;
        }
    }
    return true;
}

static enum fault fault_now(struct registry *registry)
{
    struct sim *sim = registry->registries->sim;
    const struct window *window = registry_window(registry);

    if (window != NULL &&
        (window->fault == FAULT_REFUSED || sim_chance(sim, 700))) {
        return window->fault;
    }
    if (!sim_noise(sim, NOISE_REGISTRY, 15)) {
        return FAULT_NONE;
    }
    return (enum fault)sim_pick(sim, FAULT_ERRORS, FAULT_LIES);
}

/* --- answers ----------------------------------------------------------------
 */

static void append_date(struct sim *sim, uint64_t after_ms, struct str *headers)
{
    time_t when =
        (time_t)((WALL_START_MS + (int64_t)(sim->now_ms + after_ms)) / 1000);
    struct tm tm;
    char text[64];

    gmtime_r(&when, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    str_printf(headers, "Retry-After: %s\n", text);
}

static void append_retry_after(struct sim *sim, struct reply *reply)
{
    struct str *headers = &reply->response.headers;
    unsigned seconds = (unsigned)sim_pick(sim, 1, 90);

    switch (sim_pick(sim, 0, 9)) {
    case 0:
    case 1:
    case 2:
    case 3:
        str_printf(headers, "Retry-After: %u\n", seconds);
        break;
    case 4:
    case 5:
        append_date(sim, (uint64_t)seconds * 1000, headers);
        break;
    case 6:
        str_append_text(headers, sim_chance(sim, 300) ? "Retry-After: 999999\n"
                                                      : "Retry-After: soon\n");
        break;
    default:
        break;
    }
}

static void answer_error(struct sim *sim, struct reply *reply)
{
    static const int statuses[] = {500, 502, 503, 504};

    reply_set(reply, statuses[sim_pick(sim, 0, 3)], NULL);
    if (reply->response.status == 503) {
        append_retry_after(sim, reply);
    } else if (sim_chance(sim, 300)) {
        str_append_text(&reply->response.body,
                        "<html><h1>Bad Gateway</h1></html>");
    }
}

/* Neither is an error in the form of the distribution specification. */
static void answer_in_between(struct sim *sim, struct reply *reply)
{
    static const int statuses[] = {404, 404, 400, 405, 409, 502};

    reply_set(reply, statuses[sim_pick(sim, 0, ARRAY_SIZE(statuses) - 1)],
              NULL);
    str_append_text(&reply->response.headers, "Content-Type: text/plain\n");
    str_append_text(&reply->response.body, "default backend - 404");
}

static void answer_login(struct sim *sim, struct reply *reply)
{
    reply_set(reply, 200, NULL);
    str_append_text(&reply->response.headers,
                    sim_chance(sim, 500)
                        ? "Content-Type: text/html; charset=utf-8\n"
                        : "Content-Type: text/html\nLocation: /login\n");
    str_append_text(&reply->response.body, "<html><form></form></html>");
}

/* Requests that only read are answered as usual. */
static bool answer_no_write(const struct ask *ask, struct reply *reply)
{
    if (strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0) {
        return false;
    }
    if (ask->fault == FAULT_READ_ONLY) {
        reply_set(reply, 405, "UNSUPPORTED");
    } else {
        reply->response.status = 403;
        str_append_text(&reply->response.body,
                        "{\"errors\":[{\"code\":\"DENIED\",\"message\":"
                        "\"adding 1 KiB exceeds the quota\"}]}");
    }
    return true;
}

/* Only once: a request that returns has been redirected before. */
static bool redirect(struct registry *registry, const struct ask *ask,
                     struct reply *reply)
{
    const char *query = strchr(ask->path, '?') != NULL ? "&" : "?";

    if ((strcmp(ask->method, "PUT") != 0 && strcmp(ask->method, "HEAD") != 0) ||
        strstr(ask->path, "hop=") != NULL) {
        return false;
    }
    reply_set(reply, 307, NULL);
    if (sim_chance(ask->sim, 500)) {
        str_printf(&reply->response.headers, "Location: %s%shop=here\n",
                   ask->path, query);
    } else {
        str_printf(&reply->response.headers,
                   "Location: https://" STORE "/%s%s%shop=signed\n",
                   registry->host, ask->path, query);
    }
    return true;
}

static void answer_honestly(struct registry *registry, const struct ask *ask,
                            struct reply *reply)
{
    if (strcmp(ask->url.host, "auth.model.example") == 0) {
        token_server_answer(registry->registries, ask, reply);
    } else if (registry_authorize(registry, ask, reply) &&
               (ask->fault != FAULT_REDIRECT ||
                !redirect(registry, ask, reply))) {
        registry_answer(registry, ask, reply);
    }
}

/* Returns true if the reply is complete and the registry itself was not asked.
 */
static bool answer_at_the_door(struct sim *sim, struct registry *registry,
                               const struct ask *ask, struct reply *reply)
{
    switch (ask->fault) {
    case FAULT_REFUSED:
        reply->kind = REPLY_REFUSED;
        return true;
    case FAULT_ERRORS:
        answer_error(sim, reply);
        return true;
    case FAULT_THROTTLE:
        reply_set(reply, 429, "TOOMANYREQUESTS");
        append_retry_after(sim, reply);
        return true;
    case FAULT_CUT:
        reply->kind = REPLY_RESET;
        registry_take_half(registry, ask);
        return true;
    case FAULT_HANG:
    case FAULT_RESET:
        reply->kind = ask->fault == FAULT_HANG ? REPLY_NEVER : REPLY_RESET;
        return sim_chance(sim, 500);
    case FAULT_LOST:
        reply->kind = sim_chance(sim, 500) ? REPLY_NEVER : REPLY_RESET;
        return false;
    case FAULT_SLOW:
        reply->delay_ms += sim_pick(sim, 100, 60000);
        return false;
    case FAULT_INGRESS:
        answer_in_between(sim, reply);
        return true;
    case FAULT_LOGIN:
        answer_login(sim, reply);
        return true;
    case FAULT_READ_ONLY:
    case FAULT_QUOTA:
        return answer_no_write(ask, reply);
    case FAULT_NONE:
    case FAULT_COMMITS:
    case FAULT_SESSIONS:
    case FAULT_TOKENS:
    case FAULT_REDIRECT:
    case FAULT_LIES:
    case FAULT_DENIED:
    case FAULT_RESTART:
    case FAULT_COUNT:
        break;
    }
    return false;
}

static struct registry *registry_of_host(struct registries *registries,
                                         const char *host)
{
    for (size_t i = 0; i < registries->count; i++) {
        struct registry *registry = &registries->all[i];
        size_t len = strcspn(registry->host, ":");

        if (strncmp(registry->host, host, len) == 0 &&
            (host[len] == '\0' || host[len] == ':')) {
            return registry;
        }
    }
    return NULL;
}

/* The paths of the storage begin with their registry. */
static struct registry *registry_of(struct registries *registries,
                                    struct ask *ask)
{
    struct registry *registry;

    if (strcmp(ask->url.host, "auth.model.example") == 0) {
        return registry_of_token(registries, ask);
    }
    if (strcmp(ask->url.host, "store.model.example") != 0) {
        return registry_of_host(registries, ask->url.host);
    }
    registry = registry_of_host(registries, ask->path + 1);
    if (registry != NULL) {
        ask->path += 1 + strlen(registry->host);
        ask->is_signed = true;
    }
    return registry;
}

/* Digests by their first digits: the others are of no use to a reader. */
static void trace(const struct ask *ask, const struct reply *reply)
{
    char path[256];
    size_t len = 0;
    size_t run = 0;

    for (const char *at = ask->path; *at != '\0' && len + 1 < sizeof(path);
         at++) {
        run = strchr("0123456789abcdef", *at) != NULL ? run + 1 : 0;
        if (run <= 6) {
            path[len++] = *at;
        }
    }
    path[len] = '\0';
    sim_trace(ask->sim, "%s %s%s: %s %d%s%s", ask->method, ask->url.host, path,
              reply->kind == REPLY_RESPONSE  ? "answers"
              : reply->kind == REPLY_REFUSED ? "refused"
                                             : "answer lost,",
              reply->response.status,
              ask->fault != FAULT_NONE ? ", ailing: " : "",
              ask->fault != FAULT_NONE ? fault_name(ask->fault) : "");
}

void registries_serve(struct registries *registries, struct ask *ask,
                      struct reply *reply)
{
    struct sim *sim = registries->sim;
    struct registry *registry = registry_of(registries, ask);

    sim->counts.requests++;
    registry_check_secret(registries, registry, ask);
    ask->sim = sim;
    reply->delay_ms = sim_latency(sim);
    if (registry == NULL) {
        reply->kind = REPLY_REFUSED;
    } else {
        registry->requests++;
        ask->fault = fault_now(registry);
        if (!answer_at_the_door(sim, registry, ask, reply)) {
            answer_honestly(registry, ask, reply);
        }
        registry->refusals +=
            reply->response.status == 401 || reply->response.status == 403;
        registry_echo(ask, reply);
    }
    trace(ask, reply);
}
