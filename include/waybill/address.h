#ifndef WAYBILL_ADDRESS_H
#define WAYBILL_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "waybill/error.h"

/*
 * A numeric address to listen on: 127.0.0.1:9464, [::1]:9464, 0.0.0.0:0. The
 * only name that is accepted is localhost: a name that has to be resolved may
 * belong to another machine by the time it is used.
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

/*
 * Where an address leads, from public to local. An address further down the
 * list is reachable from fewer machines, so a host must not redirect us to an
 * address of a later class than its own. An IPv6 address that embeds an IPv4
 * address (mapped, NAT64, 6to4) has the class of the latter.
 */
enum address_class {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE, /* not routed on the public Internet */
    /* 0.0.0.0 and ::. A socket that listens there is reachable from everywhere;
     * Linux connects a client of such an address to the local machine. */
    ADDRESS_UNSPECIFIED,
    ADDRESS_LOOPBACK,
    ADDRESS_LINK_LOCAL,
    ADDRESS_METADATA, /* a cloud serves credentials there */
};

/* Families other than IPv4 and IPv6 (Unix sockets) are loopback. */
enum address_class address_classify(const struct sockaddr *address);
/*
 * Classifies the host of a URL, without port and brackets, in upper or lower
 * case. It is an address, in any form that resolvers accept (0x7f.1,
 * 2130706433), or a name. Names are not resolved: all are public except
 * localhost, *.localhost (RFC 6761) and those of metadata services.
 */
enum address_class host_classify(const char *host);
bool host_is_address(const char *host);

/* host, host:port, [IPv6] or [IPv6]:port */
struct host_port {
    /* Without brackets. A DNS name has at most 253 characters. */
    char host[256];
    size_t name_len; /* length of the host in the text, with its brackets */
    int port;        /* -1: none given */
};

/* Returns false if the text has none of these forms. A name consists of
 * letters, digits, '.', '-' and '_'. */
bool host_port_split(const char *text, struct host_port *ret_split);

#endif
