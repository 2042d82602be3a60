#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner_internal.h"
#include "waybill/alloc.h"

/*
 * This process's side, and the fork. A pair of SOCK_SEQPACKET sockets keeps
 * orders and answers apart; the end of one side is the end of file of the
 * other, however it came about.
 */

struct runner {
    int fd;    /* -1: there is no such process, or no more */
    pid_t pid; /* 0: none was started */
    struct loop *loop;
    uint64_t last_id;
    TAILQ_HEAD(, subprocess) asked;
};

/* --- on PATH? ---------------------------------------------------------------
 */

static bool is_in(const char *folder, size_t len, const struct need *programs)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    struct dirent **names;
    bool found = false;
    int count;

    str_put(&path, folder, len);
    count = len > 0 ? scandir(path.data, &names, NULL, NULL) : -1;
    for (int i = 0; i < count; i++) {
        found = found || needs_name(programs, names[i]->d_name);
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    return found;
}

static bool is_on_path(const struct need *programs)
{
    const char *path = getenv("PATH");

    for (size_t len; programs != NULL && path != NULL; path += len) {
        path += *path == ':';
        len = strcspn(path, ":");
        if (is_in(path, len, programs)) {
            return true;
        }
        if (path[len] == '\0') {
            break;
        }
    }
    return false;
}

/* --- the process ------------------------------------------------------------
 */

struct runner *runner_start(const struct need *programs)
{
    struct runner *runner = mem_zalloc(sizeof(*runner));
    int pair[2];

    runner->fd = -1;
    TAILQ_INIT(&runner->asked);
    if (!is_on_path(programs)) {
        return runner;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        abort(); /* as with memory: nothing works without descriptors */
    }
    runner->pid = fork();
    if (runner->pid == 0) {
        close(pair[0]); /* else it would keep itself from seeing the end */
        runner_serve(pair[1], programs);
    }
    if (runner->pid < 0) {
        abort();
    }
    close(pair[1]);
    runner->fd = pair[0];
    return runner;
}

bool runner_is_there(const struct runner *runner)
{
    return runner->fd >= 0;
}

static void hang_up(struct runner *runner)
{
    if (runner->fd >= 0) {
        if (runner->loop != NULL) {
            loop_unwatch(runner->loop, runner->fd);
        }
        close(runner->fd);
        runner->fd = -1;
    }
}

void runner_stop(struct runner *runner)
{
    if (runner == NULL) {
        return;
    }
    hang_up(runner);
    if (runner->loop != NULL) {
        loop_set_runner(runner->loop, NULL);
    }
    while (runner->pid > 0 && waitpid(runner->pid, NULL, 0) < 0 &&
           errno == EINTR) {
    }
    mem_free(runner);
}

/* --- orders -----------------------------------------------------------------
 */

static void say_gone(struct error *err)
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
    say_gone(err);
    return -1;
}

static void put_order(struct str *out, const struct subprocess *subprocess,
                      const struct subprocess_request *request)
{
    struct runner_order order = {
        .id = subprocess->id,
        .timeout_ms = request->timeout_ms,
        .most_output = request->most_output,
        .has_input = request->input != NULL,
    };

    while (request->argv[order.argc] != NULL) {
        order.argc++;
    }
    str_put(out, (const char *)&order, sizeof(order));
    for (size_t i = 0; i < order.argc; i++) {
        str_put(out, request->argv[i], strlen(request->argv[i]) + 1);
    }
    if (request->input != NULL) {
        str_put(out, request->input, strlen(request->input) + 1);
    }
}

int runner_ask(struct runner *runner, struct subprocess *subprocess,
               const struct subprocess_request *request, struct error *err)
{
    CLEANUP(str_release) struct str order = STR_INIT_SECRET(RUNNER_MOST_ORDER);

    if (runner->pid == 0) {
        return error_set(err, ERROR_NOT_FOUND,
                         "'%s' is not on PATH, and was not when waybill "
                         "started",
                         request->argv[0]);
    }
    if (runner->fd < 0) {
        say_gone(err);
        return -1;
    }
    subprocess->id = ++runner->last_id;
    put_order(&order, subprocess, request);
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
        subprocess_finish(subprocess, &err);
        return;
    }
    subprocess->result.exit_code = answer.exit_code;
    str_put(&subprocess->result.output, data, answer.output);
    str_put(&subprocess->result.errors, data + answer.output,
            len - answer.output);
    subprocess_finish(subprocess, NULL);
}

static void lose(struct runner *runner)
{
    struct subprocess *subprocess;
    struct error err;

    hang_up(runner);
    say_gone(&err);
    while ((subprocess = TAILQ_FIRST(&runner->asked)) != NULL) {
        drop(subprocess);
        subprocess_finish(subprocess, &err);
    }
}

static void on_readable(void *payload, int fd, unsigned events)
{
    struct runner *runner = payload;
    char *buffer = mem_zalloc(RUNNER_MOST_ANSWER);
    ssize_t got = recv(fd, buffer, RUNNER_MOST_ANSWER, MSG_DONTWAIT);

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
