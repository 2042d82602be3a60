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

/*
 * Where an address leads, from far to near. What is further on in the list is
 * reachable by fewer machines, so whoever is farther away has no business to
 * send us there. An IPv4 address counts for the IPv6 one that embeds it
 * (mapped, NAT64, 6to4).
 */
enum address_class {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE, /* whatever the public Internet does not route */
    /* 0.0.0.0 and ::. One who listens there is reached from everywhere; one who
     * connects there is connected to this machine by Linux. */
    ADDRESS_UNSPECIFIED,
    ADDRESS_LOOPBACK,
    ADDRESS_LINK_LOCAL,
    ADDRESS_METADATA, /* a cloud hands out credentials there */
};

/* Families other than IPv4 and IPv6 (Unix sockets) are loopback. */
enum address_class address_classify(const struct sockaddr *address);
/*
 * A host as a URL has it, without port and brackets, in any case: an address,
 * in every spelling that resolvers take (0x7f.1, 2130706433), or a name. Names
 * are not looked up: all are public but localhost, *.localhost (RFC 6761), and
 * those of metadata services.
 */
enum address_class host_classify(const char *host);
bool host_is_address(const char *host);

/* host, host:port, [IPv6] or [IPv6]:port */
struct host_port {
    char
        host[256]; /* without brackets; a DNS name has at most 253 characters */
    size_t name_len; /* how much of the text is the host, with its brackets */
    int port;        /* -1: none is given */
};

/* False: it is none of these. A name holds letters, digits, '.', '-' and '_'.
 */
bool host_port_split(const char *text, struct host_port *ret_split);

#endif
