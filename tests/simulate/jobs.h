#ifndef SIMULATE_JOBS_H
#define SIMULATE_JOBS_H

#include "sim.h"

/*
 * Many seeds on many processors: each in a process of its own, so that a crash
 * costs one of them, and is one more thing that a seed can be found to do.
 */

/* Which run of many a number stands for */
enum series { SERIES_SEEDS, SERIES_STRIKES };

struct failure {
    struct sim_options options;
    struct violation violation;
};

/* Numbers [first, first + count). True: each one's run held. Else *ret_failure
 * is that of the lowest that did not. Counts are of all that were run. */
bool jobs_run(const struct sim_options *options, enum series series,
              uint64_t first, uint64_t count, unsigned jobs,
              struct sim_counts *counts, struct failure *ret_failure);

/* One run in a process of its own: of a crash nothing is left but that, and
 * with `hush` not even what is said of it. */
bool jobs_run_one(const struct sim_options *options, bool hush,
                  struct sim_counts *counts, struct violation *ret_violation);

unsigned jobs_default(void); /* as many as there are processors */

#endif
