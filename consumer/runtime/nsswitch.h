#ifndef WAYBILL_RUNTIME_NSSWITCH_H
#define WAYBILL_RUNTIME_NSSWITCH_H

#include <stdbool.h>

/*
 * Whether the modules that an nsswitch.conf names for host names may ask a
 * local service through a Unix socket. Those that read files or send DNS
 * queries (files, dns, myhostname) do not; others (resolve, mdns4, sss, ...)
 * may.
 */
bool nsswitch_uses_sockets(const char *text);

#endif
