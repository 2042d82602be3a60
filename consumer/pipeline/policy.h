#ifndef WAYBILL_POLICY_H
#define WAYBILL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/random.h"

/*
 * The policies that limit what is sent to an endpoint. Each is a plain struct
 * that is given events with their time and answers questions. None of them
 * knows deliveries, timers, logging or another policy. Times are monotonic
 * milliseconds.
 */

/* --- breaker.c: a circuit breaker --------------------------------------------
 *
 * After a number of consecutive failures that were not caused by the record,
 * nothing is sent to the endpoint until a probe succeeds.
 */

struct breaker {
    bool open;
    unsigned failures; /* consecutive */
    unsigned level;    /* openings since the last success */
    uint64_t probe_ms; /* time of the next probe, while it is open */
};

/* Returns true if this failure opened the breaker. `pauses` are the shortest
 * and the longest pause before a probe, in milliseconds. */
bool breaker_failed(struct breaker *breaker, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random);
void breaker_succeeded(struct breaker *breaker);
/* Reports the result of a probe; the breaker remains open if `alive` is
 * false. */
void breaker_probed(struct breaker *breaker, bool alive, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random);

/* --- limiter.c: the concurrency of an endpoint -------------------------------
 *
 * The limit grows by one for each success while it is the bottleneck (slow
 * start), and after the first overload by one for each full round of successes.
 * It is halved when the endpoint is overloaded, at most once a second. This is
 * additive increase, multiplicative decrease, as in TCP (RFC 5681).
 */

struct limiter {
    double limit;
    double max;
    bool slow_start_is_over;
    bool has_decreased;
    uint64_t decreased_ms;
};

void limiter_init(struct limiter *limiter, size_t max);
bool limiter_admits(const struct limiter *limiter, size_t in_flight);
void limiter_succeeded(struct limiter *limiter, size_t in_flight);
void limiter_overloaded(struct limiter *limiter, uint64_t now_ms);

/* --- budget.c: a retry budget ------------------------------------------------
 *
 * Each first attempt earns a tenth of a retry, and each second a whole one, up
 * to a small maximum. Thus retries neither multiply the load on an endpoint in
 * trouble nor starve.
 */

struct budget {
    double tokens;
    uint64_t filled_ms;
};

void budget_init(struct budget *budget, uint64_t now_ms);
void budget_earn(struct budget *budget);
bool budget_take(struct budget *budget, uint64_t now_ms);

/* --- rate.c: the rate limit of an endpoint -----------------------------------
 *
 * A limit on concurrency does not find a limit on rate: one attempt at a time
 * that is answered within 10 ms makes a hundred a second. The rate is therefore
 * learned from rejections with 429 (Too Many Requests, RFC 6585). The first
 * rejection starts a measurement of what is accepted. The next one that is not
 * part of the same burst sets the rate to 90 % of what was sustained in
 * between, including the pauses of Retry-After, and attempts then wait for a
 * token bucket of that rate. The rate grows by a small factor with each
 * success, so that few attempts are spent on finding out whether more is
 * possible. The limit is removed after a while without a rejection.
 */

struct rate {
    double per_second; /* 0 if no limit is known */
    double tokens;
    uint64_t filled_ms;
    uint64_t refused_ms; /* last rejection that counted; 0 if none */
    /* Accepted attempts and the time they took, both decayed */
    double accepted;
    double seconds;
    uint64_t measured_ms;
};

/* Takes a token as an attempt begins. `alone` means that no other delivery was
 * pending for the endpoint, so that the idle time before says nothing about its
 * rate. */
void rate_take(struct rate *rate, bool alone, uint64_t now_ms);
void rate_accepted(struct rate *rate, uint64_t now_ms);
void rate_refused(struct rate *rate, uint64_t now_ms);
/* Returns when the next attempt may begin; not later than now_ms if at once. */
uint64_t rate_not_before_ms(const struct rate *rate, uint64_t now_ms);
/* Returns the limit in attempts per second; 0 if there is none. */
double rate_limit(const struct rate *rate, uint64_t now_ms);

#endif
