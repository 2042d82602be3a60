#include "waybill/random.h"

#include <stdlib.h>
#include <sys/random.h>

void random_seed(struct random *random, uint64_t seed)
{
    random->state = seed;
}

void random_seed_from_system(struct random *random)
{
    /* getrandom() returns up to 256 bytes completely once the kernel's pool is
     * initialized. */
    if (getrandom(&random->state, sizeof(random->state), 0) !=
        sizeof(random->state)) {
        abort();
    }
}

/* SplitMix64 (Steele, Lea, Flood 2014): one word of state, and any seed is
 * good. */
uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15U;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

/* The bias of the modulo does not matter for jitter: bounds are far below
 * 2^64. */
uint64_t random_below(struct random *random, uint64_t bound)
{
    return bound > 0 ? random_next(random) % bound : 0;
}
