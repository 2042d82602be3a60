#ifndef SIMULATE_DIRECTORY_H
#define SIMULATE_DIRECTORY_H

#include "sim.h"

/* The destination of the integration `directory` (tests/support): a directory
 * of this machine, in memory if there is such a file system, with real calls.
 * The simulator controls when it is available, and reads it. */
struct directory;

/* Called once for the process and its children: creates and removes the parent
 * of their directories, and removes what a run that crashed has left. */
void directory_begin(void);
void directory_end(void);

/* NULL: this world has none. */
struct directory *directory_new(struct sim *sim);
/* Plans when it is unavailable. */
void directory_plan(struct directory *directory);
void directory_free(struct directory *directory); /* NULL is fine */

/* The path for the configuration */
const char *directory_path(const struct directory *directory);
/* Whether there is a file of that name with these bytes, also while the
 * directory is unavailable. */
bool directory_holds(const struct directory *directory, const char *name,
                     const struct digest *digest);
/* Whether it has been available from then until now, and shortly before. */
bool directory_was_well(const struct directory *directory, uint64_t since_ms);

#endif
