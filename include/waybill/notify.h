#ifndef WAYBILL_NOTIFY_H
#define WAYBILL_NOTIFY_H

#include <stdint.h>

/*
 * What systemd is told, as sd_notify(3) has it: a datagram of NAME=VALUE lines
 * to the socket that $NOTIFY_SOCKET names. Without the variable, everything
 * here does nothing. The socket is opened once, so that it also serves after
 * the process has given up opening things; nothing is waited for, and nothing
 * that fails stops the service.
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
    int fd;               /* -1: nobody wants to know */
    uint64_t watchdog_ms; /* how often notify_alive() is due; 0: never */
};

void notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);

void notify_ready(const struct notify *notify);
void notify_stopping(const struct notify *notify);
/* One line for `systemctl status` */
void notify_status(const struct notify *notify, const char *text);
void notify_alive(const struct notify *notify);

#endif
