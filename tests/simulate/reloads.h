#ifndef SIMULATE_RELOADS_H
#define SIMULATE_RELOADS_H

#include "sim.h"

/* Changes of the configuration while an instance runs: each new configuration
 * leads to the same outcomes. */
struct reloads;

struct reloads *reloads_new(struct sim *sim);
void reloads_free(struct reloads *reloads);
/* The faults have ended: an instance with a wrong password gets the right one.
 */
void reloads_mend(struct sim *sim);

#endif
