#ifndef SIMULATE_ACTIONS_H
#define SIMULATE_ACTIONS_H

#include "schedule.h"
#include "sim.h"

/*
 * What is done to instances and to the broker while there are faults: planned
 * in full before the world begins, an item of the schedule each.
 */
struct actions;

struct actions *actions_new(struct sim *sim, uint64_t calm_ms);
void actions_free(struct actions *actions);

#endif
