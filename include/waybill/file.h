#ifndef WAYBILL_FILE_H
#define WAYBILL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/str.h"

struct stat;

/* How a file looks: whether it is another one by now, or holds something else.
 * The time of the last change says what the other one may hide (cp -p), and
 * tells when a file may be read at last (chmod). All 0: it is not there. */
struct file_stamp {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    uint64_t written_ns;
    uint64_t changed_ns;
};

/* Through symbolic links; false: it is not there. Taken before it is read. */
bool file_stamp_of(const char *path, struct file_stamp *ret_stamp);
struct file_stamp file_stamp_from(const struct stat *found);
bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b);

/* All that is left to read, as far as the string's cap goes (then it has
 * overflowed). -1 and errno. What passes through may be a secret: no copy stays
 * behind. */
int file_read_all(int fd, struct str *out);

/* Why a file could not be opened: strerror(), or, where its permissions would
 * have let us and the sandbox does not, that and what to do. */
const char *file_reason(const char *path, int error);
/* The same of a directory in which a file could not be written */
const char *file_write_reason(const char *directory, int error);

#endif
