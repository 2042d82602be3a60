#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subprocess_internal.h"
#include "waybill/alloc.h"

/*
 *
 *     spawn -> (output)* -> exit -> remaining output -> done
 *
 * The exit is detected through a pidfd (Linux 5.3), which the loop watches like
 * any other descriptor; a SIGCHLD handler would affect the whole process. Where
 * pidfds are unavailable (an old kernel, a sandbox), the exit is polled for.
 *
 * The input fits into a pipe's buffer and is written before the program starts:
 * nothing waits for the program to read it, and no SIGPIPE is raised if it does
 * not.
 */

#define POLL_MS 20
#define MAX_ERRORS ((size_t)4096)
/* A killed program exits at once unless it is blocked in the kernel (a dead NFS
 * server); such a program is left behind. */
#define MAX_EXIT_MS 200

extern char **environ;

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* --- termination ------------------------------------------------------------
 */

/* Returns true if the program has exited; *ret_status is then its wait status,
 * or -1 if that is unknown. */
static bool reap(struct subprocess *subprocess, int *ret_status)
{
    pid_t got;

    do {
        got = waitpid(subprocess->pid, ret_status, WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return false;
    }
    if (got < 0) {
        *ret_status = -1;
    }
    subprocess->pid = 0;
    return true;
}

/* Programs that were cancelled and had not exited yet. Nobody waits for them:
 * they are reaped when the next program starts or ends. A full table leaves a
 * zombie, which does no harm. */
static pid_t cancelled[64];

static void reap_cancelled(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(cancelled); i++) {
        if (cancelled[i] != 0 && waitpid(cancelled[i], NULL, WNOHANG) != 0) {
            cancelled[i] = 0;
        }
    }
}

static void reap_later(pid_t pid)
{
    for (size_t i = 0; i < ARRAY_SIZE(cancelled); i++) {
        if (cancelled[i] == 0) {
            cancelled[i] = pid;
            return;
        }
    }
}

static void abandon(struct subprocess *subprocess)
{
    int status;

    if (subprocess->pid != 0 && !reap(subprocess, &status)) {
        reap_later(subprocess->pid);
        subprocess->pid = 0;
    }
}

static void kill_group(const struct subprocess *subprocess)
{
    if (subprocess->pid != 0) {
        kill(-subprocess->pid, SIGKILL);
    }
}

static void stop_reading(struct subprocess *subprocess, struct stream *stream)
{
    if (stream->fd >= 0) {
        loop_unwatch(subprocess->loop, stream->fd);
        close_fd(&stream->fd);
    }
}

static void stop(struct subprocess *subprocess)
{
    stop_reading(subprocess, &subprocess->output);
    stop_reading(subprocess, &subprocess->errors);
    if (subprocess->pidfd >= 0) {
        loop_unwatch(subprocess->loop, subprocess->pidfd);
        close_fd(&subprocess->pidfd);
    }
    loop_disarm(subprocess->loop, &subprocess->timeout);
    loop_disarm(subprocess->loop, &subprocess->poll);
    loop_cancel(subprocess->loop, &subprocess->fail_task);
    if (subprocess->runner != NULL) {
        runner_cancel(subprocess);
    }
}

static void subprocess_free(struct subprocess *subprocess)
{
    str_release(&subprocess->result.output);
    str_release(&subprocess->result.errors);
    mem_free(subprocess->name);
    mem_free(subprocess);
}

void subprocess_cancel(struct subprocess *subprocess)
{
    kill_group(subprocess);
    abandon(subprocess);
    stop(subprocess);
    subprocess_free(subprocess);
}

static void finish(struct subprocess *subprocess, const struct error *err)
{
    stop(subprocess);
    reap_cancelled();
    subprocess->done(subprocess->payload, err ? NULL : &subprocess->result,
                     err);
    subprocess_free(subprocess);
}

/* Kills the program and reports the error once it has exited, or after
 * MAX_EXIT_MS. */
static void fail(struct subprocess *subprocess, const struct error *err)
{
    kill_group(subprocess);
    if (subprocess->pid == 0) {
        finish(subprocess, err);
        return;
    }
    subprocess->failure = *err;
    subprocess->is_killed = true;
    stop_reading(subprocess, &subprocess->output);
    stop_reading(subprocess, &subprocess->errors);
    loop_arm(subprocess->loop, &subprocess->timeout, MAX_EXIT_MS);
}

static void finish_killed(struct subprocess *subprocess)
{
    struct error err = subprocess->failure;

    abandon(subprocess);
    finish(subprocess, &err);
}

static void run_fail_task(void *payload)
{
    struct subprocess *subprocess = payload;

    finish(subprocess, &subprocess->failure);
}

static void on_timeout(void *payload)
{
    struct subprocess *subprocess = payload;
    struct error err;

    if (subprocess->is_killed) {
        finish_killed(subprocess);
        return;
    }
    error_fill(&err, ERROR_INTERRUPTED, "'%s' took longer than %g s",
               subprocess->name, (double)subprocess->timeout_ms / 1000);
    fail(subprocess, &err);
}

