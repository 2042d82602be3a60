#ifndef WAYBILL_SAMPLES_H
#define WAYBILL_SAMPLES_H

#include "waybill/status.h"

/* Durations are counted in classes that are an eighth of a power of two
 * wide, so that a percentile is known to one sixteenth of its value. */
#define SAMPLES_CLASSES 240

/* Samples of the counters, for the charts of the status page. The memory is
 * bounded: a ring of fifteen minutes, and one interval that is being counted.
 * It does no I/O. */
struct samples {
    struct status_sample ring[STATUS_SAMPLES];
    uint64_t total;    /* samples since the start */
    uint64_t begin_ms; /* monotonic start of the current interval */
    uint64_t consumed; /* the counters at that time */
    uint64_t deliveries[OUTCOME_STATUSES];
    uint32_t durations[SAMPLES_CLASSES]; /* of the current interval */
};

void samples_init(struct samples *samples, uint64_t now_ms);
/* Adds the duration of a delivery to the current interval. */
void samples_observe(struct samples *samples, uint64_t duration_ms);
/* Ends the current interval if it is over. Intervals that passed unnoticed,
 * because the loop was blocked, are empty. Call it more often than every
 * STATUS_SAMPLE_MS. */
void samples_tick(struct samples *samples, const struct service_counts *counts,
                  uint64_t now_ms);
/* Copies the ring. `end_ms` is left to the caller. */
void samples_get(const struct samples *samples,
                 struct status_samples *ret_samples);

#endif
