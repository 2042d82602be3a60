#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/utf8.h"

/*
 * Every command prints through this file. Names of records and events, and
 * texts of servers, may contain sequences that a terminal obeys: they are
 * escaped here, and nowhere else.
 */

void output_begin(void)
{
    /* Sockets that a peer has closed are reported by the calls that use
     * them. */
    signal(SIGPIPE, SIG_IGN);
    /* A file that is opened later must not become standard output because that
     * was closed. Opened in the wrong direction, these fail when they are
     * used. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

            /* The lowest free number is this one. */
            if (open("/dev/null", mode) < 0) {
                _exit(EXIT_FAILED);
            }
        }
    }
}

/* Whoever reads has seen enough: the process ends as programs do that do not
 * ignore the signal. */
static _Noreturn void end_by_signal(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    _exit(128 + SIGPIPE); /* process 1 of a container is not ended by it */
}

static void report_unwritable(int reason)
{
    if (reason == EPIPE) {
        end_by_signal();
    }
    print_err("waybill: standard output cannot be written: %s\n",
              strerror(reason));
}

/* Output that is lost must not look like success. What a command does besides
 * can be repeated, so it ends where it is. */
static void write_out(const struct str *text)
{
    if (fwrite(text->data, 1, text->len, stdout) < text->len) {
        report_unwritable(errno);
        _exit(EXIT_FAILED);
    }
}

void print_flush(void)
{
    if (fflush(stdout) != 0) {
        report_unwritable(errno);
        _exit(EXIT_FAILED);
    }
}

int output_end(int status)
{
    if (fflush(stdout) == 0) {
        return status;
    }
    report_unwritable(errno);
    return status != EXIT_OK ? status : EXIT_FAILED;
}

void print_str(const struct str *text)
{
    CLEANUP(str_release) struct str escaped = STR_INIT(STR_UNLIMITED);

    utf8_append_escaped(&escaped, text->data, text->len);
    write_out(&escaped);
}

void print_out(const char *format, ...)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    va_list args;

    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    print_str(&text);
}

void print_err(const char *format, ...)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str escaped = STR_INIT(STR_UNLIMITED);
    va_list args;

    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    utf8_append_escaped(&escaped, text.data, text.len);
    fwrite(escaped.data, 1, escaped.len, stderr);
}
