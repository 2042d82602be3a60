#ifndef WAYBILL_TESTS_FAKE_CLOCK_H
#define WAYBILL_TESTS_FAKE_CLOCK_H

#include "waybill/clock.h"

/* Time that advances only when the test advances it */
struct fake_time {
    uint64_t monotonic;
    int64_t wall;
};

static inline uint64_t fake_monotonic(void *state)
{
    return ((struct fake_time *)state)->monotonic;
}

static inline int64_t fake_wall(void *state)
{
    return ((struct fake_time *)state)->wall;
}

#define FAKE_CLOCK(time)                                                       \
    {                                                                          \
        fake_monotonic, fake_wall, (time)                                      \
    }

#endif
