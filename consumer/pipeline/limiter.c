#include "policy.h"

#define FIRST_LIMIT 8
#define CUT_INTERVAL_MS 1000

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

/* `in_flight` still counts the one that has succeeded. */
void limiter_succeeded(struct limiter *limiter, size_t in_flight)
{
    if ((double)in_flight + 1 <= limiter->limit) {
        return; /* it holds nobody back */
    }
    limiter->limit += limiter->measured ? 1 / limiter->limit : 1;
    if (limiter->limit > limiter->max) {
        limiter->limit = limiter->max;
    }
}

void limiter_overloaded(struct limiter *limiter, uint64_t now_ms)
{
    if (limiter->ever_cut && now_ms - limiter->cut_ms < CUT_INTERVAL_MS) {
        return; /* those that were sent together fail together */
    }
    limiter->ever_cut = true;
    limiter->measured = true;
    limiter->cut_ms = now_ms;
    limiter->limit = limiter->limit > 2 ? limiter->limit / 2 : 1;
}
