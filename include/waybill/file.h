#ifndef WAYBILL_FILE_H
#define WAYBILL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/str.h"

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
bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b);

/*
 * Reading a whole file. Nothing waits: what is named has to be a regular file
 * (symbolic links are followed, as Kubernetes mounts its secrets), so neither a
 * FIFO without a writer nor a terminal can hold a thread up.
 *
 * The limit is the capacity of *out, to which the content is appended. On the
 * way through, no copy of the bytes stays behind: they may be a secret.
 *
 * On failure the message is the reason alone ("Permission denied", "it is not a
 * regular file", "it is larger than 65536 bytes"), fit to stand behind the
 * caller's "cannot read 'PATH': ". The kind is ERROR_NOT_FOUND if there is no
 * such file, and ERROR_CONFIG otherwise.
 */
enum {
    /* Also pipes and devices, and wait for them: for what a person names on the
     * command line, as `waybill push <(generate)`. The limit stays. */
    FILE_MAY_BE_PIPE = 1U,
};

/* *ret_stamp, unless it is NULL, is of the file that was read. */
int file_read(const char *path, unsigned flags, struct str *out,
              struct file_stamp *ret_stamp, struct error *err) NODISCARD;
/* The same of an open file of any kind, from where it stands: standard input */
int file_read_open(int fd, struct str *out, struct error *err) NODISCARD;
/* Whether file_read() would read a file of any size now */
int file_check(const char *path, struct error *err) NODISCARD;

#endif
