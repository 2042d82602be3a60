#ifndef WAYBILL_SUBPROCESS_INTERNAL_H
#define WAYBILL_SUBPROCESS_INTERNAL_H

#include <sys/queue.h>
#include <sys/types.h>

#include "waybill/subprocess.h"

/* A program, run by this process (subprocess.c) or by the runner (runner.c),
 * which does not use `pid` and the streams */

struct stream {
    int fd;
    struct str *text;
};

struct subprocess {
    struct loop *loop;
    subprocess_done_fn *done;
    void *payload;
    char *name;
    pid_t pid; /* 0: none, or already reaped */
    int pidfd; /* -1: none */
    struct stream output;
    struct stream errors;
    struct timer timeout;
    struct timer poll; /* polls for the exit if there is no pidfd */
    struct task fail_task;
    uint64_t timeout_ms;
    struct subprocess_result result;
    struct error failure;
    bool is_killed; /* ends with `failure` as soon as the program has exited */

    /* Calls done() and frees the subprocess; the runner calls it with the
     * response. */
    void (*finish)(struct subprocess *subprocess, const struct error *err);
    struct runner *runner; /* NULL: not delegated, or no longer */
    uint64_t id;           /* of the runner's request */
    TAILQ_ENTRY(subprocess) link;
};

/* runner.c: sends the request; fails if it cannot be sent */
int runner_submit(struct runner *runner, struct subprocess *subprocess,
                  const struct subprocess_request *request,
                  struct error *err) NODISCARD;
/* Cancels the request; a response that arrives later is ignored. */
void runner_cancel(struct subprocess *subprocess);

#endif
