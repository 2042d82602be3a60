#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner_internal.h"
#include "waybill/alloc.h"

/*
 * The client side, in the service's process. A pair of SOCK_SEQPACKET sockets
 * preserves message boundaries. When either process exits, for whatever reason,
 * the other one reads an end of file.
 */

bool runner_is_running(const struct runner *runner)
{
    return runner->fd >= 0;
}

void runner_disconnect(struct runner *runner)
{
    if (runner->fd >= 0) {
        if (runner->loop != NULL) {
            loop_unwatch(runner->loop, runner->fd);
        }
        close(runner->fd);
        runner->fd = -1;
    }
}

/* --- requests ---------------------------------------------------------------
 */

static void report_exit(struct error *err)
{
    error_fill(err, ERROR_INTERRUPTED,
               "the process that runs credential helpers has ended: restart "
               "waybill");
}

static int send_request(struct runner *runner, const struct str *request,
                        struct error *err)
{
    if (send(runner->fd, request->data, request->len,
             MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)request->len) {
        return 0;
    }
    if (errno == EAGAIN) {
        return error_set(err, ERROR_INTERRUPTED,
                         "the process that runs credential helpers is busy");
    }
    report_exit(err);
    return -1;
}

static void append_request(struct str *out, const struct subprocess *subprocess,
                           const struct subprocess_request *request)
{
    struct runner_request head = {
        .id = subprocess->id,
        .timeout_ms = request->timeout_ms,
        .max_output = request->max_output,
        .has_input = request->input != NULL,
    };

    while (request->argv[head.argc] != NULL) {
        head.argc++;
    }
    str_append(out, (const char *)&head, sizeof(head));
    for (size_t i = 0; i < head.argc; i++) {
        str_append(out, request->argv[i], strlen(request->argv[i]) + 1);
    }
    if (request->input != NULL) {
        str_append(out, request->input, strlen(request->input) + 1);
    }
}

int runner_submit(struct runner *runner, struct subprocess *subprocess,
                  const struct subprocess_request *request, struct error *err)
{
    CLEANUP(str_release)
    struct str message = STR_INIT_SECRET(RUNNER_MAX_REQUEST);

    if (runner->pid == 0) {
        return error_set(err, ERROR_NOT_FOUND,
                         "'%s' is not on PATH, and was not when waybill "
                         "started",
                         request->argv[0]);
    }
    if (runner->fd < 0) {
        report_exit(err);
        return -1;
    }
    subprocess->id = ++runner->last_id;
    append_request(&message, subprocess, request);
    if (message.overflow) {
        return error_set(err, ERROR_CONFIG, "the command line is too long");
    }
    if (send_request(runner, &message, err) < 0) {
        return -1;
    }
    subprocess->runner = runner;
    TAILQ_INSERT_TAIL(&runner->pending, subprocess, link);
    return 0;
}

/* Removes a request that was answered or cancelled. */
static void remove_pending(struct subprocess *subprocess)
{
    TAILQ_REMOVE(&subprocess->runner->pending, subprocess, link);
    subprocess->runner = NULL;
}

void runner_cancel(struct subprocess *subprocess)
{
    struct runner *runner = subprocess->runner;
    const struct runner_request request = {.id = subprocess->id};

    /* A request without arguments cancels. If it cannot be sent, the program
     * ends with its timeout. */
    if (runner->fd >= 0) {
        send(runner->fd, &request, sizeof(request),
             MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    remove_pending(subprocess);
}

/* --- responses --------------------------------------------------------------
 */

static struct subprocess *find(const struct runner *runner, uint64_t id)
{
    struct subprocess *subprocess;

    TAILQ_FOREACH(subprocess, &runner->pending, link)
    {
        if (subprocess->id == id) {
            return subprocess;
        }
    }
    return NULL;
}

static void read_response(struct runner *runner, const char *data, size_t len)
{
    struct runner_response response;
    struct subprocess *subprocess;
    struct error err;

    if (len < sizeof(response)) {
        return;
    }
    memcpy(&response, data, sizeof(response));
    data += sizeof(response);
    len -= sizeof(response);
    subprocess = find(runner, response.id);
    if (subprocess == NULL || response.output > len) {
        return;
    }
    remove_pending(subprocess);
    if (response.kind != ERROR_NONE) {
        error_fill(&err, (enum error_kind)response.kind, "%.*s",
                   (int)response.output, data);
        subprocess->finish(subprocess, &err);
        return;
    }
    subprocess->result.exit_code = response.exit_code;
    str_append(&subprocess->result.output, data, response.output);
    str_append(&subprocess->result.errors, data + response.output,
               len - response.output);
    subprocess->finish(subprocess, NULL);
}

static void fail_pending(struct runner *runner)
{
    struct subprocess *subprocess;
    struct error err;

    runner_disconnect(runner);
    report_exit(&err);
    while ((subprocess = TAILQ_FIRST(&runner->pending)) != NULL) {
        remove_pending(subprocess);
        subprocess->finish(subprocess, &err);
    }
}

static void on_readable(void *payload, int fd, unsigned events)
{
    struct runner *runner = payload;
    char *buffer = mem_zalloc(RUNNER_MAX_RESPONSE);
    ssize_t received = recv(fd, buffer, RUNNER_MAX_RESPONSE, MSG_DONTWAIT);

    (void)events;
    if (received > 0) {
        read_response(runner, buffer, (size_t)received);
        explicit_bzero(buffer, (size_t)received);
    } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
        fail_pending(runner);
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
