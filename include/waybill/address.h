#ifndef WAYBILL_ADDRESS_H
#define WAYBILL_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "waybill/error.h"

/*
 * An address to listen on, as numbers: 127.0.0.1:9464, [::1]:9464, 0.0.0.0:0.
 * No name but localhost: one that has to be looked up may be somebody else's by
 * the time it is used.
 */
struct address {
    struct sockaddr_storage socket;
    socklen_t len;
};

#define ADDRESS_TEXT 64

int address_parse(const char *text, struct address *ret_address,
                  struct error *err) NODISCARD;
const char *address_format(const struct address *address,
                           char text[ADDRESS_TEXT]);
/* Only this machine reaches it. */
bool address_is_loopback(const struct address *address);

#endif
