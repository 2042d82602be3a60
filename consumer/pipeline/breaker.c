#include "policy.h"

/* One failure may be chance, five are not; but once it has opened, the first is
 * enough until something has succeeded. */
#define MAX_FAILURES 5

/* Half of it at least, so that a host is left in peace; the rest is random, so
 * that not all instances look at once. */
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

static void open_it(struct breaker *breaker, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random)
{
    breaker->open = true;
    breaker->level++;
    breaker->probe_ms = now_ms + pause_ms(breaker->level, pauses, random);
}

bool breaker_failed(struct breaker *breaker, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random)
{
    unsigned max = breaker->level > 0 ? 1 : MAX_FAILURES;

    if (breaker->open || ++breaker->failures < max) {
        return false;
    }
    open_it(breaker, now_ms, pauses, random);
    return true;
}

void breaker_succeeded(struct breaker *breaker)
{
    breaker->open = false;
    breaker->failures = 0;
    breaker->level = 0;
}

/* Alive is not yet well: the level stays until something has succeeded. */
void breaker_probed(struct breaker *breaker, bool alive, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random)
{
    if (alive) {
        breaker->open = false;
        breaker->failures = 0;
    } else {
        open_it(breaker, now_ms, pauses, random);
    }
}
