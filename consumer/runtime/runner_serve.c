#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner_internal.h"
#include "waybill/alloc.h"
#include "waybill/secret.h"

/*
 * The runner process: an event loop of its own, and subprocess.c unchanged. The
 * client may have been compromised, so requests are validated like external
 * input, and the list of programs is the one from before the sandbox was
 * closed.
 */

/* A service runs at most one helper per registration, and all at once only at
 * startup or when the configuration is reloaded. Each takes three descriptors.
 */
#define MAX_JOBS 256

struct job {
    struct server *server;
    uint64_t id;
    struct subprocess *subprocess;
    TAILQ_ENTRY(job) link;
};

struct server {
    struct loop *loop;
    int fd;
    const struct access_entry *programs;
    size_t count;
    TAILQ_HEAD(, job) jobs;
};

/* --- responses --------------------------------------------------------------
 */

/* Blocks while the client has not read earlier responses; the runner has no
 * other work. */
static void send_response(const struct server *server,
                          const struct runner_response *head,
                          const struct str *output, const struct str *errors)
{
    CLEANUP(secret_release)
    struct secret text = SECRET_INIT(RUNNER_MAX_RESPONSE);

    str_append(&text.text, (const char *)head, sizeof(*head));
    str_append(&text.text, output->data, output->len);
    str_append(&text.text, errors->data, errors->len);
    while (send(server->fd, text.text.data, text.text.len, MSG_NOSIGNAL) < 0 &&
           errno == EINTR) {
    }
}

static void send_error(const struct server *server, uint64_t id,
                       const struct error *err)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);
    const struct str empty = STR_INIT(0);
    struct runner_response head = {.id = id, .kind = (int32_t)err->kind};

    str_append_text(&message, err->message);
    head.output = message.len;
    send_response(server, &head, &message, &empty);
}

static void on_done(void *payload, const struct subprocess_result *result,
                    const struct error *err)
{
    struct job *job = payload;

    if (err != NULL) {
        send_error(job->server, job->id, err);
    } else {
        const struct runner_response head = {.id = job->id,
                                             .exit_code = result->exit_code,
                                             .output = result->output.len};

        send_response(job->server, &head, &result->output, &result->errors);
    }
    TAILQ_REMOVE(&job->server->jobs, job, link);
    job->server->count--;
    mem_free(job);
}

/* --- requests ---------------------------------------------------------------
 */

static void cancel(struct server *server, struct job *job)
{
    subprocess_cancel(job->subprocess);
    TAILQ_REMOVE(&server->jobs, job, link);
    server->count--;
    mem_free(job);
}

static void cancel_by_id(struct server *server, uint64_t id)
{
    struct job *job;

    TAILQ_FOREACH(job, &server->jobs, link)
    {
        if (job->id == id) {
            cancel(server, job);
            return;
        }
    }
}

static int check(const struct server *server, const char *const *argv,
                 struct error *err)
{
    if (!access_has_command(server->programs, argv)) {
        return error_set(
            err, ERROR_CONFIG,
            "'%s' is not among the programs that the configuration named when "
            "waybill started: restart waybill",
            argv[0]);
    }
    if (server->count >= MAX_JOBS) {
        return error_set(err, ERROR_INTERRUPTED,
                         "too many credential helpers at a time");
    }
    return 0;
}

static void run(struct server *server, const struct runner_request *request,
                const char *const *argv, const char *input)
{
    size_t max = request->max_output < LIMIT_HELPER_OUTPUT
                     ? (size_t)request->max_output
                     : LIMIT_HELPER_OUTPUT;
    struct error err;
    struct job *job;

    if (check(server, argv, &err) < 0) {
        send_error(server, request->id, &err);
        return;
    }
    job = mem_zalloc(sizeof(*job));
    job->server = server;
    job->id = request->id;
    TAILQ_INSERT_TAIL(&server->jobs, job, link);
    server->count++;
    job->subprocess = subprocess_start(
        server->loop,
        &(struct subprocess_request){argv, input, max, request->timeout_ms},
        on_done, job);
}

/* Returns the next NUL-terminated text of the message, or NULL if the message
 * ends before its NUL. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = memchr(text, '\0', (size_t)(end - text));

    if (nul == NULL) {
        return NULL;
    }
    *at = nul + 1;
    return text;
}

static void read_request(struct server *server, const char *data, size_t len)
{
    const char *argv[RUNNER_MAX_ARGS + 1] = {NULL};
    const char *end = data + len;
    const char *input = NULL;
    struct runner_request request;

    if (len < sizeof(request)) {
        return;
    }
    memcpy(&request, data, sizeof(request));
    data += sizeof(request);
    if (request.argc == 0) {
        cancel_by_id(server, request.id);
        return;
    }
    for (size_t i = 0; i < request.argc; i++) {
        if (i >= RUNNER_MAX_ARGS || (argv[i] = take_text(&data, end)) == NULL) {
            return;
        }
    }
    if (request.has_input && (input = take_text(&data, end)) == NULL) {
        return;
    }
    run(server, &request, argv, input);
}

/* The service has exited, in whatever way. Its programs are killed. */
static noreturn void exit_runner(struct server *server)
{
    struct job *job;

    while ((job = TAILQ_FIRST(&server->jobs)) != NULL) {
        cancel(server, job);
    }
    _exit(0);
}

static void on_readable(void *payload, int fd, unsigned events)
{
    struct server *server = payload;
    char buffer[RUNNER_MAX_REQUEST];
    ssize_t received = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

    (void)events;
    if (received > 0) {
        read_request(server, buffer, (size_t)received);
        explicit_bzero(buffer, (size_t)received);
    } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
        exit_runner(server);
    }
}

/* --- the process ------------------------------------------------------------
 */

/* Kernels before 5.9, and seccomp profiles of that time, have no close_range().
 */
static void close_all_but(int fd)
{
    int max = (int)sysconf(_SC_OPEN_MAX);

    if ((fd == 3 || syscall(SYS_close_range, 3U, (unsigned)fd - 1, 0) == 0) &&
        syscall(SYS_close_range, (unsigned)fd + 1, ~0U, 0) == 0) {
        return;
    }
    for (int i = 3; i < max; i++) {
        if (i != fd) {
            close(i);
        }
    }
}

/* Terminals and systemd signal the whole group: the runner ignores this and
 * exits when the service does. It keeps a single descriptor, so that nobody
 * waits for the end of its output. */
static void detach(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    prctl(PR_SET_NAME, "waybill-runner");
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 3 && null >= 0; i++) {
        dup2(null, i);
    }
    close_all_but(fd);
}

noreturn void runner_serve(int fd, const struct access_entry *programs)
{
    struct server server = {.fd = fd, .programs = programs};

    detach(fd);
    TAILQ_INIT(&server.jobs);
    server.loop = loop_new(clock_system());
    loop_watch(server.loop, fd, LOOP_IN, on_readable, &server);
    loop_run(server.loop);
    exit_runner(&server);
}
