#include "waybill/file.h"

#include <errno.h>
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

/* access() asks the permissions alone: Landlock has no say in it. */
const char *file_reason(const char *path, int error)
{
    if (error == EACCES && access(path, R_OK) == 0) {
        return "the sandbox was closed before this file was named: restart "
               "waybill";
    }
    return strerror(error);
}
