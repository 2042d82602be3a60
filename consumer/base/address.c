#include "waybill/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_port(const char *text, in_port_t *ret_port)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long port = strtoul(text, NULL, 10);

    *ret_port = htons((uint16_t)port);
    return digits > 0 && digits <= 5 && text[digits] == '\0' && port <= 65535;
}

static bool read_v4(const char *host, in_port_t port, struct address *to)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&to->socket;

    in->sin_family = AF_INET;
    in->sin_port = port;
    to->len = sizeof(*in);
    return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool read_v6(const char *host, in_port_t port, struct address *to)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&to->socket;
    size_t len = strlen(host);
    char bare[INET6_ADDRSTRLEN];

    if (len < 2 || len - 2 >= sizeof(bare) || host[0] != '[' ||
        host[len - 1] != ']') {
        return false;
    }
    memcpy(bare, host + 1, len - 2);
    bare[len - 2] = '\0';
    in->sin6_family = AF_INET6;
    in->sin6_port = port;
    to->len = sizeof(*in);
    return inet_pton(AF_INET6, bare, &in->sin6_addr) == 1;
}

int address_parse(const char *text, struct address *ret_address,
                  struct error *err)
{
    const char *colon = strrchr(text, ':');
    struct address address = {0};
    char host[INET6_ADDRSTRLEN + 2];
    in_port_t port;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
        !read_port(colon + 1, &port)) {
        return error_set(err, ERROR_CONFIG,
                         "expected ADDRESS:PORT, as 127.0.0.1:9464");
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (strcmp(host, "localhost") == 0) {
        memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
    }
    if (!read_v4(host, port, &address) && !read_v6(host, port, &address)) {
        return error_set(err, ERROR_CONFIG,
                         "expected an address in numbers before the port, as "
                         "127.0.0.1, 0.0.0.0 or [::1]");
    }
    *ret_address = address;
    return 0;
}

const char *address_format(const struct address *address,
                           char text[ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->socket.ss_family == AF_INET) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&address->socket;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT, "%s:%u", host, ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in =
            (const struct sockaddr_in6 *)&address->socket;

        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT, "[%s]:%u", host, ntohs(in->sin6_port));
    }
    return text;
}

bool address_is_loopback(const struct address *address)
{
    const struct sockaddr_in6 *six =
        (const struct sockaddr_in6 *)&address->socket;

    if (address->socket.ss_family == AF_INET) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&address->socket;

        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) != 0;
}
