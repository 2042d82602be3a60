#ifndef SIMULATE_REGRESSIONS_H
#define SIMULATE_REGRESSIONS_H

#include "sim.h"

/* A file with lines of the form "SEED [--skip LIST] # what it found". Each run
 * once violated an invariant, and must not do so any more. Returns 0, 1, or 2
 * for an invalid file. */
int regressions_run(const char *path);

#endif
