#ifndef WAYBILL_ACCESS_H
#define WAYBILL_ACCESS_H

#include <stdbool.h>

#include "waybill/arena.h"

/*
 * The access list: the files and directories that a service reads and writes
 * once it runs, and the programs that it starts. Each module adds what it will
 * use before the sandbox is closed; sandbox.h and subprocess.h then allow that
 * and nothing else.
 *
 * Lists are immutable and begin with the latest entry, so a copy of the struct
 * can be extended independently of the original.
 */
struct access_entry {
    const char *text;
    const struct access_entry *next;
};

struct access {
    struct arena *arena; /* owns all entries */
    /* Readable files and directories; they need not exist, and relative paths
     * start at the working directory. */
    const struct access_entry *files;
    /* Writable ones; paths as above */
    const struct access_entry *writable;
    /* Command lines with one argument per line. The first argument, which is
     * searched on PATH, may end with `*`, which matches any suffix. */
    const struct access_entry *programs;
};

/* These copy their argument; NULL and "" are ignored. */
void access_allow_file(struct access *access, const char *path);
/* Allows a directory, in and below which regular files and directories may be
 * read, written, created, renamed and removed; or a file, which may be read and
 * written, but not replaced. The path has to exist when the sandbox is closed:
 * what is created later becomes writable only after a restart. */
void access_allow_writing(struct access *access, const char *path);
void access_allow_program(struct access *access, const char *command);
/* Allows the file "$VARIABLE" + `below`. Returns false if the variable is unset
 * or empty. */
bool access_allow_variable(struct access *access, const char *variable,
                           const char *below);
/* True if `argv`, which is NULL-terminated, matches one of the command lines.
 */
bool access_has_command(const struct access_entry *programs,
                        const char *const *argv);
/* True if one of the command lines starts a program of that name. */
bool access_has_program(const struct access_entry *programs, const char *name);

#endif
