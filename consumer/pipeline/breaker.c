#include "policy.h"

/* A single failure may be accidental, five in a row are not. After a first
 * opening one failure is enough until an attempt has succeeded. */
#define FAILURE_THRESHOLD 5

/* At least half of the pause is fixed, so that the endpoint gets a rest. The
 * remainder is random, so that instances do not probe at the same time. */
static uint64_t pause_ms(unsigned level, const uint64_t pauses[2],
                         struct random *random)
{
    uint64_t bound = pauses[0];

    for (unsigned i = 1; i < level && bound < pauses[1]; i++) {
        bound *= 2;
    }
    bound = bound < pauses[1] ? bound : pauses[1];
    return bound / 2 + random_below(random, bound / 2 + 1) + 1;
}

static void trip(struct breaker *breaker, uint64_t now_ms,
                 const uint64_t pauses[2], struct random *random)
{
    breaker->open = true;
    breaker->level++;
    breaker->probe_ms = now_ms + pause_ms(breaker->level, pauses, random);
}

bool breaker_failed(struct breaker *breaker, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random)
{
    unsigned max = breaker->level > 0 ? 1 : FAILURE_THRESHOLD;

    if (breaker->open || ++breaker->failures < max) {
        return false;
    }
    trip(breaker, now_ms, pauses, random);
    return true;
}

void breaker_succeeded(struct breaker *breaker)
{
    breaker->open = false;
    breaker->failures = 0;
    breaker->level = 0;
}

/* A successful probe does not prove that deliveries succeed, so the level
 * remains until an attempt has succeeded. */
void breaker_probed(struct breaker *breaker, bool alive, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random)
{
    if (alive) {
        breaker->open = false;
        breaker->failures = 0;
    } else {
        trip(breaker, now_ms, pauses, random);
    }
}
