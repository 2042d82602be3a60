#ifndef WAYBILL_RANDOM_H
#define WAYBILL_RANDOM_H

#include <stdint.h>

/*
 * A pseudorandom number generator for jitter and for names that must not
 * collide; not suitable for secrets. It is injected like the clock: the same
 * seed gives the same sequence.
 */
struct random {
    uint64_t state;
};

void random_seed(struct random *random, uint64_t seed);
void random_seed_from_system(struct random *random);
uint64_t random_next(struct random *random);
/* 0 <= result < bound; 0 if bound is 0 */
uint64_t random_below(struct random *random, uint64_t bound);

#endif
