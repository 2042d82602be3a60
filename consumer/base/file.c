#include "waybill/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

struct file_stamp file_stamp_from(const struct stat *found)
{
    return (struct file_stamp){
        .device = found->st_dev,
        .inode = found->st_ino,
        .size = (uint64_t)found->st_size,
        .written_ns = nanoseconds(&found->st_mtim),
        .changed_ns = nanoseconds(&found->st_ctim),
    };
}

bool file_stamp_of(const char *path, struct file_stamp *ret_stamp)
{
    struct stat found;
    bool there = stat(path, &found) == 0;

    *ret_stamp = there ? file_stamp_from(&found) : (struct file_stamp){0};
    return there;
}

bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* without holes */
}

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

/* access() asks the permissions alone: the sandbox has no say in it. */
const char *file_reason(const char *path, int error)
{
    if (error == EACCES && access(path, R_OK) == 0) {
        return "the sandbox was closed before this file was named: restart "
               "waybill";
    }
    return strerror(error);
}

const char *file_write_reason(const char *directory, int error)
{
    if ((error == EACCES || error == EPERM) &&
        access(directory, W_OK | X_OK) == 0) {
        return "the sandbox was closed before this directory was named: "
               "restart waybill";
    }
    return strerror(error);
}
