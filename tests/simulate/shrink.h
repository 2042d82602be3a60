#ifndef SIMULATE_SHRINK_H
#define SIMULATE_SHRINK_H

#include "jobs.h"

/* Reduces the schedule of a run that violates an invariant to a minimum that
 * still violates the same one (delta debugging, Zeller and Hildebrandt 2002),
 * and prints it with the command that reproduces it and the end of its trace.
 */

#define SHRINK_RUNS 400

/* options->skips contains what is omitted from the start; `how` is the rest of
 * the command line, "" or " --break NAME". */
void shrink_and_print(const struct sim_options *options,
                      const struct violation *violation, unsigned max_runs,
                      const char *how);

#endif
