#include "waybill/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

static struct file_stamp stamp_from(const struct stat *found)
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
    bool exists = stat(path, &found) == 0;

    *ret_stamp = exists ? stamp_from(&found) : (struct file_stamp){0};
    return exists;
}

bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* the struct has no padding */
}

/* --- reading -------------------------------------------------------------- */

/* access() checks the permissions and ignores Landlock, so it reveals a denial
 * by the sandbox. */
static int fail(const char *path, int number, struct error *err)
{
    enum error_kind kind = number == ENOENT ? ERROR_NOT_FOUND : ERROR_CONFIG;

    if (path != NULL && number == EACCES && access(path, R_OK) == 0) {
        return error_set(err, kind,
                         "the sandbox was closed before this file was named: "
                         "restart waybill");
    }
    return error_set(err, kind, "%s", strerror(number));
}

static void close_file(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static int check_type(int fd, struct stat *ret_found, struct error *err)
{
    if (fstat(fd, ret_found) < 0) {
        return fail(NULL, errno, err);
    }
    if (S_ISDIR(ret_found->st_mode)) {
        return fail(NULL, EISDIR, err);
    }
    if (!S_ISREG(ret_found->st_mode)) {
        return error_set(err, ERROR_CONFIG, "it is not a regular file");
    }
    return 0;
}

/* Without O_NONBLOCK, open() would block on a FIFO without a writer. */
static int open_regular(const char *path, struct stat *ret_found,
                        struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return fail(path, errno, err);
    }
    if (check_type(fd, ret_found, err) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_any(const char *path, struct stat *ret_found, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || fstat(fd, ret_found) < 0) {
        fail(path, errno, err);
        close_file(&fd);
        return -1;
    }
    return fd;
}

int file_read_open(int fd, struct str *out, struct error *err)
{
    char buffer[16384];
    ssize_t got;
    int number = 0;

    do {
        got = read(fd, buffer, sizeof(buffer));
        number = got < 0 ? errno : 0;
        if (got > 0) {
            str_append(out, buffer, (size_t)got);
        }
    } while (!out->overflow && (got > 0 || number == EINTR));
    explicit_bzero(buffer, sizeof(buffer));
    if (number != 0) {
        return fail(NULL, number, err);
    }
    return out->overflow ? error_set(err, ERROR_CONFIG,
                                     "it is larger than %zu bytes", out->cap)
                         : 0;
}

int file_read(const char *path, unsigned flags, struct str *out,
              struct file_stamp *ret_stamp, struct error *err)
{
    struct stat found;
    CLEANUP(close_file)
    const int fd = flags & FILE_MAY_BE_PIPE ? open_any(path, &found, err)
                                            : open_regular(path, &found, err);

    if (fd < 0 || file_read_open(fd, out, err) < 0) {
        return -1;
    }
    if (ret_stamp != NULL) {
        *ret_stamp = stamp_from(&found);
    }
    return 0;
}

bool file_has_mark(const char *path)
{
    struct stat found;
    struct error ignored;
    CLEANUP(close_file) const int fd = open_regular(path, &found, &ignored);
    char start[3];

    return fd >= 0 && read(fd, start, sizeof(start)) == sizeof(start) &&
           text_mark_length(start, sizeof(start)) > 0;
}

int file_check(const char *path, struct error *err)
{
    struct stat found;
    CLEANUP(close_file) const int fd = open_regular(path, &found, err);

    return fd < 0 ? -1 : 0;
}

bool file_may_block(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && !S_ISREG(found.st_mode) &&
           !S_ISDIR(found.st_mode);
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
