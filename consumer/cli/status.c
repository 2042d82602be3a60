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
 * `waybill status`: asks the admin port that the configuration names. Not the
 * whole configuration has to be right for it: with one that was refused, the
 * service goes on, and that is what it is asked about.
 */

static const struct http_timeouts timeouts = {2000, 5000};
/* A thousand partitions and a hundred registrations are a tenth of it. */
#define MAX_STATUS ((size_t)4 * 1024 * 1024)

struct asking {
    struct loop *loop;
    struct http *http;
    const struct admin_settings *admin;
    struct str base; /* "http://127.0.0.1:9464" */
    int status;      /* 0: no answer, and err */
    struct str body;
    struct error err;
};

/* Who listens everywhere does so on the loopback, too. */
static void name_loopback(struct address *address)
{
    struct sockaddr *any = (struct sockaddr *)&address->socket;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket;

    if (address_classify(any) != ADDRESS_UNSPECIFIED) {
        return;
    }
    if (any->sa_family == AF_INET) {
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        v6->sin6_addr = in6addr_loopback;
    }
}

static int find_port(struct asking *asking, struct error *err)
{
    const struct admin_settings *admin = asking->admin;
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
    name_loopback(&address);
    address_format(&address, text);
    if (host_port_split(text, &split) && split.port == 0) {
        return error_set(err, ERROR_CONFIG,
                         "admin.listen leaves the port to the system: set "
                         "WAYBILL_ADMIN_LISTEN to the address of the log line "
                         "'listening'");
    }
    str_printf(&asking->base, "%s://%s",
               admin->tls_key != NULL ? "https" : "http", text);
    return 0;
}

static void on_answer(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct asking *asking = payload;

    str_clear(&asking->body);
    if (response != NULL) {
        asking->status = response->status;
        str_append(&asking->body, response->body.data, response->body.len);
    } else {
        asking->status = 0;
        asking->err = *err;
    }
    loop_stop(asking->loop);
}

/* What it shows has to be in the file that it was given, under whatever name:
 * it was issued for that of a service, not for the loopback. */
static void ask(struct asking *asking, const char *path)
{
    const struct admin_settings *admin = asking->admin;
    const struct http_transport transport = {
        .ca_file = admin->tls_certificate,
        .any_name = true,
        .proxy = "",
        .certs_dir = "",
    };
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret token = SECRET_INIT(STR_UNLIMITED);
    const char *headers[] = {NULL, NULL};

    str_printf(&url, "%s%s", asking->base.data, path);
    if (admin->token != NULL) {
        str_printf(&token.text, "Authorization: Bearer %s", admin->token);
        headers[0] = token.text.data;
    }
    http_start(asking->http,
               &(struct http_request){
                   .method = "GET",
                   .url = url.data,
                   .headers = headers,
                   .transport = &transport,
                   .max_body = MAX_STATUS,
                   .timeouts = timeouts,
               },
               on_answer, asking);
    loop_run(asking->loop);
}

static int read_answer(struct asking *asking, struct json **ret_status,
                       struct error *err)
{
    *ret_status = NULL;
    ask(asking, "/status");
    /* It may have been started with another token; probes want none. */
    if (asking->status == 401 || asking->status == 403) {
        ask(asking, "/readyz");
    }
    if (asking->status == 0) {
        *err = asking->err;
        return error_prefix(err, "nobody answers");
    }
    if (json_parse(asking->body.data, asking->body.len, ret_status, err) < 0 ||
        json_member(*ret_status, "ready") == NULL) {
        json_free(*ret_status);
        return error_set(err, ERROR_UNREACHABLE,
                         "%s is not Waybill's: it answers %d",
                         asking->base.data, asking->status);
    }
    return 0;
}

static int say(struct asking *asking, bool as_json, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json *status;
    bool ready;

    if (find_port(asking, err) < 0) {
        return EXIT_CONFIG;
    }
    if (read_answer(asking, &status, err) < 0) {
        return EXIT_TEMPORARY;
    }
    if (as_json) {
        print_str(&asking->body);
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
    struct settings *settings = load_settings(args, CONFIG_ADMIN_ALONE);
    struct asking asking = {.base = STR_INIT(STR_UNLIMITED),
                            .body = STR_INIT(STR_UNLIMITED)};
    struct error err = {0};
    int result;

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    asking.admin = &settings->admin;
    asking.loop = loop_new(clock_system());
    asking.http = http_new(asking.loop);
    result = say(&asking, args_option(args, "--json") != NULL, &err);
    if (err.kind != ERROR_NONE) {
        fprintf(stderr, "waybill: %s\n", err.message);
    }
    http_free(asking.http);
    loop_free(asking.loop);
    str_release(&asking.base);
    str_release(&asking.body);
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
    .exits = "  0   it is ready\n"
             "  1   it is not ready\n"
             "  2   the command line is wrong\n"
             "  75  nobody answers\n"
             "  78  the configuration is wrong, or has no admin port\n",
    .options = options,
    .run = run_status,
};