/* --- output -----------------------------------------------------------------
 */

/* Reads what is available; an end of file closes the descriptor. */
static void drain(struct subprocess *subprocess, struct stream *stream)
{
    char buffer[4096];
    ssize_t got = 0;

    /* Bounded, so that a program that prints endlessly does not block the loop.
     */
    for (unsigned i = 0; stream->fd >= 0 && i < 16; i++) {
        got = read(stream->fd, buffer, sizeof(buffer));
        if (got > 0) {
            size_t capacity = stream->text->cap - stream->text->len;
            bool is_truncated =
                stream == &subprocess->errors && (size_t)got > capacity;

            str_append(stream->text, buffer,
                       is_truncated ? capacity : (size_t)got);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            stop_reading(subprocess, stream);
        } else if (errno == EAGAIN) {
            break;
        }
    }
    explicit_bzero(buffer, sizeof(buffer));
}

static void report_too_much(const struct subprocess *subprocess,
                            struct error *err)
{
    error_fill(err, ERROR_TOO_LARGE, "'%s' printed more than %zu bytes",
               subprocess->name, subprocess->result.output.cap);
}

static void on_readable(void *payload, int fd, unsigned events)
{
    struct subprocess *subprocess = payload;
    struct error err;

    (void)events;
    drain(subprocess, fd == subprocess->output.fd ? &subprocess->output
                                                  : &subprocess->errors);
    if (subprocess->result.output.overflow) {
        report_too_much(subprocess, &err);
        fail(subprocess, &err);
    }
}

/* The pipes may still hold the last of the output: at most one pipe's capacity
 * (64 KiB). */
static int read_end(struct subprocess *subprocess, int status,
                    struct error *err)
{
    drain(subprocess, &subprocess->output);
    drain(subprocess, &subprocess->errors);
    if (subprocess->result.output.overflow) {
        report_too_much(subprocess, err);
        return -1;
    }
    if (status == -1) {
        return error_set(err, ERROR_CONFIG,
                         "the exit status of '%s' is not known: this process "
                         "was started with SIGCHLD ignored",
                         subprocess->name);
    }
    if (!WIFEXITED(status)) {
        return error_set(err, ERROR_INTERRUPTED, "'%s' was ended by signal %d",
                         subprocess->name, WTERMSIG(status));
    }
    subprocess->result.exit_code = WEXITSTATUS(status);
    return 0;
}

static void check_exit(struct subprocess *subprocess)
{
    struct error err;
    int status;

    if (!reap(subprocess, &status)) {
        return;
    }
    if (subprocess->is_killed) {
        finish_killed(subprocess);
        return;
    }
    finish(subprocess, read_end(subprocess, status, &err) < 0 ? &err : NULL);
}

static void on_pidfd_readable(void *payload, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    check_exit(payload);
}

static void on_poll(void *payload)
{
    struct subprocess *subprocess = payload;

    loop_arm(subprocess->loop, &subprocess->poll, POLL_MS);
    check_exit(subprocess);
}

/* --- the start --------------------------------------------------------------
 */

/* The child's ends of the pipes, indexed by its descriptor */
struct child_pipes {
    int fds[3];
};

static int report_no_pipe(struct error *err)
{
    return error_set(err, ERROR_CONFIG, "cannot create a pipe: %s",
                     strerror(errno));
}

static int open_input(struct child_pipes *child_pipes, const char *input,
                      struct error *err)
{
    size_t len = input != NULL ? strlen(input) : 0;
    int pair[2];
    ssize_t written;

    if (len > SUBPROCESS_MAX_INPUT) {
        return error_set(err, ERROR_CONFIG, "the input is too long");
    }
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0) {
        return report_no_pipe(err);
    }
    /* Only our end must be non-blocking, and only for this write. */
    written = len > 0 ? write(pair[1], input, len) : 0;
    close(pair[1]);
    if (written != (ssize_t)len || fcntl(pair[0], F_SETFL, 0) < 0) {
        close(pair[0]);
        return report_no_pipe(err);
    }
    child_pipes->fds[0] = pair[0];
    return 0;
}

static int open_stream(int *ret_end, struct stream *stream, struct error *err)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) < 0) {
        return report_no_pipe(err);
    }
    *ret_end = pair[1];
    stream->fd = pair[0];
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
        return report_no_pipe(err);
    }
    return 0;
}

/* Resets signal dispositions and the signal mask, which a child inherits:
 * Waybill blocks or ignores some signals. */
static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all;
    sigset_t none;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETPGROUP);
}

/* Descriptors that a library opened without O_CLOEXEC are not inherited either.
 */
static void set_actions(posix_spawn_file_actions_t *actions,
                        const struct child_pipes *child_pipes)
{
    for (int i = 0; i < 3; i++) {
        posix_spawn_file_actions_adddup2(actions, child_pipes->fds[i], i);
    }
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
#endif
}

