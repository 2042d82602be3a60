#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "admin_internal.h"
#include "waybill/alloc.h"
#include "waybill/file.h"

/*
 * Runs libmicrohttpd on the event loop, without a thread of its own. The
 * library has an epoll descriptor, which the loop watches; the library runs
 * when the descriptor is readable and when its own timeout expires.
 *
 * The library closes idle connections, but not one that sends a byte every
 * second or reads a response as slowly. Therefore each request also has a
 * deadline, which starts at the end of the previous request.
 */

#define MAX_CONNECTIONS 64
/* A browser opens six connections, a scraper and a probe one each. The limit
 * is low enough that it takes eight addresses to exhaust MAX_CONNECTIONS and
 * so to keep out the kubelet, which restarts the container when its probe
 * fails. */
#define MAX_CONNECTIONS_PER_ADDRESS 8
#define IDLE_TIMEOUT_S 10
/* A client is expected to send its first request at once; the TLS handshake
 * is included. */
#define FIRST_REQUEST_MS 3000
#define REQUEST_MS 10000
/* The memory for one request. A browser sends about a kilobyte, and a bearer
 * token can be several. */
#define CONNECTION_MEMORY ((size_t)16 * 1024)

struct connection {
    LIST_ENTRY(connection) link;
    int fd;
    uint64_t deadline_ms;
};

/* Both members are empty without TLS. */
struct key_pair {
    struct str certificate;
    struct secret key;
};

struct admin {
    struct admin_options options;
    /* Copies of `admin` and of the name of the dead letter topic */
    struct settings settings;
    struct arena *arena;
    struct response_context response_context;
    struct address address;
    char address_text[ADDRESS_TEXT];
    struct key_pair key_pair;
    struct MHD_Daemon *daemon;
    int epoll;
    LIST_HEAD(, connection) connections;
    struct timer timeout;   /* of the library */
    struct timer deadlines; /* of requests */
    struct task pending_work;
};

/* --- event loop ----------------------------------------------------------- */

static void run_daemon(struct admin *admin)
{
    MHD_UNSIGNED_LONG_LONG ms;

    MHD_run(admin->daemon);
    if (MHD_get_timeout(admin->daemon, &ms) != MHD_YES) {
        loop_disarm(admin->options.loop, &admin->timeout);
    } else if (ms == 0) {
        loop_defer(admin->options.loop, &admin->pending_work);
    } else {
        loop_arm(admin->options.loop, &admin->timeout, ms);
    }
}

static void on_readable(void *payload, int fd, unsigned events)
{
    run_daemon(payload);
}

static void on_timeout(void *payload)
{
    run_daemon(payload);
}

/* shutdown() makes the library see the end of the connection and close it. */
static void on_deadlines(void *payload)
{
    struct admin *admin = payload;
    uint64_t now = loop_now(admin->options.loop);
    struct connection *connection;

    LIST_FOREACH(connection, &admin->connections, link)
    {
        if (connection->deadline_ms <= now) {
            shutdown(connection->fd, SHUT_RDWR);
        }
    }
    if (!LIST_EMPTY(&admin->connections)) {
        loop_arm(admin->options.loop, &admin->deadlines, 1000);
    }
    run_daemon(admin);
}

static void set_deadline(const struct admin *admin,
                         struct connection *connection, uint64_t ms)
{
    connection->deadline_ms = loop_now(admin->options.loop) + ms;
}

static void open_connection(struct admin *admin, struct MHD_Connection *mhd,
                            void **connection_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = mem_zalloc(sizeof(*connection));

    connection->fd = info->connect_fd;
    set_deadline(admin, connection, FIRST_REQUEST_MS);
    LIST_INSERT_HEAD(&admin->connections, connection, link);
    *connection_context = connection;
    if (!timer_is_armed(&admin->deadlines)) {
        loop_arm(admin->options.loop, &admin->deadlines, 1000);
    }
}

