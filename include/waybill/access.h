#ifndef WAYBILL_ACCESS_H
#define WAYBILL_ACCESS_H

#include <stdbool.h>

#include "waybill/arena.h"

/*
 * What a service will want of its machine once it runs: the files and folders
 * that it reads and writes, and the programs that it has run for it. Whoever
 * reads, writes or runs says so beforehand; sandbox.h and subprocess.h then
 * allow that, and no more.
 *
 * A list begins with what was said last, and is never changed: a copy of the
 * struct may go on by itself.
 */
struct access_entry {
    const char *text;
    const struct access_entry *next;
};

struct access {
    struct arena *arena; /* owns all of it */
    const struct access_entry
        *files; /* there or not; relative ones to where we are */
    const struct access_entry *written; /* ... in the same way */
    /* Command lines, a word a line. Of the first word, which is looked for on
     * PATH, a `*` at the end stands for any letters behind it. */
    const struct access_entry *programs;
};

/* All copy; NULL and "" are nothing. */
void access_allow_file(struct access *access, const char *path);
/* A directory, in and below which regular files and directories may be read,
 * written, created, renamed and removed; or a file, which may be read and
 * written, but not replaced. It has to exist when the sandbox is closed: what
 * is created later can be written only after a restart. */
void access_allow_writing(struct access *access, const char *path);
void access_allow_program(struct access *access, const char *command);
/* A file that a variable names: $VARIABLE and what stands `below` it. False:
 * the variable says nothing. */
bool access_allow_variable(struct access *access, const char *variable,
                           const char *below);
/* `argv` (which ends with NULL) is one of those command lines. */
bool access_has_command(const struct access_entry *programs,
                        const char *const *argv);
/* A program of that name is on the list. */
bool access_has_program(const struct access_entry *programs, const char *name);

#endif
