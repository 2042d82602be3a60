#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "admin_client.h"
#include "cli_internal.h"
#include "status_text.h"
#include "waybill/error.h"

/*
 * `waybill status` queries the admin port that the configuration names. Only
 * that section of the configuration has to be valid: a service whose new
 * configuration was rejected keeps running, and this command must be able to
 * show it.
 */

static int fetch_status(struct admin_client *client, struct str *body,
                        struct json **ret_status, struct error *err)
{
    int code = admin_client_get(client, "/status", body, err);

    *ret_status = NULL;
    /* The service may have been started with another token; probes need
     * none. */
    if (code == 401 || code == 403) {
        code = admin_client_get(client, "/readyz", body, err);
    }
    if (code < 0) {
        return -1;
    }
    if (json_parse(body->data, body->len, ret_status, err) < 0 ||
        json_member(*ret_status, "ready") == NULL) {
        json_free(*ret_status);
        return error_set(err, ERROR_UNREACHABLE,
                         "the server at %s is not Waybill: its response has "
                         "the status %d",
                         admin_client_base(client), code);
    }
    return 0;
}

/* The columns of the terminal, and 80 if stdout is none */
static size_t line_width(void)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return STATUS_WIDTH;
}

static int print_status(struct admin_client *client,
                        const struct cli_args *args, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    const struct status_layout layout = {
        .width = line_width(),
        .all = args_option(args, "--all") != NULL,
    };
    struct json *status;
    bool ready;

    if (fetch_status(client, &body, &status, err) < 0) {
        return EXIT_TEMPORARY;
    }
    if (args_option(args, "--json") != NULL) {
        print_str(&body);
    } else {
        append_status_text(&text, status, &layout);
        print_str(&text);
    }
    ready = status_is_ready(status);
    json_free(status);
    return ready ? EXIT_OK : EXIT_FAILED;
}

static int run_status(const struct cli_args *args)
{
    struct settings *settings = load_settings(args, CONFIG_ADMIN_ONLY);
    struct admin_client *client;
    struct error err = {0};
    int result = EXIT_CONFIG;

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    if (admin_client_open(&settings->admin, &client, &err) == 0) {
        result = print_status(client, args, &err);
        admin_client_free(client);
    }
    if (err.kind != ERROR_NONE) {
        print_err("waybill: %s\n", err.message);
    }
    settings_free(settings);
    return result;
}

static const struct option_row options[] = {
    {"--all", NULL, "also list what is idle"},
    {"--json", NULL, "print the JSON document of /status"},
    {0},
};

const struct command status_command = {
    .name = "status",
    .summary = "Show whether the service on this machine is ready, and its "
               "status",
    .text =
        "Queries the admin port (admin.listen, with admin.token; the "
        "certificate of\nadmin.tls_certificate is the only one that is "
        "trusted). Only that section of the\nconfiguration must be valid. "
        "What needs attention comes first, and idle registrations\nare "
        "counted. The command also serves as the health check of a container: "
        "the image has\nno shell and no curl.\n",
    .examples = "  waybill status\n"
                "  waybill status --all\n"
                "  waybill status --json\n"
                "  docker exec CONTAINER /usr/bin/waybill status\n",
    .exit_statuses = "  0   the service is ready\n"
                     "  1   the service is not ready\n"
                     "  2   the command line is wrong\n"
                     "  75  the service does not respond\n"
                     "  78  the configuration is wrong, or has no admin port\n",
    .options = options,
    .run = run_status,
};
