#include <string.h>
#include <strings.h>

#include "admin_internal.h"
#include "waybill/address.h"
#include "waybill/secret.h"

/*
 * One question, one answer. Only GET and HEAD, no bodies, five paths.
 *
 * Probes are open to whoever reaches the port, and so is the page, which holds
 * nothing by itself; the rest wants the token, if there is one. Without one, a
 * page of somebody else's in the browser of an operator could read what a port
 * on the loopback says, under a name that it makes point there (DNS rebinding):
 * so there a request has to name the machine itself.
 */

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";
static const char html_type[] = "text/html; charset=utf-8";
static const char metrics_type[] = "text/plain; version=0.0.4; charset=utf-8";

static void say(struct answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->type = text_type;
    str_clear(&answer->body);
    str_printf(&answer->body, "%s\n", text);
}

/* --- the paths --------------------------------------------------------------
 */

static void answer_livez(const struct answering *from,
                         const struct status *status, struct answer *answer)
{
    answer->type = json_type;
    str_append_text(&answer->body, "{\"alive\":true}\n");
}

static void answer_readyz(const struct answering *from,
                          const struct status *status, struct answer *answer)
{
    answer->status = status->reason_count > 0 ? 503 : 200;
    answer->type = json_type;
    append_readiness_json(&answer->body, status);
}

static void answer_metrics(const struct answering *from,
                           const struct status *status, struct answer *answer)
{
    answer->type = metrics_type;
    append_metrics(&answer->body, status, from->options);
}

static void answer_status(const struct answering *from,
                          const struct status *status, struct answer *answer)
{
    answer->type = json_type;
    append_status_json(&answer->body, status, from->options);
}

static void answer_page(const struct answering *from,
                        const struct status *status, struct answer *answer)
{
    answer->type = html_type;
    str_append(&answer->body, from->page.html.data, from->page.html.len);
}

static const struct route {
    const char *path;
    bool guarded;
    bool looks; /* at the service */
    void (*put)(const struct answering *from, const struct status *status,
                struct answer *answer);
} routes[] = {
    {"/", false, false, answer_page},
    {"/livez", false, false, answer_livez},
    {"/metrics", true, true, answer_metrics},
    {"/readyz", false, true, answer_readyz},
    {"/status", true, true, answer_status},
};

static const struct route *route_of(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (strcmp(routes[i].path, path) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

/* --- who may ask ------------------------------------------------------------
 */

static bool has_token(const struct question *question, const char *token)
{
    static const char scheme[] = "Bearer ";
    const char *given = question->authorization;

    return given != NULL &&
           strncasecmp(given, scheme, sizeof(scheme) - 1) == 0 &&
           secrets_equal(given + sizeof(scheme) - 1, token);
}

/* Only a name can be made to point elsewhere. */
static bool names_this_machine(const char *host)
{
    struct host_port split;

    return host_port_split(host, &split) &&
           (host_is_address(split.host) ||
            host_classify(split.host) == ADDRESS_LOOPBACK);
}

static bool may_ask(const struct answering *from, const struct route *route,
                    const struct question *question, struct answer *answer)
{
    const char *token = from->options->settings->admin.token;

    if (!route->guarded) {
        return true;
    }
    if (token != NULL && !has_token(question, token)) {
        say(answer, 401,
            "wants the token of admin.token: Authorization: "
            "Bearer TOKEN");
        answer->challenge = "Bearer realm=\"waybill\"";
        return false;
    }
    if (token == NULL && from->loopback && question->host != NULL &&
        !names_this_machine(question->host)) {
        say(answer, 403,
            "asked for by a name that is not this machine's own: "
            "use localhost or an address, or set admin.token");
        return false;
    }
    return true;
}

static bool is_well_asked(const struct question *question,
                          struct answer *answer)
{
    if (strcmp(question->method, "GET") != 0 &&
        strcmp(question->method, "HEAD") != 0) {
        say(answer, 405, "only GET and HEAD");
        answer->allow = "GET, HEAD";
        return false;
    }
    if (question->has_body) {
        say(answer, 413, "a request has no body here");
        return false;
    }
    return true;
}

void answer(const struct answering *from, const struct question *question,
            struct answer *ret_answer)
{
    const struct route *route = route_of(question->path);
    struct arena *arena;
    struct status status;

    *ret_answer =
        (struct answer){.status = 200, .body = STR_INIT(STR_UNLIMITED)};
    if (!is_well_asked(question, ret_answer)) {
        return;
    }
    if (route == NULL) {
        say(ret_answer, 404, "only /, /livez, /readyz, /metrics and /status");
        return;
    }
    if (!may_ask(from, route, question, ret_answer)) {
        return;
    }
    arena = arena_new();
    if (route->looks) {
        from->options->look(from->options->payload, arena, &status);
    }
    route->put(from, &status, ret_answer);
    arena_free(arena);
}
