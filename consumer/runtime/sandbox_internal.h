#ifndef WAYBILL_SANDBOX_INTERNAL_H
#define WAYBILL_SANDBOX_INTERNAL_H

#include "waybill/sandbox.h"

/* LeakSanitizer stops and looks at all threads from a process of its own; the
 * sanitizers look for the program's file to name functions. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif
/* By CMakeLists.txt, where counters are written when the program ends */
#ifndef SANDBOX_COVERAGE
#define SANDBOX_COVERAGE 0
#endif

/* Each fills its part of the sandbox. With `writes`, which files are written is
 * limited by Landlock alone. */
void landlock_close(const struct access *access, struct sandbox *sandbox);
void seccomp_close(bool writes, struct sandbox *sandbox);

/* places.c: calls fn() for every file and folder that may be read, and for some
 * of them more than once; what is not there is left out. */
typedef void place_fn(void *payload, const char *path);
void places_each(const struct access_entry *files, place_fn *fn, void *payload);

#endif
