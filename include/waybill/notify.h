#ifndef WAYBILL_NOTIFY_H
#define WAYBILL_NOTIFY_H

#include <stdint.h>

/*
 * Notifications to systemd, by the protocol of sd_notify(3): a datagram of
 * NAME=VALUE lines to the socket that $NOTIFY_SOCKET names. Without that
 * variable all functions do nothing. The socket is opened once, so that it also
 * works after the sandbox has closed; no function blocks, and no failure
 * affects the service.
 *
 *     struct notify notify;
 *
 *     notify_open(&notify);
 *     notify_ready(&notify);
 *     ...
 *     notify_stopping(&notify);
 *     notify_close(&notify);
 */
struct notify {
    int fd;               /* -1: not started by systemd */
    uint64_t watchdog_ms; /* interval of notify_alive(); 0: never */
};

void notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);

void notify_ready(const struct notify *notify);
void notify_stopping(const struct notify *notify);
/* The status line in `systemctl status` */
void notify_status(const struct notify *notify, const char *text);
void notify_alive(const struct notify *notify);

#endif
