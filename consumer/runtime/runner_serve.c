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
 * The runner: a loop of its own, and subprocess.c as it is. Whoever asks may be
 * somebody who has broken into the service: what comes in is looked at as if
 * from outside, and the list of programs is the one of the beginning.
 */

/* A service asks for as many as it has registrations, and all at once only when
 * it starts, or takes another configuration. Each costs three descriptors. */
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

/* --- answers ----------------------------------------------------------------
 */

/* Blocks while the service has not read the last ones: it has nothing better
 * to do. */
static void answer(const struct server *server,
                   const struct runner_answer *head, const struct str *output,
                   const struct str *errors)
{
    CLEANUP(secret_release)
    struct secret text = SECRET_INIT(RUNNER_MAX_ANSWER);

    str_append(&text.text, (const char *)head, sizeof(*head));
    str_append(&text.text, output->data, output->len);
    str_append(&text.text, errors->data, errors->len);
    while (send(server->fd, text.text.data, text.text.len, MSG_NOSIGNAL) < 0 &&
           errno == EINTR) {
    }
}

static void refuse(const struct server *server, uint64_t id,
                   const struct error *err)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);
    const struct str nothing = STR_INIT(0);
    struct runner_answer head = {.id = id, .kind = (int32_t)err->kind};

    str_append_text(&message, err->message);
    head.output = message.len;
    answer(server, &head, &message, &nothing);
}

static void on_done(void *payload, const struct subprocess_result *result,
                    const struct error *err)
{
    struct job *job = payload;

    if (err != NULL) {
        refuse(job->server, job->id, err);
    } else {
        const struct runner_answer head = {.id = job->id,
                                           .exit_code = result->exit_code,
                                           .output = result->output.len};

        answer(job->server, &head, &result->output, &result->errors);
    }
    TAILQ_REMOVE(&job->server->jobs, job, link);
    job->server->count--;
    mem_free(job);
}

/* --- orders -----------------------------------------------------------------
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
        return error_set(err, ERROR_CONFIG,
                         "'%s' is none of the programs that the configuration "
                         "named when waybill started: restart waybill",
                         argv[0]);
    }
    if (server->count >= MAX_JOBS) {
        return error_set(err, ERROR_INTERRUPTED,
                         "too many credential helpers at a time");
    }
    return 0;
}

static void run(struct server *server, const struct runner_order *order,
                const char *const *argv, const char *input)
{
    size_t max = order->max_output < LIMIT_HELPER_OUTPUT
                     ? (size_t)order->max_output
                     : LIMIT_HELPER_OUTPUT;
    struct error err;
    struct job *job;

    if (check(server, argv, &err) < 0) {
        refuse(server, order->id, &err);
        return;
    }
    job = mem_zalloc(sizeof(*job));
    job->server = server;
    job->id = order->id;
    TAILQ_INSERT_TAIL(&server->jobs, job, link);
    server->count++;
    job->subprocess = subprocess_start(
        server->loop,
        &(struct subprocess_request){argv, input, max, order->timeout_ms},
        on_done, job);
}

/* The next text of the message, or NULL: it ends before that does. */
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

static void take_order(struct server *server, const char *data, size_t len)
{
    const char *argv[RUNNER_MAX_WORDS + 1] = {NULL};
    const char *end = data + len;
    const char *input = NULL;
    struct runner_order order;

    if (len < sizeof(order)) {
        return;
    }
    memcpy(&order, data, sizeof(order));
    data += sizeof(order);
    if (order.argc == 0) {
        cancel_by_id(server, order.id);
        return;
    }
    for (size_t i = 0; i < order.argc; i++) {
        if (i >= RUNNER_MAX_WORDS ||
            (argv[i] = take_text(&data, end)) == NULL) {
            return;
        }
    }
    if (order.has_input && (input = take_text(&data, end)) == NULL) {
        return;
    }
    run(server, &order, argv, input);
}

/* The service has ended, in whatever way: so does what it wanted. */
static noreturn void leave(struct server *server)
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
    char buffer[RUNNER_MAX_ORDER];
    ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

    (void)events;
    if (got > 0) {
        take_order(server, buffer, (size_t)got);
        explicit_bzero(buffer, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        leave(server);
    }
}

/* --- the process ------------------------------------------------------------
 */

/* Kernels before 5.9, and filters of their time, have no close_range(). */
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

/* A terminal and systemd signal everybody: this one ends when the service has.
 * Of its descriptors it keeps one; nobody is to wait for its output. */
static void settle(int fd)
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

    settle(fd);
    TAILQ_INIT(&server.jobs);
    server.loop = loop_new(clock_system());
    loop_watch(server.loop, fd, LOOP_IN, on_readable, &server);
    loop_run(server.loop);
    leave(&server);
}
