#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner_internal.h"
#include "waybill/alloc.h"

/*
 * This process's side. A pair of SOCK_SEQPACKET sockets keeps orders and
 * answers apart; the end of one side is the end of file of the other, however
 * it came about.
 */

bool runner_is_there(const struct runner *runner)
{
    return runner->fd >= 0;
}

void runner_hang_up(struct runner *runner)
{
    if (runner->fd >= 0) {
        if (runner->loop != NULL) {
            loop_unwatch(runner->loop, runner->fd);
        }
        close(runner->fd);
        runner->fd = -1;
    }
}

/* --- orders -----------------------------------------------------------------
 */

static void report_gone(struct error *err)
{
    error_fill(err, ERROR_INTERRUPTED,
               "the process that runs credential helpers has ended: restart "
               "waybill");
}

static int send_order(struct runner *runner, const struct str *order,
                      struct error *err)
{
    if (send(runner->fd, order->data, order->len,
             MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)order->len) {
        return 0;
    }
    if (errno == EAGAIN) {
        return error_set(err, ERROR_INTERRUPTED,
                         "the process that runs credential helpers is busy");
    }
    report_gone(err);
    return -1;
}

static void append_order(struct str *out, const struct subprocess *subprocess,
                         const struct subprocess_request *request)
{
    struct runner_order order = {
        .id = subprocess->id,
        .timeout_ms = request->timeout_ms,
        .max_output = request->max_output,
        .has_input = request->input != NULL,
    };

    while (request->argv[order.argc] != NULL) {
        order.argc++;
    }
    str_append(out, (const char *)&order, sizeof(order));
    for (size_t i = 0; i < order.argc; i++) {
        str_append(out, request->argv[i], strlen(request->argv[i]) + 1);
    }
    if (request->input != NULL) {
        str_append(out, request->input, strlen(request->input) + 1);
    }
}

int runner_ask(struct runner *runner, struct subprocess *subprocess,
               const struct subprocess_request *request, struct error *err)
{
    CLEANUP(str_release) struct str order = STR_INIT_SECRET(RUNNER_MAX_ORDER);

    if (runner->pid == 0) {
        return error_set(err, ERROR_NOT_FOUND,
                         "'%s' is not on PATH, and was not when waybill "
                         "started",
                         request->argv[0]);
    }
    if (runner->fd < 0) {
        report_gone(err);
        return -1;
    }
    subprocess->id = ++runner->last_id;
    append_order(&order, subprocess, request);
    if (order.overflow) {
        return error_set(err, ERROR_CONFIG, "the command line is too long");
    }
    if (send_order(runner, &order, err) < 0) {
        return -1;
    }
    subprocess->runner = runner;
    TAILQ_INSERT_TAIL(&runner->asked, subprocess, link);
    return 0;
}

/* Answered, or not wanted any more */
static void drop(struct subprocess *subprocess)
{
    TAILQ_REMOVE(&subprocess->runner->asked, subprocess, link);
    subprocess->runner = NULL;
}

void runner_forget(struct subprocess *subprocess)
{
    struct runner *runner = subprocess->runner;
    const struct runner_order order = {.id = subprocess->id};

    /* No words: it is to be killed. What does not get through ends by its
     * time. */
    if (runner->fd >= 0) {
        send(runner->fd, &order, sizeof(order), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    drop(subprocess);
}

/* --- answers ----------------------------------------------------------------
 */

static struct subprocess *find(const struct runner *runner, uint64_t id)
{
    struct subprocess *subprocess;

    TAILQ_FOREACH(subprocess, &runner->asked, link)
    {
        if (subprocess->id == id) {
            return subprocess;
        }
    }
    return NULL;
}

static void take_answer(struct runner *runner, const char *data, size_t len)
{
    struct runner_answer answer;
    struct subprocess *subprocess;
    struct error err;

    if (len < sizeof(answer)) {
        return;
    }
    memcpy(&answer, data, sizeof(answer));
    data += sizeof(answer);
    len -= sizeof(answer);
    subprocess = find(runner, answer.id);
    if (subprocess == NULL || answer.output > len) {
        return;
    }
    drop(subprocess);
    if (answer.kind != ERROR_NONE) {
        error_fill(&err, (enum error_kind)answer.kind, "%.*s",
                   (int)answer.output, data);
        subprocess->finish(subprocess, &err);
        return;
    }
    subprocess->result.exit_code = answer.exit_code;
    str_append(&subprocess->result.output, data, answer.output);
    str_append(&subprocess->result.errors, data + answer.output,
               len - answer.output);
    subprocess->finish(subprocess, NULL);
}

static void lose(struct runner *runner)
{
    struct subprocess *subprocess;
    struct error err;

    runner_hang_up(runner);
    report_gone(&err);
    while ((subprocess = TAILQ_FIRST(&runner->asked)) != NULL) {
        drop(subprocess);
        subprocess->finish(subprocess, &err);
    }
}

static void on_readable(void *payload, int fd, unsigned events)
{
    struct runner *runner = payload;
    char *buffer = mem_zalloc(RUNNER_MAX_ANSWER);
    ssize_t got = recv(fd, buffer, RUNNER_MAX_ANSWER, MSG_DONTWAIT);

    (void)events;
    if (got > 0) {
        take_answer(runner, buffer, (size_t)got);
        explicit_bzero(buffer, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose(runner);
    }
    mem_free(buffer);
}

void runner_attach(struct runner *runner, struct loop *loop)
{
    runner->loop = loop;
    loop_set_runner(loop, runner);
    if (runner->fd >= 0) {
        loop_watch(loop, runner->fd, LOOP_IN, on_readable, runner);
    }
}
