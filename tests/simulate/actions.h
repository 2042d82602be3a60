#ifndef SIMULATE_ACTIONS_H
#define SIMULATE_ACTIONS_H

#include "schedule.h"
#include "sim.h"

/* The actions on instances and on the broker while there are faults. All are
 * planned before the world begins; each is one item of the schedule. */
struct actions;

struct actions *actions_new(struct sim *sim, uint64_t calm_ms);
void actions_free(struct actions *actions);

#endif
