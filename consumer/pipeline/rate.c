#include "policy.h"

/* The part of the sustained rate that is used */
#define USED_SHARE 0.9
/* Factor for each success: at 1.001 some hundred attempts lie between two
 * rejections. */
#define GROWTH 1.001
/* No lower rate is learned: for such an endpoint its Retry-After is the better
 * source. */
#define MIN_PER_SECOND 0.1
/* Depth of the token bucket in seconds; it compensates for late timers. */
#define BURST_SECONDS 0.25
/* Concurrent attempts are rejected together and count as one rejection. */
#define REFUSAL_INTERVAL_MS 1000
/* Time constant of the moving average */
#define WINDOW_SECONDS 15.0
/* After so long without a rejection the limit is removed, and the measurement
 * is discarded. */
#define EXPIRY_MS ((uint64_t)120 * 1000)
#define FORGET_MS ((uint64_t)600 * 1000)

static bool is_measuring(const struct rate *rate, uint64_t now_ms)
{
    return rate->refused_ms > 0 && now_ms - rate->refused_ms < FORGET_MS;
}

double rate_limit(const struct rate *rate, uint64_t now_ms)
{
    return rate->refused_ms > 0 && now_ms - rate->refused_ms < EXPIRY_MS
               ? rate->per_second
               : 0;
}

/* Both sums decay by the same factor, so that their quotient is the average of
 * about the last WINDOW_SECONDS. */
static void measure(struct rate *rate, uint64_t now_ms)
{
    double passed = (double)(now_ms - rate->measured_ms) / 1000;
    double decay = 1 / (1 + passed / WINDOW_SECONDS);

    rate->seconds = (rate->seconds + passed) * decay;
    rate->accepted *= decay;
    rate->measured_ms = now_ms;
}

static double tokens_at(const struct rate *rate, uint64_t now_ms)
{
    double burst = rate->per_second * BURST_SECONDS;
    double tokens = rate->tokens + (double)(now_ms - rate->filled_ms) / 1000 *
                                       rate->per_second;

    burst = burst > 1 ? burst : 1;
    return tokens < burst ? tokens : burst;
}

static void fill(struct rate *rate, uint64_t now_ms)
{
    rate->tokens = tokens_at(rate, now_ms);
    rate->filled_ms = now_ms;
}

void rate_take(struct rate *rate, bool alone, uint64_t now_ms)
{
    if (alone) {
        rate->measured_ms = now_ms;
    }
    if (rate_limit(rate, now_ms) > 0) {
        fill(rate, now_ms);
        rate->tokens--;
    } else {
        rate->per_second = 0;
    }
}

void rate_accepted(struct rate *rate, uint64_t now_ms)
{
    if (!is_measuring(rate, now_ms)) {
        return;
    }
    measure(rate, now_ms);
    rate->accepted++;
    if (rate->per_second > 0) {
        fill(rate, now_ms);
        rate->per_second *= GROWTH;
    }
}

/* The sum is increased by one, because no acceptance within a short measurement
 * does not mean a rate of zero. */
static void lower_rate(struct rate *rate, uint64_t now_ms)
{
    double known = rate_limit(rate, now_ms);
    double sustained;

    measure(rate, now_ms);
    sustained = (rate->accepted + 1) / (rate->seconds > 1 ? rate->seconds : 1);
    sustained = known > 0 && known < sustained ? known : sustained;
    rate->per_second = sustained * USED_SHARE;
    if (rate->per_second < MIN_PER_SECOND) {
        rate->per_second = MIN_PER_SECOND;
    }
    rate->tokens = 0;
    rate->filled_ms = now_ms;
}

void rate_refused(struct rate *rate, uint64_t now_ms)
{
    if (!is_measuring(rate, now_ms)) {
        *rate = (struct rate){.refused_ms = now_ms, .measured_ms = now_ms};
    } else if (now_ms - rate->refused_ms >= REFUSAL_INTERVAL_MS) {
        lower_rate(rate, now_ms);
        rate->refused_ms = now_ms;
    }
}

static uint64_t rounded_up(double ms)
{
    uint64_t whole = (uint64_t)ms;

    return (double)whole < ms ? whole + 1 : whole;
}

uint64_t rate_not_before_ms(const struct rate *rate, uint64_t now_ms)
{
    double missing;
    uint64_t time_ms;

    if (rate_limit(rate, now_ms) <= 0) {
        return now_ms;
    }
    missing = 1 - tokens_at(rate, now_ms);
    if (missing <= 0) {
        return now_ms;
    }
    time_ms = now_ms + rounded_up(missing / rate->per_second * 1000);
    return time_ms < rate->refused_ms + EXPIRY_MS
               ? time_ms
               : rate->refused_ms + EXPIRY_MS;
}
