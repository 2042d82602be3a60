#ifndef SIMULATE_RELOADS_H
#define SIMULATE_RELOADS_H

#include "sim.h"

/* What becomes of the configuration while an instance runs: another one, which
 * leads to the same outcomes. */
struct reloads;

struct reloads *reloads_new(struct sim *sim);
void reloads_free(struct reloads *reloads);
/* It is calm: whoever has been given a wrong password gets the right one. */
void reloads_mend(struct sim *sim);

#endif
