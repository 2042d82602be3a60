#ifndef SIMULATE_REGRESSIONS_H
#define SIMULATE_REGRESSIONS_H

#include "sim.h"

/* A file of lines "SEED [--skip LIST]  # what it found": each once violated an
 * invariant, and must not any more. 0, 1, or 2 for a file that is wrong. */
int regressions_run(const char *path);

#endif
