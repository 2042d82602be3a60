#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "admin_internal.h"
#include "waybill/alloc.h"
#include "waybill/file.h"

/*
 * libmicrohttpd in the loop: it has an epoll of its own, which the loop watches
 * as one descriptor; it is run when that is readable and when its own timeout
 * is due. No thread of its own.
 *
 * It forgets a connection that says nothing for a while, but not one that says
 * a little every second, nor one that reads an answer as slowly: so each
 * request has a deadline of our own, from the end of the one before it.
 */

#define MAX_CONNECTIONS 64
/* A browser has six, a scraper and a probe one each. So few, that it takes
 * eight addresses to keep the kubelet out, whose probe decides whether we live.
 */
#define MAX_OF_ONE_ADDRESS 8
#define SILENCE_S 10
/* Who connects has something to ask; TLS is to be shaken hands on before. */
#define FIRST_REQUEST_MS 3000
#define REQUEST_MS 10000
/* A request of a browser has a kilobyte; a token may have some. */
#define CONNECTION_MEMORY ((size_t)16 * 1024)

struct connection {
    LIST_ENTRY(connection) link;
    int fd;
    uint64_t deadline_ms;
};

/* Both are empty: no TLS. */
struct pair {
    struct str certificate;
    struct secret key;
};

struct admin {
    struct admin_options options;
    struct settings settings; /* of them `admin`, and a topic */
    struct arena *arena;
    struct answering answering;
    struct address address;
    char text[ADDRESS_TEXT];
    struct pair pair;
    struct MHD_Daemon *daemon;
    int epoll;
    LIST_HEAD(, connection) connections;
    struct timer timeout;   /* the library's */
    struct timer deadlines; /* ours */
    struct task more;
};

/* --- in the loop ------------------------------------------------------------
 */

static void run(struct admin *admin)
{
    MHD_UNSIGNED_LONG_LONG ms;

    MHD_run(admin->daemon);
    if (MHD_get_timeout(admin->daemon, &ms) != MHD_YES) {
        loop_disarm(admin->options.loop, &admin->timeout);
    } else if (ms == 0) {
        loop_defer(admin->options.loop, &admin->more);
    } else {
        loop_arm(admin->options.loop, &admin->timeout, ms);
    }
}

static void on_readable(void *payload, int fd, unsigned events)
{
    run(payload);
}

static void on_timeout(void *payload)
{
    run(payload);
}

/* One that is shut down reads as closed, and the library lets go of it. */
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
    run(admin);
}

static void extend(const struct admin *admin, struct connection *connection,
                   uint64_t ms)
{
    connection->deadline_ms = loop_now(admin->options.loop) + ms;
}

static void begin(struct admin *admin, struct MHD_Connection *from,
                  void **connection_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(from, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = mem_zalloc(sizeof(*connection));

    connection->fd = info->connect_fd;
    extend(admin, connection, FIRST_REQUEST_MS);
    LIST_INSERT_HEAD(&admin->connections, connection, link);
    *connection_context = connection;
    if (!timer_is_armed(&admin->deadlines)) {
        loop_arm(admin->options.loop, &admin->deadlines, 1000);
    }
}

static void on_connection(void *payload, struct MHD_Connection *from,
                          void **connection_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct connection *connection = *connection_context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        begin(payload, from, connection_context);
    } else if (connection != NULL) {
        LIST_REMOVE(connection, link);
        mem_free(connection);
        *connection_context = NULL;
    }
}

