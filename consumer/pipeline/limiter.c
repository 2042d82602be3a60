#include "policy.h"

#define FIRST_LIMIT 8
#define DECREASE_INTERVAL_MS 1000

void limiter_init(struct limiter *limiter, size_t max)
{
    *limiter = (struct limiter){
        .limit = max < FIRST_LIMIT ? (double)max : FIRST_LIMIT,
        .max = (double)max,
    };
}

bool limiter_admits(const struct limiter *limiter, size_t in_flight)
{
    return (double)in_flight + 1 <= limiter->limit;
}

/* `in_flight` still includes the attempt that succeeded. */
void limiter_succeeded(struct limiter *limiter, size_t in_flight)
{
    if ((double)in_flight + 1 <= limiter->limit) {
        return; /* the limit was not the bottleneck */
    }
    limiter->limit += limiter->slow_start_is_over ? 1 / limiter->limit : 1;
    if (limiter->limit > limiter->max) {
        limiter->limit = limiter->max;
    }
}

void limiter_overloaded(struct limiter *limiter, uint64_t now_ms)
{
    if (limiter->has_decreased &&
        now_ms - limiter->decreased_ms < DECREASE_INTERVAL_MS) {
        return; /* concurrent attempts fail for the same reason */
    }
    limiter->has_decreased = true;
    limiter->slow_start_is_over = true;
    limiter->decreased_ms = now_ms;
    limiter->limit = limiter->limit > 2 ? limiter->limit / 2 : 1;
}
