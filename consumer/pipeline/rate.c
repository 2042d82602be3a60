#include "policy.h"

/* What is sent, of what was sustained */
#define SHARE 0.9
/* For each success: some hundred are sent between two refusals. */
#define GROWTH 1.001
/* Slower than this nothing is learned: a pause that is asked for (Retry-After)
 * says more about such an endpoint. */
#define MIN_PER_SECOND 0.1
/* So much may be sent at once after a time with less: timers are not exact. */
#define BURST_SECONDS 0.25
/* Those that were sent together are refused together. */
#define ROUND_MS 1000
#define WINDOW_SECONDS 15.0
/* Without a refusal, the limit is lifted, and the measurement forgotten. */
#define LIFT_MS ((uint64_t)120 * 1000)
#define FORGET_MS ((uint64_t)600 * 1000)

static bool is_measuring(const struct rate *rate, uint64_t now_ms)
{
    return rate->refused_ms > 0 && now_ms - rate->refused_ms < FORGET_MS;
}

double rate_limit(const struct rate *rate, uint64_t now_ms)
{
    return rate->refused_ms > 0 && now_ms - rate->refused_ms < LIFT_MS
               ? rate->per_second
               : 0;
}

/* Both fade alike, so that their quotient is that of about the last
 * WINDOW_SECONDS. */
static void measure(struct rate *rate, uint64_t now_ms)
{
    double passed = (double)(now_ms - rate->measured_ms) / 1000;
    double fade = 1 / (1 + passed / WINDOW_SECONDS);

    rate->seconds = (rate->seconds + passed) * fade;
    rate->accepted *= fade;
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

/* One more than were accepted: nothing within a second does not mean never. */
static void learn(struct rate *rate, uint64_t now_ms)
{
    double known = rate_limit(rate, now_ms);
    double sustained;

    measure(rate, now_ms);
    sustained = (rate->accepted + 1) / (rate->seconds > 1 ? rate->seconds : 1);
    sustained = known > 0 && known < sustained ? known : sustained;
    rate->per_second = sustained * SHARE;
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
    } else if (now_ms - rate->refused_ms >= ROUND_MS) {
        learn(rate, now_ms);
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
    double lacking;
    uint64_t time_ms;

    if (rate_limit(rate, now_ms) <= 0) {
        return now_ms;
    }
    lacking = 1 - tokens_at(rate, now_ms);
    if (lacking <= 0) {
        return now_ms;
    }
    time_ms = now_ms + rounded_up(lacking / rate->per_second * 1000);
    return time_ms < rate->refused_ms + LIFT_MS ? time_ms
                                                : rate->refused_ms + LIFT_MS;
}
