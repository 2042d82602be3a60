#ifndef SIMULATE_SHRINK_H
#define SIMULATE_SHRINK_H

#include "jobs.h"

/*
 * Of a run that violates an invariant: the least of its schedule that still
 * violates the same one (delta debugging, Zeller and Hildebrandt 2002), in
 * words, with what reproduces it and the end of its trace.
 */

#define SHRINK_RUNS 400

/* options->skips holds what is left out from the start; `how` is what the
 * command line says beside that, "" or " --break NAME". */
void shrink_and_print(const struct sim_options *options,
                      const struct violation *violation, unsigned max_runs,
                      const char *how);

#endif