static void on_connection(void *payload, struct MHD_Connection *mhd,
                          void **connection_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct connection *connection = *connection_context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_connection(payload, mhd, connection_context);
    } else if (connection != NULL) {
        LIST_REMOVE(connection, link);
        mem_free(connection);
        *connection_context = NULL;
    }
}

static void on_request_completed(void *payload, struct MHD_Connection *mhd,
                                 void **request_context,
                                 enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (info != NULL && info->socket_context != NULL) {
        set_deadline(payload, info->socket_context, REQUEST_MS);
    }
}

/* --- a request ------------------------------------------------------------ */

static const char *header_of(struct MHD_Connection *mhd, const char *name)
{
    return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

static bool has_body(struct MHD_Connection *mhd)
{
    const char *length = header_of(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return header_of(mhd, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static void add_header(struct MHD_Response *response, const char *name,
                       const char *value)
{
    if (value != NULL &&
        MHD_add_response_header(response, name, value) != MHD_YES) {
        abort(); /* all names and values are constants */
    }
}

static enum MHD_Result queue_response(const struct admin *admin,
                                      struct MHD_Connection *mhd,
                                      struct admin_response *content)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        content->body.len, content->body.data, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    str_release(&content->body);
    if (response == NULL) {
        return MHD_NO;
    }
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content->type);
    add_header(response, MHD_HTTP_HEADER_ALLOW, content->allow);
    add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, content->challenge);
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    add_header(response, "Content-Security-Policy",
               admin->response_context.page.policy.data);
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "X-Frame-Options", "DENY");
    add_header(response, "Referrer-Policy", "no-referrer");
    add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    result = MHD_queue_response(mhd, content->status, response);
    MHD_destroy_response(response);
    return result;
}

/* libmicrohttpd first calls this with the headers only; a response queued
 * then closes the connection. That is wanted only for a request that is
 * rejected because of its body, which would otherwise have to be read. */
static enum MHD_Result on_request(void *payload, struct MHD_Connection *mhd,
                                  const char *path, const char *method,
                                  const char *version, const char *data,
                                  size_t *size, void **request_context)
{
    static char headers_seen;
    const struct admin *admin = payload;
    const struct admin_request request = {
        .method = method,
        .path = path,
        .authorization = header_of(mhd, MHD_HTTP_HEADER_AUTHORIZATION),
        .host = header_of(mhd, MHD_HTTP_HEADER_HOST),
        .has_body = has_body(mhd),
    };
    struct admin_response response;

    if (*request_context == NULL && !request.has_body) {
        *request_context = &headers_seen;
        return MHD_YES;
    }
    admin_respond(&admin->response_context, &request, &response);
    return queue_response(admin, mhd, &response);
}

/* --- listening ------------------------------------------------------------ */

static int bind_socket(struct admin *admin, int fd, const char *listen_address,
                       struct error *err)
{
    struct sockaddr *socket = (struct sockaddr *)&admin->address.socket;
    int enable = 1;

    /* A restart must not fail because of connections of the previous process
     * in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &enable, sizeof(enable));
    if (bind(fd, socket, admin->address.len) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, socket, &admin->address.len) < 0) {
        return error_set(err, ERROR_CONFIG, "cannot listen on %s: %s",
                         listen_address, strerror(errno));
    }
    address_format(&admin->address, admin->address_text);
    return 0;
}

static int new_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* [::] is all addresses, of IPv6 and of IPv4, whatever net.ipv6.bindv6only says
 * and also if the kernel has no IPv6: manifests use it without knowing the
 * network that they are applied to. */
static int all_addresses_socket(struct address *address)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket;
    int fd = new_socket(AF_INET6);
    int disable = 0;

    if (fd >= 0) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &disable, sizeof(disable));
    } else if (errno == EAFNOSUPPORT) {
        struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_port = v6->sin6_port};
        memcpy(&address->socket, &v4, sizeof(v4));
        address->len = sizeof(v4);
        fd = new_socket(AF_INET);
    }
    return fd;
}

