#ifndef WAYBILL_SANDBOX_INTERNAL_H
#define WAYBILL_SANDBOX_INTERNAL_H

#include "waybill/sandbox.h"

/* LeakSanitizer stops and inspects all threads from a separate process; the
 * sanitizers read the program's file to symbolize addresses. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif
/* Set by CMakeLists.txt where coverage counters are written at exit */
#ifndef SANDBOX_COVERAGE
#define SANDBOX_COVERAGE 0
#endif

/* Each sets its members of *sandbox. With `allows_writing`, only Landlock
 * restricts which files can be written. */
void landlock_close(const struct access *access, struct sandbox *sandbox);
void seccomp_close(bool allows_writing, struct sandbox *sandbox);

/* sandbox_paths.c: calls fn() for every file and directory that may be read,
 * for some more than once; paths that do not exist may be included. */
typedef void sandbox_path_fn(void *payload, const char *path);
void sandbox_paths_each(const struct access_entry *files, sandbox_path_fn *fn,
                        void *payload);

#endif