/* Variables with this prefix override the configuration, so they are the
 * passwords of all registrations. A helper has its own variables. */
static const char own_prefix[] = "WAYBILL_";

/* The environment without Waybill's own variables, which is freed by the
 * caller; its strings are borrowed. */
static char **environment_for_others(void)
{
    size_t count = 0;
    size_t kept = 0;
    char **result;

    while (environ != NULL && environ[count] != NULL) {
        count++;
    }
    result = mem_zalloc((count + 1) * sizeof(result[0]));
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], own_prefix, sizeof(own_prefix) - 1) != 0) {
            result[kept++] = environ[i];
        }
    }
    return result;
}

static int spawn(struct subprocess *subprocess, const char *const *argv,
                 const struct child_pipes *child_pipes, struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = environment_for_others();
    int failure;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    set_attributes(&attributes);
    set_actions(&actions, child_pipes);
    failure = posix_spawnp(&subprocess->pid, argv[0], &actions, &attributes,
                           (char *const *)argv, environment);
    mem_free(environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure == 0) {
        return 0;
    }
    subprocess->pid = 0;
    if (failure == ENOENT && strchr(argv[0], '/') == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "'%s' is not on PATH", argv[0]);
    }
    return error_set(err, failure == ENOENT ? ERROR_NOT_FOUND : ERROR_CONFIG,
                     "cannot run '%s': %s", argv[0], strerror(failure));
}

static int start(struct subprocess *subprocess,
                 const struct subprocess_request *request, struct error *err)
{
    struct child_pipes child_pipes = {{-1, -1, -1}};
    int result = -1;

    /* The input pipe is opened first: if standard descriptors were closed, it
     * gets the lowest numbers, so that no dup2() overwrites an end that is
     * still needed. */
    if (open_input(&child_pipes, request->input, err) == 0 &&
        open_stream(&child_pipes.fds[1], &subprocess->output, err) == 0 &&
        open_stream(&child_pipes.fds[2], &subprocess->errors, err) == 0) {
        result = spawn(subprocess, request->argv, &child_pipes, err);
    }
    for (int i = 0; i < 3; i++) {
        close_fd(&child_pipes.fds[i]);
    }
    return result;
}

static void watch(struct subprocess *subprocess)
{
    struct loop *loop = subprocess->loop;

    subprocess->pidfd = (int)syscall(SYS_pidfd_open, subprocess->pid, 0);
    if (subprocess->pidfd >= 0) {
        loop_watch(loop, subprocess->pidfd, LOOP_IN, on_pidfd_readable,
                   subprocess);
    } else {
        loop_arm(loop, &subprocess->poll, POLL_MS);
    }
    loop_watch(loop, subprocess->output.fd, LOOP_IN, on_readable, subprocess);
    loop_watch(loop, subprocess->errors.fd, LOOP_IN, on_readable, subprocess);
    loop_arm(loop, &subprocess->timeout, subprocess->timeout_ms);
}

/* The runner enforces the timeout. If it has not responded after this margin,
 * it is considered hung. */
#define RUNNER_GRACE_MS 2000

static int delegate(struct runner *runner, struct subprocess *subprocess,
                    const struct subprocess_request *request, struct error *err)
{
    if (runner_submit(runner, subprocess, request, err) < 0) {
        return -1;
    }
    loop_arm(subprocess->loop, &subprocess->timeout,
             subprocess->timeout_ms + RUNNER_GRACE_MS);
    return 0;
}

static int run_or_delegate(struct subprocess *subprocess,
                           const struct subprocess_request *request,
                           struct error *err)
{
    struct runner *runner = loop_runner(subprocess->loop);

    if (runner != NULL) {
        return delegate(runner, subprocess, request, err);
    }
    if (start(subprocess, request, err) < 0) {
        return -1;
    }
    watch(subprocess);
    return 0;
}

struct subprocess *subprocess_start(struct loop *loop,
                                    const struct subprocess_request *request,
                                    subprocess_done_fn *done, void *payload)
{
    struct subprocess *subprocess = mem_zalloc(sizeof(*subprocess));

    reap_cancelled();
    subprocess->loop = loop;
    subprocess->done = done;
    subprocess->payload = payload;
    subprocess->finish = finish;
    subprocess->name = mem_strdup(request->argv[0]);
    subprocess->timeout_ms = request->timeout_ms;
    subprocess->pidfd = -1;
    subprocess->output = (struct stream){-1, &subprocess->result.output};
    subprocess->errors = (struct stream){-1, &subprocess->result.errors};
    str_init_secret(&subprocess->result.output, request->max_output);
    str_init_secret(&subprocess->result.errors, MAX_ERRORS);
    timer_init(&subprocess->timeout, on_timeout, subprocess);
    timer_init(&subprocess->poll, on_poll, subprocess);
    task_init(&subprocess->fail_task, run_fail_task, subprocess);
    if (run_or_delegate(subprocess, request, &subprocess->failure) < 0) {
        loop_defer(loop, &subprocess->fail_task);
    }
    return subprocess;
}