static int open_socket(struct admin *admin, const char *listen_address,
                       int *ret_fd, struct error *err)
{
    struct address *address = &admin->address;
    struct sockaddr *socket = (struct sockaddr *)&address->socket;
    int fd;

    if (address_parse(listen_address, address, err) < 0) {
        return error_prefix(err, "admin.listen");
    }
    fd = socket->sa_family == AF_INET6 &&
                 address_classify(socket) == ADDRESS_UNSPECIFIED
             ? all_addresses_socket(address)
             : new_socket(socket->sa_family);
    if (fd < 0) {
        return error_set(err, ERROR_CONFIG, "cannot listen on %s: %s",
                         listen_address, strerror(errno));
    }
    if (bind_socket(admin, fd, listen_address, err) < 0) {
        close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

static int read_pem(const char *path, struct str *out, struct error *err)
{
    if (file_read(path, 0, out, NULL, err) < 0) {
        err->kind = ERROR_CONFIG;
        return error_prefix(err, "'%s' cannot be read", path);
    }
    return 0;
}

static void key_pair_release(struct key_pair *key_pair)
{
    str_release(&key_pair->certificate);
    secret_release(&key_pair->key);
}

static int read_key_pair(const struct admin_settings *settings,
                         struct key_pair *ret_key_pair, struct error *err)
{
    str_init(&ret_key_pair->certificate, LIMIT_SECRET_FILE);
    secret_init(&ret_key_pair->key, LIMIT_SECRET_FILE);
    if (settings->tls_key == NULL) {
        return 0;
    }
    if (read_pem(settings->tls_certificate, &ret_key_pair->certificate, err) <
        0) {
        return error_prefix(err, "admin.tls_certificate");
    }
    if (read_pem(settings->tls_key, &ret_key_pair->key.text, err) < 0) {
        return error_prefix(err, "admin.tls_key");
    }
    return 0;
}

/* Takes ownership of the socket: the library closes it even on failure. */
static int start(struct admin *admin, int fd, const struct key_pair *key_pair,
                 struct MHD_Daemon **ret_daemon, struct error *err)
{
    bool tls = admin->options.settings->admin.tls_key != NULL;
    const struct MHD_OptionItem secured[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, key_pair->certificate.data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key_pair->key.text.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};

    *ret_daemon = MHD_start_daemon(
        MHD_USE_EPOLL | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request,
        admin, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        MAX_CONNECTIONS_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, admin,
        MHD_OPTION_NOTIFY_COMPLETED, on_request_completed, admin,
        MHD_OPTION_ARRAY, tls ? secured : plain, MHD_OPTION_END);
    if (*ret_daemon == NULL) {
        return error_set(err, ERROR_CONFIG,
                         tls ? "admin.tls_certificate, admin.tls_key: not a "
                               "certificate and its key, in PEM"
                             : "the HTTP server does not start");
    }
    return 0;
}

static void watch(struct admin *admin)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    admin->epoll = info->epoll_fd;
    loop_watch(admin->options.loop, admin->epoll, LOOP_IN, on_readable, admin);
    run_daemon(admin);
}

/* --- certificate renewal -------------------------------------------------- */

static bool key_pairs_equal(const struct key_pair *a, const struct key_pair *b)
{
    return bytes_equal(str_bytes(&a->certificate),
                       str_bytes(&b->certificate)) &&
           bytes_equal(str_bytes(&a->key.text), str_bytes(&b->key.text));
}

/* The new daemon shares the listening socket, so that no connection attempt
 * is refused. Connections of the old daemon are closed; clients reconnect. */
static void replace_daemon(struct admin *admin, struct MHD_Daemon *renewed)
{
    loop_unwatch(admin->options.loop, admin->epoll);
    close(MHD_quiesce_daemon(admin->daemon));
    MHD_stop_daemon(admin->daemon);
    admin->daemon = renewed;
    watch(admin);
}

static int restart_daemon(struct admin *admin, const struct key_pair *key_pair,
                          struct error *err)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    int fd = fcntl(info->listen_fd, F_DUPFD_CLOEXEC, 0);
    struct MHD_Daemon *renewed;

    if (fd < 0) {
        return error_set(err, ERROR_CONFIG, "cannot listen twice: %s",
                         strerror(errno));
    }
    if (start(admin, fd, key_pair, &renewed, err) < 0) {
        return -1;
    }
    replace_daemon(admin, renewed);
    return 0;
}

