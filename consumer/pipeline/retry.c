#include "scheduler.h"

/* Decides whether and when another attempt follows a failed one. These
 * functions have no side effects except on the random source. */

/* The longest pause in PIPELINE_ONCE, where a person is_interactive */
#define MAX_INTERACTIVE_PAUSE_MS 2000

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
           delivery->previous_age_ms;
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

    if (!is_service(delivery) || delivery->previous_age_ms >= max_age_ms) {
        return 0;
    }
    return delivery->started_ms + max_age_ms - delivery->previous_age_ms;
}

static bool attempts_are_exhausted(const struct delivery *delivery)
{
    const struct delivery_settings *settings =
        &options_of(delivery)->settings->delivery;

    return delivery->outcome.attempts >= settings->max_attempts &&
           (!is_service(delivery) || retry_is_aged(delivery));
}

/* Others of its registration have succeeded since it was last refused: the
 * credentials are good, and the refusal concerns only this delivery. */
static bool is_refused_alone(const struct delivery *delivery)
{
    return delivery->refused &&
           registration_queue_newest(delivery->queue)->accepted >
               delivery->accepted;
}

enum retry_verdict retry_after(const struct delivery *delivery,
                               const struct error *err)
{
    switch (disposition_of(err)) {
    case DISPOSITION_RETRY:
    case DISPOSITION_BACK_OFF:
        return attempts_are_exhausted(delivery) ? RETRY_NEVER : RETRY_LATER;
    case DISPOSITION_HOLD:
        return is_service(delivery) && !(is_refused_alone(delivery) &&
                                         attempts_are_exhausted(delivery))
                   ? RETRY_HELD
                   : RETRY_NEVER;
    case DISPOSITION_SUSPEND:
        return is_service(delivery) ? RETRY_HELD : RETRY_NEVER;
    case DISPOSITION_DEAD_LETTER:
    case DISPOSITION_FATAL:
    case DISPOSITIONS:
        break;
    }
    return RETRY_NEVER;
}

/* Full jitter, that is a random pause up to the exponential bound, spreads the
 * retries of many records. */
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
    bool is_interactive = !is_service(delivery);
    uint64_t pause =
        backoff_ms(delivery, is_interactive ? MAX_INTERACTIVE_PAUSE_MS
                                            : settings->backoff_max_ms);

    if (disposition_of(err) == DISPOSITION_HOLD ||
        disposition_of(err) == DISPOSITION_SUSPEND) {
        return settings->hold_retry_ms;
    }
    /* The random part is added so that deliveries with the same Retry-After do
     * not come at the same time. */
    pause += err->retry_after_ms;
    return is_interactive && pause > MAX_INTERACTIVE_PAUSE_MS
               ? MAX_INTERACTIVE_PAUSE_MS
               : pause;
}
