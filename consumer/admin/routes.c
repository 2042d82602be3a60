#include <string.h>
#include <strings.h>

#include "admin_internal.h"
#include "waybill/address.h"
#include "waybill/secret.h"

/*
 * Maps a request to a response. There are six paths; the methods are GET and
 * HEAD, and requests must not have a body.
 *
 * The probes are open to any client that can reach the port, and so is the
 * page, which contains no data. The other paths require the token if one is
 * set. Without a token, a website in the browser of an operator could read a
 * port on the loopback address through a host name that it makes resolve to
 * 127.0.0.1 (DNS rebinding). Therefore the Host header must then be an IP
 * address or localhost.
 */

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";
static const char html_type[] = "text/html; charset=utf-8";
static const char metrics_type[] = "text/plain; version=0.0.4; charset=utf-8";

static void set_text(struct admin_response *response, unsigned status,
                     const char *text)
{
    response->status = status;
    response->type = text_type;
    str_clear(&response->body);
    str_printf(&response->body, "%s\n", text);
}

/* --- the paths ------------------------------------------------------------ */

static void append_livez(const struct response_context *context,
                         const struct admin_request *request,
                         const struct status *status,
                         struct admin_response *response)
{
    response->type = json_type;
    str_append_text(&response->body, "{\"alive\":true}\n");
}

static void append_readyz(const struct response_context *context,
                          const struct admin_request *request,
                          const struct status *status,
                          struct admin_response *response)
{
    response->status = status->reason_count > 0 ? 503 : 200;
    response->type = json_type;
    append_readiness_json(&response->body, status);
}

static void append_metrics_body(const struct response_context *context,
                                const struct admin_request *request,
                                const struct status *status,
                                struct admin_response *response)
{
    response->type = metrics_type;
    append_metrics(&response->body, status, context->options);
}

static void append_status(const struct response_context *context,
                          const struct admin_request *request,
                          const struct status *status,
                          struct admin_response *response)
{
    response->type = json_type;
    append_status_json(&response->body, status, context->options);
}

static void append_page(const struct response_context *context,
                        const struct admin_request *request,
                        const struct status *status,
                        struct admin_response *response)
{
    response->type = html_type;
    str_append(&response->body, context->page.html.data,
               context->page.html.len);
}

#define RECORDS "/records/"

static void append_record(const struct response_context *context,
                          const struct admin_request *request,
                          const struct status *status,
                          struct admin_response *response)
{
    const char *name = request->path + strlen(RECORDS);
    const struct admin_options *options = context->options;
    struct arena *arena = arena_new();
    struct status_deliveries deliveries;
    struct position position;

    if (!position_parse(name, arena, &position) || position.topic == NULL) {
        set_text(response, 404,
                 "the path of a record is /records/TOPIC/PARTITION/OFFSET");
    } else {
        options->get_deliveries(options->payload, &position, arena,
                                &deliveries);
        response->type = json_type;
        append_deliveries_json(&response->body, &deliveries);
    }
    arena_free(arena);
}

static const struct route {
    const char *path;
    bool is_protected;
    bool reads_status; /* reads the status of the service */
    void (*append_body)(const struct response_context *context,
                        const struct admin_request *request,
                        const struct status *status,
                        struct admin_response *response);
} routes[] = {
    {"/", false, false, append_page},
    {"/livez", false, false, append_livez},
    {"/metrics", true, true, append_metrics_body},
    {"/readyz", false, true, append_readyz},
    {RECORDS, true, false, append_record}, /* and any path below it */
    {"/status", true, true, append_status},
};

static const struct route *route_of(const char *path)
{

    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        const struct route *route = &routes[i];

        if (strcmp(route->path, path) == 0 ||
            (route->append_body == append_record &&
             strncmp(route->path, path, strlen(route->path)) == 0)) {
            return route;
        }
    }
    return NULL;
}

/* --- access control ------------------------------------------------------- */

static bool has_token(const struct admin_request *request, const char *token)
{
    static const char scheme[] = "Bearer ";
    const char *given = request->authorization;

    return given != NULL &&
           strncasecmp(given, scheme, sizeof(scheme) - 1) == 0 &&
           text_equal_constant_time(given + sizeof(scheme) - 1, token);
}

/* An address is accepted, too: DNS rebinding needs a name. */
static bool host_is_local(const char *host)
{
    struct host_port split;

    return host_port_split(host, &split) &&
           (host_is_address(split.host) ||
            host_classify(split.host) == ADDRESS_LOOPBACK);
}

static bool is_authorized(const struct response_context *context,
                          const struct route *route,
                          const struct admin_request *request,
                          struct admin_response *response)
{
    const char *token = context->options->settings->admin.token;

    if (!route->is_protected) {
        return true;
    }
    if (token != NULL && !has_token(request, token)) {
        set_text(response, 401,
                 "the token of admin.token is required: Authorization: Bearer "
                 "TOKEN");
        response->challenge = "Bearer realm=\"waybill\"";
        return false;
    }
    if (token == NULL && context->loopback && request->host != NULL &&
        !host_is_local(request->host)) {
        set_text(response, 403,
                 "the request names a host other than localhost: use localhost "
                 "or an address, or set admin.token");
        return false;
    }
    return true;
}

static bool is_supported_request(const struct admin_request *request,
                                 struct admin_response *response)
{
    if (strcmp(request->method, "GET") != 0 &&
        strcmp(request->method, "HEAD") != 0) {
        set_text(response, 405, "only GET and HEAD are supported");
        response->allow = "GET, HEAD";
        return false;
    }
    if (request->has_body) {
        set_text(response, 413, "a request must not have a body");
        return false;
    }
    return true;
}

void admin_respond(const struct response_context *context,
                   const struct admin_request *request,
                   struct admin_response *ret_response)
{
    const struct route *route = route_of(request->path);
    struct arena *arena;
    struct status status;

    *ret_response =
        (struct admin_response){.status = 200, .body = STR_INIT(STR_UNLIMITED)};
    if (!is_supported_request(request, ret_response)) {
        return;
    }
    if (route == NULL) {
        set_text(ret_response, 404,
                 "the paths are /, /livez, /readyz, /metrics, /status and "
                 "/records/TOPIC/PARTITION/OFFSET");
        return;
    }
    if (!is_authorized(context, route, request, ret_response)) {
        return;
    }
    arena = arena_new();
    if (route->reads_status) {
        context->options->get_status(context->options->payload, arena, &status);
    }
    route->append_body(context, request, &status, ret_response);
    arena_free(arena);
}
