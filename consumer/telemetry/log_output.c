#include "log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static enum {
    OUTPUT_PLAIN,     /* write() */
    OUTPUT_SOCKET,    /* send() */
    OUTPUT_ASK_FIRST, /* poll(), then write() */
} kind = OUTPUT_PLAIN;

static int output = STDERR_FILENO;
static atomic_bool is_torn; /* the last line was written in part */

static void open_again(void)
{
    int fd = open("/proc/self/fd/2",
                  O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC);

    if (fd >= 0) {
        output = fd;
    } else {
        kind = OUTPUT_ASK_FIRST;
    }
}

void log_output_never_block(void)
{
    struct stat found;

    if (output != STDERR_FILENO || fstat(STDERR_FILENO, &found) < 0) {
        return;
    }
    if (S_ISSOCK(found.st_mode)) {
        kind = OUTPUT_SOCKET;
    } else if (S_ISFIFO(found.st_mode) || S_ISCHR(found.st_mode)) {
        open_again();
    }
}

/* poll() reports a pipe as writable if PIPE_BUF bytes fit. */
static ssize_t write_if_room(const char *data, size_t len)
{
    struct pollfd room = {.fd = output, .events = POLLOUT};

    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(output, data, len < PIPE_BUF ? len : PIPE_BUF);
}

static ssize_t write_some(const char *data, size_t len)
{
    switch (kind) {
    case OUTPUT_SOCKET:
        return send(output, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    case OUTPUT_ASK_FIRST:
        return write_if_room(data, len);
    case OUTPUT_PLAIN:
        break;
    }
    return write(output, data, len);
}

/* Returns how many bytes were written. Usually one write() suffices, so that
 * lines of several threads do not mix. */
static size_t write_all(const char *data, size_t len)
{
    size_t written = 0;

    while (written < len) {
        ssize_t some = write_some(data + written, len - written);

        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some <= 0) {
            break;
        }
        written += (size_t)some;
    }
    return written;
}

bool log_output_write(const char *line, size_t len)
{
    size_t written;

    if (atomic_load(&is_torn) && write_all("\n", 1) < 1) {
        return false;
    }
    written = write_all(line, len);
    atomic_store(&is_torn, written > 0 && written < len);
    return written == len;
}