int admin_reload_certificate(struct admin *admin, bool *ret_renewed,
                             struct error *err)
{
    CLEANUP(key_pair_release) struct key_pair key_pair;

    *ret_renewed = false;
    if (read_key_pair(&admin->options.settings->admin, &key_pair, err) < 0) {
        return -1;
    }
    if (key_pairs_equal(&key_pair, &admin->key_pair)) {
        return 0;
    }
    if (restart_daemon(admin, &key_pair, err) < 0) {
        return -1;
    }
    key_pair_release(&admin->key_pair);
    admin->key_pair = key_pair;
    key_pair = (struct key_pair){0};
    *ret_renewed = true;
    return 0;
}

/* --- life cycle ----------------------------------------------------------- */

/* Copies what is needed: a reload frees the settings while the port is open. */
static void copy_settings(struct admin *admin, const struct settings *settings)
{
    const struct admin_settings *own = &settings->admin;

    admin->settings.admin = (struct admin_settings){
        .listen = arena_strdup(admin->arena, own->listen),
        .token = arena_strdup(admin->arena, own->token),
        .tls_certificate = arena_strdup(admin->arena, own->tls_certificate),
        .tls_key = arena_strdup(admin->arena, own->tls_key),
    };
    admin->settings.kafka.topics.dead_letters =
        arena_strdup(admin->arena, settings->kafka.topics.dead_letters);
    admin->options.settings = &admin->settings;
}

static struct admin *new_admin(const struct admin_options *options)
{
    struct admin *admin = mem_zalloc(sizeof(*admin));

    admin->options = *options;
    admin->arena = arena_new();
    copy_settings(admin, options->settings);
    admin->response_context.options = &admin->options;
    LIST_INIT(&admin->connections);
    timer_init(&admin->timeout, on_timeout, admin);
    timer_init(&admin->deadlines, on_deadlines, admin);
    task_init(&admin->pending_work, on_timeout, admin);
    page_make(&admin->response_context.page);
    return admin;
}

int admin_open(const struct admin_options *options, struct admin **ret_admin,
               struct error *err)
{
    const char *listen = options->settings->admin.listen;
    const char *listen_address = listen != NULL ? listen : ADMIN_DEFAULT;
    struct admin *admin;
    int fd;

    *ret_admin = NULL;
    if (strcmp(listen_address, ADMIN_OFF) == 0) {
        return 0;
    }
    admin = new_admin(options);
    if (read_key_pair(&admin->options.settings->admin, &admin->key_pair, err) <
            0 ||
        open_socket(admin, listen_address, &fd, err) < 0 ||
        start(admin, fd, &admin->key_pair, &admin->daemon, err) < 0) {
        admin_free(admin);
        return -1;
    }
    admin->response_context.loopback =
        address_classify((struct sockaddr *)&admin->address.socket) ==
        ADDRESS_LOOPBACK;
    watch(admin);
    *ret_admin = admin;
    return 0;
}

const char *admin_address(const struct admin *admin)
{
    return admin->address_text;
}

bool admin_is_exposed(const struct admin *admin)
{
    return !admin->response_context.loopback &&
           admin->options.settings->admin.token == NULL;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL) {
        return;
    }
    if (admin->daemon != NULL) {
        loop_unwatch(admin->options.loop, admin->epoll);
        MHD_stop_daemon(admin->daemon);
    }
    loop_disarm(admin->options.loop, &admin->timeout);
    loop_disarm(admin->options.loop, &admin->deadlines);
    loop_cancel(admin->options.loop, &admin->pending_work);
    page_release(&admin->response_context.page);
    arena_wipe_and_free(admin->arena);
    key_pair_release(&admin->key_pair);
    mem_free(admin);
}

const char *admin_library_version(void)
{
    return MHD_get_version();
}
