#ifndef WAYBILL_NEEDS_H
#define WAYBILL_NEEDS_H

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
struct need {
    const char *text;
    const struct need *next;
};

struct needs {
    struct arena *arena;      /* owns all of it */
    const struct need *files; /* there or not; relative ones to where we are */
    const struct need *written; /* ... in the same way */
    /* Command lines, a word a line. Of the first word, which is looked for on
     * PATH, a `*` at the end stands for any letters behind it. */
    const struct need *programs;
};

/* All copy; NULL and "" are nothing. */
void needs_file(struct needs *needs, const char *path);
/* A directory, in and below which regular files and directories may be read,
 * written, created, renamed and removed; or a file, which may be read and
 * written, but not replaced. It has to exist when the sandbox is closed: what
 * is created later can be written only after a restart. */
void needs_written(struct needs *needs, const char *path);
void needs_program(struct needs *needs, const char *command);
/* A file that a variable names: $VARIABLE and what stands `below` it. False:
 * the variable says nothing. */
bool needs_variable(struct needs *needs, const char *variable,
                    const char *below);
/* `argv` (which ends with NULL) is one of those command lines. */
bool needs_allow(const struct need *programs, const char *const *argv);
/* A program of that name is on the list. */
bool needs_name(const struct need *programs, const char *name);

#endif
