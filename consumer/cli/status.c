#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "status_text.h"
#include "waybill/address.h"
#include "waybill/error.h"
#include "waybill/http.h"
#include "waybill/secret.h"

/*
 * `waybill status` queries the admin port that the configuration names. Only
 * that section of the configuration has to be valid: a service whose new
 * configuration was rejected keeps running, and this command must be able to
 * show it.
 */

static const struct http_timeouts timeouts = {2000, 5000};
/* The document of a thousand partitions and a hundred registrations takes a
 * tenth of this. */
#define MAX_STATUS_BYTES ((size_t)4 * 1024 * 1024)

struct status_query {
    struct loop *loop;
    struct http *http;
    const struct admin_settings *admin;
    struct str base; /* "http://127.0.0.1:9464" */
    int status;      /* 0: no response, see err */
    struct str body;
    struct error err;
};

/* A service that listens on all addresses also listens on 127.0.0.1, whether
 * they are those of IPv4 or [::]. ::1 does not exist on every machine. */
static void replace_unspecified(struct address *address)
{
    struct sockaddr *any = (struct sockaddr *)&address->socket;
    /* The port is in the same place for both families. */
    in_port_t port = ((struct sockaddr_in *)&address->socket)->sin_port;
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_port = port};

    if (address_classify(any) == ADDRESS_UNSPECIFIED) {
        loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        memcpy(&address->socket, &loopback, sizeof(loopback));
        address->len = sizeof(loopback);
    }
}

static int set_base_url(struct status_query *query, struct error *err)
{
    const struct admin_settings *admin = query->admin;
    const char *listen = admin->listen != NULL ? admin->listen : ADMIN_DEFAULT;
    struct address address;
    struct host_port split;
    char text[ADDRESS_TEXT];

    if (strcmp(listen, ADMIN_OFF) == 0) {
        return error_set(err, ERROR_CONFIG,
                         "admin.listen is 'off': there is nobody to ask");
    }
    if (address_parse(listen, &address, err) < 0) {
        return error_prefix(err, "admin.listen");
    }
    replace_unspecified(&address);
    address_format(&address, text);
    if (host_port_split(text, &split) && split.port == 0) {
        return error_set(err, ERROR_CONFIG,
                         "admin.listen leaves the port to the system: set "
                         "WAYBILL_ADMIN_LISTEN to the address of the log line "
                         "'listening'");
    }
    str_printf(&query->base, "%s://%s",
               admin->tls_key != NULL ? "https" : "http", text);
    return 0;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct status_query *query = payload;

    str_clear(&query->body);
    if (response != NULL) {
        query->status = response->status;
        str_append(&query->body, response->body.data, response->body.len);
    } else {
        query->status = 0;
        query->err = *err;
    }
    loop_stop(query->loop);
}

/* The server certificate must be in the configured file, under any name: it
 * was issued for the name of a service, not for the loopback address. */
static void send_request(struct status_query *query, const char *path)
{
    const struct admin_settings *admin = query->admin;
    const struct http_transport transport = {
        .ca_file = admin->tls_certificate,
        .any_name = true,
        .proxy = "",
        .certs_dir = "",
    };
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret token = SECRET_INIT(STR_UNLIMITED);
    const char *headers[] = {NULL, NULL};

    str_printf(&url, "%s%s", query->base.data, path);
    if (admin->token != NULL) {
        str_printf(&token.text, "Authorization: Bearer %s", admin->token);
        headers[0] = token.text.data;
    }
    http_start(query->http,
               &(struct http_request){
                   .method = "GET",
                   .url = url.data,
                   .headers = headers,
                   .transport = &transport,
                   .max_body = MAX_STATUS_BYTES,
                   .timeouts = timeouts,
               },
               on_response, query);
    loop_run(query->loop);
}

static int fetch_status(struct status_query *query, struct json **ret_status,
                        struct error *err)
{
    *ret_status = NULL;
    send_request(query, "/status");
    /* The service may have been started with another token; probes need
     * none. */
    if (query->status == 401 || query->status == 403) {
        send_request(query, "/readyz");
    }
    if (query->status == 0) {
        *err = query->err;
        return error_prefix(err, "nobody answers");
    }
    if (json_parse(query->body.data, query->body.len, ret_status, err) < 0 ||
        json_member(*ret_status, "ready") == NULL) {
        json_free(*ret_status);
        return error_set(err, ERROR_UNREACHABLE,
                         "%s is not Waybill's: it answers %d", query->base.data,
                         query->status);
    }
    return 0;
}

static int print_status(struct status_query *query, bool as_json,
                        struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json *status;
    bool ready;

    if (set_base_url(query, err) < 0) {
        return EXIT_CONFIG;
    }
    if (fetch_status(query, &status, err) < 0) {
        return EXIT_TEMPORARY;
    }
    if (as_json) {
        print_str(&query->body);
    } else {
        append_status_text(&text, status);
        print_str(&text);
    }
    ready = status_is_ready(status);
    json_free(status);
    return ready ? EXIT_OK : EXIT_FAILED;
}

static int run_status(const struct cli_args *args)
{
    struct settings *settings = load_settings(args, CONFIG_ADMIN_ONLY);
    struct status_query query = {.base = STR_INIT(STR_UNLIMITED),
                                 .body = STR_INIT(STR_UNLIMITED)};
    struct error err = {0};
    int result;

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    query.admin = &settings->admin;
    query.loop = loop_new(clock_system());
    query.http = http_new(query.loop);
    result = print_status(&query, args_option(args, "--json") != NULL, &err);
    if (err.kind != ERROR_NONE) {
        print_err("waybill: %s\n", err.message);
    }
    http_free(query.http);
    loop_free(query.loop);
    str_release(&query.base);
    str_release(&query.body);
    settings_free(settings);
    return result;
}

static const struct option_row options[] = {
    {"--json", NULL, "print JSON: what /status says"},
    {0},
};

const struct command status_command = {
    .name = "status",
    .summary = "Ask the service on this machine whether it is ready, and how "
               "it does",
    .text =
        "Asks the admin port (admin.listen, with admin.token, and with the "
        "certificate of\nadmin.tls_certificate as the only one to trust). Of "
        "the configuration only that section\nhas to be right. A health check "
        "for containers: the image has no shell and no curl.\n",
    .examples = "  waybill status\n"
                "  waybill status --json\n"
                "  docker exec CONTAINER /usr/bin/waybill status\n",
    .exit_statuses = "  0   it is ready\n"
                     "  1   it is not ready\n"
                     "  2   the command line is wrong\n"
                     "  75  nobody answers\n"
                     "  78  the configuration is wrong, or has no admin port\n",
    .options = options,
    .run = run_status,
};
