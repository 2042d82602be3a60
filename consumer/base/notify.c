#include "waybill/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_MESSAGE 512

/* Returns the length of the address, or 0 if the variable does not contain one
 * in the form that systemd uses. */
static socklen_t read_address(const char *text, struct sockaddr_un *ret_address)
{
    size_t len = text != NULL ? strlen(text) : 0;

    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len < 2 || len >= sizeof(ret_address->sun_path) ||
        (text[0] != '/' && text[0] != '@')) {
        return 0;
    }
    memcpy(ret_address->sun_path, text, len);
    if (text[0] == '@') {
        /* The length of an abstract name is explicit and excludes a NUL. */
        ret_address->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int open_socket(void)
{
    struct sockaddr_un address;
    socklen_t len = read_address(getenv("NOTIFY_SOCKET"), &address);
    int fd = len > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A child process inherits the variables, but $WATCHDOG_PID names the process
 * that has to notify. */
static uint64_t watchdog_interval(void)
{
    const char *interval = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (interval == NULL ||
        (pid != NULL && strtoumax(pid, NULL, 10) != (uintmax_t)getpid())) {
        return 0;
    }
    /* Half of it, as sd_watchdog_enabled(3) recommends */
    return strtoumax(interval, NULL, 10) / 2000;
}

void notify_open(struct notify *ret_notify)
{
    *ret_notify = (struct notify){.fd = open_socket()};
    if (ret_notify->fd >= 0) {
        ret_notify->watchdog_ms = watchdog_interval();
    }
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    *notify = (struct notify){.fd = -1};
}

static void send_notification(const struct notify *notify, const char *message)
{
    /* A lost notification is no error: systemd may be restarting or its socket
     * full, and the watchdog tolerates one of two. */
    if (notify->fd >= 0) {
        (void)!send(notify->fd, message, strlen(message),
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void notify_ready(const struct notify *notify)
{
    send_notification(notify, "READY=1");
}

void notify_stopping(const struct notify *notify)
{
    send_notification(notify, "STOPPING=1");
}

void notify_status(const struct notify *notify, const char *text)
{
    char message[MAX_MESSAGE];

    /* Only one line: the next one would be another notification. */
    snprintf(message, sizeof(message), "STATUS=%.*s", (int)strcspn(text, "\n"),
             text);
    send_notification(notify, message);
}

void notify_alive(const struct notify *notify)
{
    send_notification(notify, "WATCHDOG=1");
}
