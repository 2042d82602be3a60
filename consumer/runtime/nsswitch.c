#include "nsswitch.h"

#include <stddef.h>
#include <string.h>

#include "waybill/compiler.h"

/* The modules that work without a Unix socket. myhostname reads the addresses
 * of the machine through netlink. */
static bool is_plain_module(const char *name, size_t len)
{
    static const char *const plain[] = {"files", "dns", "myhostname"};

    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        if (strlen(plain[i]) == len && strncmp(plain[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* "files mymachines [!UNAVAIL=return] dns # comment", up to the line's end */
static bool uses_sockets(const char *at)
{
    for (;;) {
        size_t len;

        at += strspn(at, " \t");
        len = *at == '[' ? strcspn(at, "]\n") : strcspn(at, " \t[#\n");
        if (*at == '\0' || *at == '\n' || *at == '#') {
            return false;
        }
        if (*at != '[' && !is_plain_module(at, len)) {
            return true;
        }
        at += len + (at[len] == ']');
    }
}

bool nsswitch_uses_sockets(const char *text)
{
    static const char database[] = "hosts:";

    while (*text != '\0') {
        text += strspn(text, " \t");
        if (strncmp(text, database, sizeof(database) - 1) == 0 &&
            uses_sockets(text + sizeof(database) - 1)) {
            return true;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return false;
}
