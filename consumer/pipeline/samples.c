#include "samples.h"

#include <string.h>

/* Classes between two powers of two. Durations of less than twice as many
 * milliseconds have a class each. */
#define PER_OCTAVE ((size_t)8)

static size_t class_of(uint64_t duration_ms)
{
    uint32_t ms = duration_ms < UINT32_MAX ? (uint32_t)duration_ms : UINT32_MAX;
    unsigned shift = 0;

    while (ms >> shift >= 2 * PER_OCTAVE) {
        shift++;
    }
    return PER_OCTAVE * shift + (ms >> shift);
}

/* The middle of a class */
static uint32_t value_of(size_t class)
{
    uint64_t shift = class < 2 * PER_OCTAVE ? 0 : class / PER_OCTAVE - 1;
    uint64_t low =
        class < 2 * PER_OCTAVE ? class : PER_OCTAVE + class % PER_OCTAVE;

    return (uint32_t)((low << shift) + ((1ULL << shift) >> 1));
}

/* The smallest duration that at least so many percent do not exceed */
static uint32_t percentile(const struct samples *samples, unsigned percent)
{
    uint64_t total = 0;
    uint64_t seen = 0;

    for (size_t i = 0; i < SAMPLES_CLASSES; i++) {
        total += samples->durations[i];
    }
    for (size_t i = 0; i < SAMPLES_CLASSES; i++) {
        seen += samples->durations[i];
        if (seen > 0 && seen * 100 >= total * percent) {
            return value_of(i);
        }
    }
    return 0;
}

void samples_init(struct samples *samples, uint64_t now_ms)
{
    *samples = (struct samples){.begin_ms = now_ms};
}

void samples_observe(struct samples *samples, uint64_t duration_ms)
{
    samples->durations[class_of(duration_ms)]++;
}

static void append(struct samples *samples, const struct status_sample *sample)
{
    samples->ring[samples->total++ % STATUS_SAMPLES] = *sample;
    samples->begin_ms += STATUS_SAMPLE_MS;
}

/* Everything that was counted since the interval began belongs to it. */
static void end_interval(struct samples *samples,
                         const struct service_counts *counts)
{
    const uint64_t *now = counts->deliveries;
    const uint64_t *before = samples->deliveries;
    const struct status_sample sample = {
        .consumed = (uint32_t)(counts->consumed - samples->consumed),
        .succeeded =
            (uint32_t)(now[OUTCOME_SUCCEEDED] - before[OUTCOME_SUCCEEDED]),
        .failed = (uint32_t)(now[OUTCOME_FAILED] - before[OUTCOME_FAILED]),
        .median_ms = percentile(samples, 50),
        .p95_ms = percentile(samples, 95),
    };

    append(samples, &sample);
    samples->consumed = counts->consumed;
    memcpy(samples->deliveries, now, sizeof(samples->deliveries));
    memset(samples->durations, 0, sizeof(samples->durations));
}

void samples_tick(struct samples *samples, const struct service_counts *counts,
                  uint64_t now_ms)
{
    static const struct status_sample empty;
    uint64_t missed;

    if (now_ms < samples->begin_ms + STATUS_SAMPLE_MS) {
        return;
    }
    end_interval(samples, counts);
    missed = (now_ms - samples->begin_ms) / STATUS_SAMPLE_MS;
    if (missed > STATUS_SAMPLES) {
        samples->begin_ms += (missed - STATUS_SAMPLES) * STATUS_SAMPLE_MS;
        missed = STATUS_SAMPLES;
    }
    for (; missed > 0; missed--) {
        append(samples, &empty);
    }
}

void samples_get(const struct samples *samples,
                 struct status_samples *ret_samples)
{
    size_t count = samples->total < STATUS_SAMPLES ? (size_t)samples->total
                                                   : STATUS_SAMPLES;

    ret_samples->count = count;
    for (size_t i = 0; i < count; i++) {
        ret_samples->items[i] =
            samples->ring[(samples->total - count + i) % STATUS_SAMPLES];
    }
}
