#ifndef WAYBILL_POLICY_H
#define WAYBILL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/random.h"

/*
 * What is known of an endpoint, and what follows from it for the next attempt.
 * Each policy is a plain struct that is told what has happened and when, and
 * that answers questions; none of them knows a delivery, a timer, a log or any
 * of the others. Times are monotonic milliseconds.
 */

/* --- breaker.c: whether an endpoint is there at all --------------------------
 *
 * After so many failures in a row, none of which was the record's fault,
 * nothing is sent there any more until a probe has found it alive.
 */

struct breaker {
    bool open;
    unsigned failures; /* in a row */
    unsigned level;    /* openings since the last success */
    uint64_t probe_ms; /* when to look again, while it is open */
};

/* True: this one has opened it. `pauses` are the shortest and the longest. */
bool breaker_failed(struct breaker *breaker, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random);
void breaker_succeeded(struct breaker *breaker);
/* What the probe has found; false: it stays open. */
void breaker_probed(struct breaker *breaker, bool alive, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random);

/* --- limiter.c: how many attempts an endpoint bears at a time ----------------
 *
 * Grows by one for each success while it is what holds deliveries back, until
 * the endpoint has shown its measure for the first time, and then by one for
 * each round of them; is halved when the endpoint says that it is too much,
 * once a second at most (AIMD, as TCP does).
 */

struct limiter {
    double limit;
    double max;
    bool measured;
    bool ever_cut;
    uint64_t cut_ms;
};

void limiter_init(struct limiter *limiter, size_t max);
bool limiter_admits(const struct limiter *limiter, size_t in_flight);
void limiter_succeeded(struct limiter *limiter, size_t in_flight);
void limiter_overloaded(struct limiter *limiter, uint64_t now_ms);

/* --- budget.c: how much of the traffic may be retries ------------------------
 *
 * Each first attempt earns a tenth of a retry, and each second a whole one, up
 * to a small store: retries never multiply what an endpoint in trouble has to
 * bear, and never starve either.
 */

struct budget {
    double tokens;
    uint64_t filled_ms;
};

void budget_init(struct budget *budget, uint64_t now_ms);
void budget_earn(struct budget *budget);
bool budget_take(struct budget *budget, uint64_t now_ms);

/* --- rate.c: how many attempts an endpoint takes in a second -----------------
 *
 * A limit of concurrency does not find a limit of frequency: one attempt at a
 * time that is answered within 10 ms is a hundred a second. So refusals that
 * say "not so often" (429) are learned from. The first one starts a measurement
 * of what is accepted; the next one that comes after it sets the rate to what
 * was sustained in between, pauses that the endpoint asked for included, less a
 * tenth, and attempts wait for a token bucket of that rate. It grows by a small
 * part with each success, so that few attempts are spent on finding out whether
 * more is possible, and is lifted after a while without a refusal.
 */

struct rate {
    double per_second; /* 0: no limit is known */
    double tokens;
    uint64_t filled_ms;
    uint64_t refused_ms; /* the last that counted; 0: none */
    /* What was accepted, and in how much time: of the recent past */
    double accepted;
    double seconds;
    uint64_t measured_ms;
};

/* An attempt begins. `alone`: nothing else wanted to go there, so that the time
 * before it says nothing about the endpoint. */
void rate_take(struct rate *rate, bool alone, uint64_t now_ms);
void rate_accepted(struct rate *rate, uint64_t now_ms);
void rate_refused(struct rate *rate, uint64_t now_ms);
/* When the next attempt may begin; it may be in the past. */
uint64_t rate_not_before_ms(const struct rate *rate, uint64_t now_ms);
/* Attempts a second; 0: there is no limit. */
double rate_limit(const struct rate *rate, uint64_t now_ms);

#endif
