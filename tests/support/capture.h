#ifndef WAYBILL_TESTS_CAPTURE_H
#define WAYBILL_TESTS_CAPTURE_H

#include <fcntl.h>
#include <unistd.h>

#include "asserts.h"

/* Captures what is written to stderr, through a non-blocking pipe. Text beyond
 * the capacity of a pipe is lost. */
struct capture {
    int saved;
    int out;
    char text[64 * 1024];
};

static inline void capture_begin(struct capture *capture)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    capture->saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    capture->out = fds[0];
}

static inline const char *capture_end(struct capture *capture)
{
    ssize_t got;

    dup2(capture->saved, STDERR_FILENO);
    close(capture->saved);
    got = read(capture->out, capture->text, sizeof(capture->text) - 1);
    close(capture->out);
    capture->text[got > 0 ? got : 0] = '\0';
    return capture->text;
}

#endif