static void on_request_over(void *payload, struct MHD_Connection *from,
                            void **request_context,
                            enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(from, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (info != NULL && info->socket_context != NULL) {
        extend(payload, info->socket_context, REQUEST_MS);
    }
}

/* --- a request --------------------------------------------------------------
 */

static const char *header_of(struct MHD_Connection *from, const char *name)
{
    return MHD_lookup_connection_value(from, MHD_HEADER_KIND, name);
}

static bool has_body(struct MHD_Connection *from)
{
    const char *length = header_of(from, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return header_of(from, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static void append_header(struct MHD_Response *response, const char *name,
                          const char *value)
{
    if (value != NULL &&
        MHD_add_response_header(response, name, value) != MHD_YES) {
        abort(); /* ours are all well formed */
    }
}

static enum MHD_Result append_answer(const struct admin *admin,
                                     struct MHD_Connection *to,
                                     struct answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.len, answer->body.data, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    str_release(&answer->body);
    if (response == NULL) {
        return MHD_NO;
    }
    append_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    append_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    append_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                  answer->challenge);
    append_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    append_header(response, "Content-Security-Policy",
                  admin->answering.page.policy.data);
    append_header(response, "X-Content-Type-Options", "nosniff");
    append_header(response, "X-Frame-Options", "DENY");
    append_header(response, "Referrer-Policy", "no-referrer");
    append_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    result = MHD_queue_response(to, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* The first call of a request has only its headers: answered there, it would
 * cost the connection. What is refused for its body is to cost that. */
static enum MHD_Result on_request(void *payload, struct MHD_Connection *from,
                                  const char *path, const char *method,
                                  const char *version, const char *data,
                                  size_t *size, void **request_context)
{
    static char seen;
    const struct admin *admin = payload;
    const struct question question = {
        .method = method,
        .path = path,
        .authorization = header_of(from, MHD_HTTP_HEADER_AUTHORIZATION),
        .host = header_of(from, MHD_HTTP_HEADER_HOST),
        .has_body = has_body(from),
    };
    struct answer found;

    if (*request_context == NULL && !question.has_body) {
        *request_context = &seen;
        return MHD_YES;
    }
    answer(&admin->answering, &question, &found);
    return append_answer(admin, from, &found);
}

/* --- life cycle -------------------------------------------------------------
 */

static int bind_socket(struct admin *admin, int fd, const char *wanted,
                       struct error *err)
{
    struct sockaddr *socket = (struct sockaddr *)&admin->address.socket;
    int one = 1;

    /* A restart must not wait for what is left of the last one's. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, socket, admin->address.len) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, socket, &admin->address.len) < 0) {
        return error_set(err, ERROR_CONFIG, "cannot listen on %s: %s", wanted,
                         strerror(errno));
    }
    address_format(&admin->address, admin->text);
    return 0;
}

static int open_socket(struct admin *admin, const char *wanted, int *ret_fd,
                       struct error *err)
{
    int fd;

    if (address_parse(wanted, &admin->address, err) < 0) {
        return error_prefix(err, "admin.listen");
    }
    fd = socket(admin->address.socket.ss_family,
                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_set(err, ERROR_CONFIG, "cannot listen on %s: %s", wanted,
                         strerror(errno));
    }
    if (bind_socket(admin, fd, wanted, err) < 0) {
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

static void pair_release(struct pair *pair)
{
    str_release(&pair->certificate);
    secret_release(&pair->key);
}

static int read_pair(const struct admin_settings *settings,
                     struct pair *ret_pair, struct error *err)
{
    str_init(&ret_pair->certificate, LIMIT_SECRET_FILE);
    secret_init(&ret_pair->key, LIMIT_SECRET_FILE);
    if (settings->tls_key == NULL) {
        return 0;
    }
    if (read_pem(settings->tls_certificate, &ret_pair->certificate, err) < 0) {
        return error_prefix(err, "admin.tls_certificate");
    }
    if (read_pem(settings->tls_key, &ret_pair->key.text, err) < 0) {
        return error_prefix(err, "admin.tls_key");
    }
    return 0;
}

/* Takes the socket: where it fails, the library has closed it. */
static int start(struct admin *admin, int fd, const struct pair *pair,
                 struct MHD_Daemon **ret_daemon, struct error *err)
{
    bool tls = admin->options.settings->admin.tls_key != NULL;
    const struct MHD_OptionItem secured[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, pair->certificate.data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, pair->key.text.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};

    *ret_daemon = MHD_start_daemon(
        MHD_USE_EPOLL | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request,
        admin, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, MAX_OF_ONE_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, admin,
        MHD_OPTION_NOTIFY_COMPLETED, on_request_over, admin, MHD_OPTION_ARRAY,
        tls ? secured : plain, MHD_OPTION_END);
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
    run(admin);
}

/* --- a certificate that was renewed ------------------------------------------
 */

static bool pairs_equal(const struct pair *a, const struct pair *b)
{
    return bytes_equal(str_bytes(&a->certificate),
                       str_bytes(&b->certificate)) &&
           bytes_equal(str_bytes(&a->key.text), str_bytes(&b->key.text));
}

/* Of the same socket, so that nobody finds it closed. The connections of the
 * old one end: who kept one opens another. */
static void replace(struct admin *admin, struct MHD_Daemon *renewed)
{
    loop_unwatch(admin->options.loop, admin->epoll);
    close(MHD_quiesce_daemon(admin->daemon));
    MHD_stop_daemon(admin->daemon);
    admin->daemon = renewed;
    watch(admin);
}

static int show_pair(struct admin *admin, const struct pair *pair,
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
    if (start(admin, fd, pair, &renewed, err) < 0) {
        return -1;
    }
    replace(admin, renewed);
    return 0;
}

int admin_renew(struct admin *admin, bool *ret_renewed, struct error *err)
{
    CLEANUP(pair_release) struct pair pair;

    *ret_renewed = false;
    if (read_pair(&admin->options.settings->admin, &pair, err) < 0) {
        return -1;
    }
    if (pairs_equal(&pair, &admin->pair)) {
        return 0;
    }
    if (show_pair(admin, &pair, err) < 0) {
        return -1;
    }
    pair_release(&admin->pair);
    admin->pair = pair;
    pair = (struct pair){0};
    *ret_renewed = true;
    return 0;
}

/* --- beginning and end ------------------------------------------------------
 */

/* The rest may be replaced while it is open. */
static void keep_settings(struct admin *admin, const struct settings *settings)
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
    keep_settings(admin, options->settings);
    admin->answering.options = &admin->options;
    LIST_INIT(&admin->connections);
    timer_init(&admin->timeout, on_timeout, admin);
    timer_init(&admin->deadlines, on_deadlines, admin);
    task_init(&admin->more, on_timeout, admin);
    page_make(&admin->answering.page);
    return admin;
}

int admin_open(const struct admin_options *options, struct admin **ret_admin,
               struct error *err)
{
    const char *listen = options->settings->admin.listen;
    const char *wanted = listen != NULL ? listen : ADMIN_DEFAULT;
    struct admin *admin;
    int fd;

    *ret_admin = NULL;
    if (strcmp(wanted, ADMIN_OFF) == 0) {
        return 0;
    }
    admin = new_admin(options);
    if (read_pair(&admin->options.settings->admin, &admin->pair, err) < 0 ||
        open_socket(admin, wanted, &fd, err) < 0 ||
        start(admin, fd, &admin->pair, &admin->daemon, err) < 0) {
        admin_free(admin);
        return -1;
    }
    admin->answering.loopback =
        address_classify((struct sockaddr *)&admin->address.socket) ==
        ADDRESS_LOOPBACK;
    watch(admin);
    *ret_admin = admin;
    return 0;
}

const char *admin_address(const struct admin *admin)
{
    return admin->text;
}

bool admin_is_exposed(const struct admin *admin)
{
    return !admin->answering.loopback &&
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
    loop_cancel(admin->options.loop, &admin->more);
    page_release(&admin->answering.page);
    arena_wipe_and_free(admin->arena);
    pair_release(&admin->pair);
    mem_free(admin);
}

const char *admin_library_version(void)
{
    return MHD_get_version();
}
