#ifndef WAYBILL_STATUS_RECENT_H
#define WAYBILL_STATUS_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/outcome.h"

/* The part of the status (status.h) about the recent past: the last outcomes,
 * and a sample of the deliveries every ten seconds. Both are rings of a fixed
 * size. */

#define STATUS_RECENT 50
#define STATUS_TEXT_SIZE 96
#define STATUS_REASON_SIZE 256

/* A committed outcome. Texts that are longer are truncated between
 * characters. */
struct status_outcome {
    char id[STATUS_TEXT_SIZE]; /* of the event */
    char project[STATUS_TEXT_SIZE];
    char workflow[STATUS_TEXT_SIZE]; /* its name, or else its id */
    char topic[STATUS_TEXT_SIZE];
    int32_t partition;
    int64_t offset;
    char registration[STATUS_TEXT_SIZE];  /* empty if the record has no
                                             delivery */
    char destination[STATUS_REASON_SIZE]; /* the reference if it succeeded, or
                                             else where it would have gone;
                                             empty if that is not known */
    char reason[STATUS_REASON_SIZE];      /* why it failed or was skipped */
    enum outcome_status status;
    enum error_kind error; /* if failed */
    unsigned attempts;
    uint64_t duration_ms;
    int64_t at_ms;
};

#define STATUS_SAMPLES 90
#define STATUS_SAMPLE_MS 10000

/* What happened in one interval of STATUS_SAMPLE_MS */
struct status_sample {
    uint32_t consumed;  /* records */
    uint32_t succeeded; /* committed deliveries, as is the next */
    uint32_t failed;
    /* From the arrival of the record to the end of the delivery, estimated to
     * one sixteenth; without meaning if no delivery ended */
    uint32_t median_ms;
    uint32_t p95_ms;
};

struct status_samples {
    struct status_sample items[STATUS_SAMPLES]; /* the oldest first */
    size_t count;
    int64_t end_ms; /* wall-clock time of the end of the last interval */
};

#endif
