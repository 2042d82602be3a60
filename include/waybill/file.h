#ifndef WAYBILL_FILE_H
#define WAYBILL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/str.h"

/* Identifies a version of a file, to detect that it was replaced or changed.
 * The time of the last status change (ctime) detects a change that preserves
 * the modification time (cp -p) and a file that has become readable (chmod).
 * All 0: no such file. */
struct file_stamp {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    uint64_t written_ns;
    uint64_t changed_ns;
};

/* Follows symbolic links; returns false if there is no such file. Call it
 * before reading the file, so that a later change is noticed. */
bool file_stamp_of(const char *path, struct file_stamp *ret_stamp);
bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b);

/*
 * Reads a whole file without blocking: the path must name a regular file
 * (symbolic links are followed, since Kubernetes mounts secrets through them),
 * so that neither a FIFO without a writer nor a terminal can block a thread.
 *
 * The limit is the capacity of *out, to which the content is appended. No other
 * copy of the content stays in memory, because it may be a secret.
 *
 * On failure the message is only the reason ("Permission denied", "it is not a
 * regular file", "it is larger than 65536 bytes"), to follow the caller's
 * "cannot read 'PATH': ". The kind is ERROR_NOT_FOUND if there is no such file,
 * else ERROR_CONFIG.
 */
enum {
    /* Also read pipes and devices, and block until they end. For files that are
     * named on the command line, as in `waybill push <(generate)`. The limit
     * still applies. */
    FILE_MAY_BE_PIPE = 1U,
};

/* *ret_stamp, unless it is NULL, identifies the file that was read. */
int file_read(const char *path, unsigned flags, struct str *out,
              struct file_stamp *ret_stamp, struct error *err) NODISCARD;
/* Reads an open file of any kind, such as standard input, from its current
 * position. */
int file_read_open(int fd, struct str *out, struct error *err) NODISCARD;
/* Whether the file begins with a UTF-8 byte order mark. */
bool file_has_mark(const char *path);
/* Checks whether file_read() could read the file now, ignoring its size. */
int file_check(const char *path, struct error *err) NODISCARD;

/* Whether opening this path could block: it exists, and is neither a regular
 * file nor a directory. For paths that are passed to a library, which opens
 * them on the thread that must not block. */
bool file_may_block(const char *path);

/* Explains why a file in that directory could not be written: strerror(), or,
 * if the sandbox denied what the permissions allow, that reason and what to do.
 * A static string. */
const char *file_write_reason(const char *directory, int error);

#endif
