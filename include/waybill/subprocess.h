#ifndef WAYBILL_SUBPROCESS_H
#define WAYBILL_SUBPROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/access.h"
#include "waybill/error.h"
#include "waybill/loop.h"
#include "waybill/str.h"

/*
 * Another program: run once, its output collected, without a shell. It gets
 * the three standard descriptors and the environment, and nothing else of ours;
 * it is the leader of a process group of its own.
 *
 * It is over when the program has ended, though one that it started in turn may
 * hold its output open; that one is left alone. At its time limit, when it
 * prints too much and when it is cancelled the whole group is killed.
 *
 * A process that may run nothing itself (sandbox.h) has a runner do it.
 *
 * Under a parent that ignores SIGCHLD no exit code can be learnt: an error.
 * Loop thread only.
 */
struct subprocess;

/* Of `input`: what any pipe takes before somebody reads it */
#define SUBPROCESS_MAX_INPUT 4096

struct subprocess_request {
    /* The first is looked for on PATH, unless there is a slash in it; ends
     * with NULL. Everybody can read these: no secrets. */
    const char *const *argv;
    const char *input; /* on its standard input; NULL: nothing */
    size_t max_output; /* more is an error */
    uint64_t timeout_ms;
};

struct subprocess_result {
    int exit_code;
    /* What it prints may be a password: both are wiped afterwards. */
    struct str output;
    struct str errors; /* standard error, the start of it */
};

/* Exactly one call, never from inside subprocess_start(); either result or err
 * is NULL, and both are gone when it returns. Errors: ERROR_NOT_FOUND, there is
 * no such program; ERROR_TOO_LARGE, too much output; ERROR_INTERRUPTED, killed
 * by us or by others; ERROR_CONFIG, it cannot be run. */
typedef void subprocess_done_fn(void *payload,
                                const struct subprocess_result *result,
                                const struct error *err);

/* Nothing of `request` is looked at later. */
struct subprocess *subprocess_start(struct loop *loop,
                                    const struct subprocess_request *request,
                                    subprocess_done_fn *done, void *payload);
/* Kills it; done() is not called any more. */
void subprocess_cancel(struct subprocess *subprocess);

/*
 * A process beside this one, which runs programs for it: only those of a list
 * that was fixed when it began, found on the PATH of then, with the environment
 * of then. It is told a command line and an input, and answers with what the
 * program printed. It ends with the process that it serves, and kills what it
 * has running.
 *
 * Is it gone before, every program fails with ERROR_INTERRUPTED; there will be
 * no other until a restart. A command line that is not on the list fails with
 * ERROR_CONFIG.
 */
struct runner;

/* Forks: no thread may have been started. Without a process, and with every
 * program not found, when none of the list is on PATH. */
struct runner *runner_start(const struct access_entry *programs);
/* From now on the loop's programs are run by it. */
void runner_attach(struct runner *runner, struct loop *loop);
bool runner_is_there(const struct runner *runner); /* as a process */
/* None of its programs is waited for; the loop runs its own again. NULL is
 * fine. */
void runner_stop(struct runner *runner);

#endif
