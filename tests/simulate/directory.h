#ifndef SIMULATE_DIRECTORY_H
#define SIMULATE_DIRECTORY_H

#include "sim.h"

/*
 * What the integration `directory` (tests/support) delivers to: a directory of
 * this machine, in memory where there is such a file system, with real calls.
 * The simulator keeps track of when it is away, and looks into it.
 */
struct directory;

/* Once for the process and all that it forks: makes and removes the place where
 * their directories are. What a run that crashed has left goes with it. */
void directory_begin(void);
void directory_end(void);

/* NULL: this world has none. */
struct directory *directory_new(struct sim *sim);
/* Plans when it is away. */
void directory_plan(struct directory *directory);
void directory_free(struct directory *directory); /* NULL is fine */

/* As the configuration has it */
const char *directory_path(const struct directory *directory);
/* There is a file of that name, of these bytes, wherever the directory is now.
 */
bool directory_holds(const struct directory *directory, const char *name,
                     const struct digest *digest);
/* It has been there from then on to now, and shortly before. */
bool directory_was_well(const struct directory *directory, uint64_t since_ms);

#endif
