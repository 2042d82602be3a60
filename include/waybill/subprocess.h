#ifndef WAYBILL_SUBPROCESS_H
#define WAYBILL_SUBPROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/access.h"
#include "waybill/error.h"
#include "waybill/loop.h"
#include "waybill/str.h"

/*
 * Runs another program once and collects its output, without a shell. The
 * program gets the three standard descriptors and the environment, and no other
 * descriptor; it is the leader of a process group of its own. Variables named
 * WAYBILL_* are not passed on: they hold the passwords of the configuration.
 *
 * The subprocess completes when the program exits, even if a child of the
 * program still holds its output open; that child is left running. On a
 * timeout, on too much output and when it is cancelled, the whole process group
 * is killed; nothing blocks until it has exited.
 *
 * A process that may not start programs itself (sandbox.h) delegates to a
 * runner.
 *
 * If the parent process set SIGCHLD to be ignored, exit codes are unavailable,
 * which is reported as an error. Loop thread only.
 */
struct subprocess;

/* The maximum length of `input`: what every pipe buffers before it is read */
#define SUBPROCESS_MAX_INPUT 4096

struct subprocess_request {
    /* NULL-terminated. argv[0] is searched on PATH unless it contains a slash.
     * Other users can read the arguments: they must not contain secrets. */
    const char *const *argv;
    const char *input; /* for its standard input; NULL: empty */
    size_t max_output; /* bytes; more output is an error */
    uint64_t timeout_ms;
};

struct subprocess_result {
    int exit_code;
    /* The output may be a password: both are wiped afterwards. */
    struct str output;
    struct str errors; /* the beginning of standard error */
};

/* Called exactly once, never from inside subprocess_start(). Exactly one of
 * result and err is set; both are valid only during the call. Errors:
 * ERROR_NOT_FOUND, there is no such program; ERROR_TOO_LARGE, too much output;
 * ERROR_INTERRUPTED, killed by a timeout or by another process; ERROR_CONFIG,
 * it cannot be run. */
typedef void subprocess_done_fn(void *payload,
                                const struct subprocess_result *result,
                                const struct error *err);

/* Starts the program. `request` is needed only during this call. The result is
 * owned by the loop until done() returns or subprocess_cancel() is called. */
struct subprocess *subprocess_start(struct loop *loop,
                                    const struct subprocess_request *request,
                                    subprocess_done_fn *done, void *payload);
/* Kills the program and frees the subprocess; done() is not called. */
void subprocess_cancel(struct subprocess *subprocess);

/*
 * The runner: a child process that runs programs on behalf of a sandboxed one.
 * It runs only the programs of a list that was fixed when it started, found on
 * the PATH of that time and with the environment of that time. A request
 * consists of a command line and an input; the response is the output of the
 * program. The runner exits with the process that it serves, and kills the
 * programs that it is running.
 *
 * If it exits earlier, every program fails with ERROR_INTERRUPTED until Waybill
 * is restarted. A command line that is not on the list fails with ERROR_CONFIG.
 */
struct runner;

/* Forks, so no thread may have been started. If none of the programs is on
 * PATH, no process is started, and running any of them fails with
 * ERROR_NOT_FOUND. */
struct runner *runner_start(const struct access_entry *programs);
/* Makes the loop run its programs through the runner. */
void runner_attach(struct runner *runner, struct loop *loop);
/* True if its process is running. */
bool runner_is_running(const struct runner *runner);
/* Stops the process without waiting for its programs; the loop then runs
 * programs itself. NULL is allowed. */
void runner_stop(struct runner *runner);

#endif
