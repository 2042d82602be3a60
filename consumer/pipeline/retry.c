#include "scheduler.h"

/* Whether another attempt follows one that has failed, and when. Pure, but for
 * the random source. */

/* Somebody is waiting: no pause is longer than this (PIPELINE_ONCE). */
#define MAX_IMPATIENT_PAUSE_MS 2000

static const struct pipeline_options *options_of(
    const struct delivery *delivery)
{
    return delivery->queue->endpoint->scheduler->options;
}

static bool is_service(const struct delivery *delivery)
{
    return scheduler_is_service(delivery->queue->endpoint->scheduler);
}

static uint64_t age_ms(const struct delivery *delivery)
{
    return loop_now(options_of(delivery)->loop) - delivery->started_ms +
           delivery->aged_ms;
}

bool retry_is_aged(const struct delivery *delivery)
{
    return delivery->outcome.attempts > 0 &&
           age_ms(delivery) >=
               options_of(delivery)->settings->delivery.max_age_ms;
}

uint64_t retry_deadline_ms(const struct delivery *delivery)
{
    uint64_t max_age_ms = options_of(delivery)->settings->delivery.max_age_ms;

    if (!is_service(delivery) || delivery->aged_ms >= max_age_ms) {
        return 0;
    }
    return delivery->started_ms + max_age_ms - delivery->aged_ms;
}

static bool is_used_up(const struct delivery *delivery)
{
    const struct delivery_settings *settings =
        &options_of(delivery)->settings->delivery;

    return delivery->outcome.attempts >= settings->max_attempts &&
           (!is_service(delivery) || retry_is_aged(delivery));
}

enum retry_verdict retry_after(const struct delivery *delivery,
                               const struct error *err)
{
    switch (disposition_of(err)) {
    case DISPOSITION_RETRY:
    case DISPOSITION_BACK_OFF:
        return is_used_up(delivery) ? RETRY_NEVER : RETRY_LATER;
    case DISPOSITION_HOLD:
        return is_service(delivery) ? RETRY_HELD : RETRY_NEVER;
    case DISPOSITION_DEAD_LETTER:
    case DISPOSITION_FATAL:
    case DISPOSITIONS:
        break;
    }
    return RETRY_NEVER;
}

/* Full jitter (random up to the bound): retries of many records spread out. */
static uint64_t backoff_ms(const struct delivery *delivery, uint64_t max_ms)
{
    const struct pipeline_options *options = options_of(delivery);
    uint64_t bound = options->settings->delivery.backoff_initial_ms;

    for (unsigned i = 1; i < delivery->outcome.attempts && bound < max_ms;
         i++) {
        bound *= 2;
    }
    bound = bound < max_ms ? bound : max_ms;
    return 1 + random_below(options->random, bound);
}

uint64_t retry_pause_ms(const struct delivery *delivery,
                        const struct error *err)
{
    const struct delivery_settings *settings =
        &options_of(delivery)->settings->delivery;
    bool waits = !is_service(delivery);
    uint64_t pause = backoff_ms(delivery, waits ? MAX_IMPATIENT_PAUSE_MS
                                                : settings->backoff_max_ms);

    if (disposition_of(err) == DISPOSITION_HOLD) {
        return settings->hold_retry_ms;
    }
    /* Not all of those who were told the same time come at that time. */
    pause += err->retry_after_ms;
    return waits && pause > MAX_IMPATIENT_PAUSE_MS ? MAX_IMPATIENT_PAUSE_MS
                                                   : pause;
}
