#include "admin_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/http.h"
#include "waybill/secret.h"

static const struct http_timeouts timeouts = {2000, 5000};
/* The document of a thousand partitions and a hundred registrations takes a
 * tenth of this. */
#define MAX_RESPONSE_BYTES ((size_t)4 * 1024 * 1024)

struct admin_client {
    struct loop *loop;
    struct http *http;
    const struct admin_settings *admin;
    struct str base;
    int status; /* of the latest response; -1: none, see err */
    struct str *body;
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

static int append_base(const struct admin_settings *admin, struct str *base,
                       struct error *err)
{
    const char *listen = admin->listen != NULL ? admin->listen : ADMIN_DEFAULT;
    struct address address;
    struct host_port split;
    char text[ADDRESS_TEXT];

    if (strcmp(listen, ADMIN_OFF) == 0) {
        return error_set(err, ERROR_CONFIG,
                         "admin.listen is 'off': the service has no admin "
                         "port");
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
    str_printf(base, "%s://%s", admin->tls_key != NULL ? "https" : "http",
               text);
    return 0;
}

int admin_client_open(const struct admin_settings *admin,
                      struct admin_client **ret_client, struct error *err)
{
    CLEANUP(str_release) struct str base = STR_INIT(STR_UNLIMITED);
    struct admin_client *client;

    *ret_client = NULL;
    if (append_base(admin, &base, err) < 0) {
        return -1;
    }
    client = mem_zalloc(sizeof(*client));
    client->admin = admin;
    client->base = base;
    base = (struct str)STR_INIT(STR_UNLIMITED);
    client->loop = loop_new(clock_system());
    client->http = http_new(client->loop);
    *ret_client = client;
    return 0;
}

const char *admin_client_base(const struct admin_client *client)
{
    return client->base.data;
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct admin_client *client = payload;

    if (response != NULL) {
        client->status = response->status;
        str_append(client->body, response->body.data, response->body.len);
    } else {
        client->status = -1;
        client->err = *err;
    }
    loop_stop(client->loop);
}

/* The server certificate must be in the configured file, under any name: it
 * was issued for the name of a service, not for the loopback address. */
static void send_request(struct admin_client *client, const char *path)
{
    const struct admin_settings *admin = client->admin;
    const struct http_transport transport = {
        .ca_file = admin->tls_certificate,
        .any_name = true,
        .proxy = "",
        .certs_dir = "",
    };
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret token = SECRET_INIT(STR_UNLIMITED);
    const char *headers[] = {NULL, NULL};

    str_printf(&url, "%s%s", client->base.data, path);
    if (admin->token != NULL) {
        str_printf(&token.text, "Authorization: Bearer %s", admin->token);
        headers[0] = token.text.data;
    }
    http_start(client->http,
               &(struct http_request){
                   .method = "GET",
                   .url = url.data,
                   .headers = headers,
                   .transport = &transport,
                   .max_body = MAX_RESPONSE_BYTES,
                   .timeouts = timeouts,
               },
               on_response, client);
    loop_run(client->loop);
}

int admin_client_get(struct admin_client *client, const char *path,
                     struct str *body, struct error *err)
{
    client->body = body;
    str_clear(body);
    send_request(client, path);
    if (client->status < 0) {
        *err = client->err;
        error_prefix(err, "the service does not respond");
    }
    return client->status;
}

void admin_client_free(struct admin_client *client)
{
    if (client != NULL) {
        http_free(client->http);
        loop_free(client->loop);
        str_release(&client->base);
        mem_free(client);
    }
}
