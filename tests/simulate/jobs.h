#ifndef SIMULATE_JOBS_H
#define SIMULATE_JOBS_H

#include "sim.h"

/* Runs many seeds on all processors, each in a process of its own, so that a
 * crash ends one of them only, and is reported as a failure of its seed. */

/* Maps a number to one of many runs */
enum series { SERIES_SEEDS, SERIES_STRIKES };

struct failure {
    struct sim_options options;
    struct violation violation;
};

/* Runs the numbers [first, first + count). Returns true if every run succeeded.
 * Otherwise *ret_failure is the lowest failure. Counters include all runs. */
bool jobs_run(const struct sim_options *options, enum series series,
              uint64_t first, uint64_t count, unsigned jobs,
              struct sim_counts *counts, struct failure *ret_failure);

/* Runs one seed in a process of its own. A crash is reported as such; with
 * `hush` the output of the process is discarded. */
bool jobs_run_one(const struct sim_options *options, bool hush,
                  struct sim_counts *counts, struct violation *ret_violation);

unsigned jobs_default(void); /* the number of processors */

#endif
