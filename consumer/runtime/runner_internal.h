#ifndef WAYBILL_RUNNER_INTERNAL_H
#define WAYBILL_RUNNER_INTERNAL_H

#include <stdint.h>
#include <stdnoreturn.h>

#include "subprocess_internal.h"
#include "waybill/limits.h"

/* The protocol of the two processes. Each request and response is one message
 * of a SOCK_SEQPACKET socket, and its last text extends to the end of the
 * message. Both ends are the same program, so numbers have the host's
 * representation. */

struct runner_request {
    uint64_t id;
    uint64_t timeout_ms;
    uint64_t max_output;
    uint32_t argc;      /* NUL-terminated arguments that follow; 0: cancel */
    uint32_t has_input; /* whether a NUL-terminated input follows them */
};

struct runner_response {
    uint64_t id;
    int32_t kind; /* enum error_kind; if not 0, a message follows */
    int32_t exit_code;
    uint64_t output; /* length of the output (or message); stderr follows */
};

#define RUNNER_MAX_ARGS 8
#define RUNNER_MAX_REQUEST ((size_t)12 * 1024)
#define RUNNER_MAX_RESPONSE (LIMIT_HELPER_OUTPUT + (size_t)8 * 1024)

struct runner {
    int fd;    /* -1: the process was not started, or has exited */
    pid_t pid; /* 0: not started */
    struct loop *loop;
    uint64_t last_id;
    TAILQ_HEAD(, subprocess) pending;
};

/* runner.c: closes the connection, on which the process exits */
void runner_disconnect(struct runner *runner);

/* runner_serve.c: the main function of the process */
noreturn void runner_serve(int fd, const struct access_entry *programs);

#endif
