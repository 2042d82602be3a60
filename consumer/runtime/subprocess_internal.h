#ifndef WAYBILL_SUBPROCESS_INTERNAL_H
#define WAYBILL_SUBPROCESS_INTERNAL_H

#include <sys/queue.h>
#include <sys/types.h>

#include "waybill/subprocess.h"

/* One program, run here (subprocess.c) or by the runner (runner.c), which
 * leaves `pid` and the streams as they are. */

struct stream {
    int fd;
    struct str *text;
};

struct subprocess {
    struct loop *loop;
    subprocess_done_fn *done;
    void *payload;
    char *name;
    pid_t pid; /* 0: none, or reaped */
    int pidfd; /* -1: none */
    struct stream output;
    struct stream errors;
    struct timer limit;
    struct timer poll; /* instead of the pidfd */
    struct task failing;
    uint64_t timeout_ms;
    struct subprocess_result result;
    struct error failure;

    /* Calls done() and frees it; for the runner, which has the answer. */
    void (*finish)(struct subprocess *subprocess, const struct error *err);
    struct runner *runner; /* NULL: none has to do with it, any more */
    uint64_t id;           /* the runner's */
    TAILQ_ENTRY(subprocess) link;
};

/* runner.c: -1 when it cannot even be asked */
int runner_ask(struct runner *runner, struct subprocess *subprocess,
               const struct subprocess_request *request,
               struct error *err) NODISCARD;
/* No answer is wanted any more. */
void runner_forget(struct subprocess *subprocess);

#endif
