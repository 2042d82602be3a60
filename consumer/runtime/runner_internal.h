#ifndef WAYBILL_RUNNER_INTERNAL_H
#define WAYBILL_RUNNER_INTERNAL_H

#include <stdint.h>
#include <stdnoreturn.h>

#include "subprocess_internal.h"
#include "waybill/limits.h"

/* What the two processes say to each other: one message each, its end is the
 * end of its last text. They are of one program: numbers are as they lie. */

struct runner_order {
    uint64_t id;
    uint64_t timeout_ms;
    uint64_t max_output;
    uint32_t argc;      /* words that follow, each with its NUL; 0: kill it */
    uint32_t has_input; /* one more */
};

struct runner_answer {
    uint64_t id;
    int32_t kind; /* enum error_kind; then a message follows */
    int32_t exit_code;
    uint64_t output; /* bytes of it (of the message); the rest is errors */
};

#define RUNNER_MAX_WORDS 8
#define RUNNER_MAX_ORDER ((size_t)12 * 1024)
#define RUNNER_MAX_ANSWER (LIMIT_HELPER_OUTPUT + (size_t)8 * 1024)

struct runner {
    int fd;    /* -1: there is no such process, or no more */
    pid_t pid; /* 0: none was started */
    struct loop *loop;
    uint64_t last_id;
    TAILQ_HEAD(, subprocess) asked;
};

/* runner.c: no orders any more */
void runner_hang_up(struct runner *runner);

/* runner_serve.c: the process itself */
noreturn void runner_serve(int fd, const struct access_entry *programs);

#endif
