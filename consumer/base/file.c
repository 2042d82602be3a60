#include "waybill/file.h"

#include <string.h>
#include <unistd.h>

int file_read_all(int fd, struct str *out)
{
    char buffer[4096];
    ssize_t got = 0;

    while (!out->overflow && (got = read(fd, buffer, sizeof(buffer))) > 0) {
        str_put(out, buffer, (size_t)got);
    }
    explicit_bzero(buffer, sizeof(buffer));
    return got < 0 ? -1 : 0;
}
