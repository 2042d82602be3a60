#ifndef WAYBILL_OUTCOME_H
#define WAYBILL_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/message.h"
#include "waybill/plan.h"

/* What was pushed, and where to (wire format, section 2: `artifact`) */
struct artifact {
    const char *registry;
    const char *repository;
    const char *reference;
    const char *tag;
    const char *digest;
    const char *media_type;
    const char *artifact_type; /* NULL in the chainloop layout */
    size_t size;
    const char *layer_digest;
    const char *layout;
    bool already_present;
};

enum outcome_status {
    OUTCOME_SUCCEEDED,
    OUTCOME_FAILED,
    OUTCOME_SKIPPED,
    OUTCOME_STATUSES, /* how many there are */
};

/*
 * What became of one delivery, or of a record that led to none: skipped, or
 * failed before there was a plan. Only values; they live in the record's arena.
 */
struct outcome {
    enum outcome_status status;
    const struct input *input;
    const struct event *event;           /* NULL: could not be read */
    const struct attachment *attachment; /* NULL: no delivery */
    struct artifact artifact;            /* when succeeded */
    struct error error;                  /* when failed */
    bool dead_letter;                    /* when failed */
    unsigned attempts;
    int64_t started_ms; /* wall time, as the next two */
    int64_t finished_ms;
    int64_t first_failed_ms; /* 0: no attempt failed */
    uint64_t duration_ms;    /* monotonic */
    const char *traceparent; /* of the delivery's own requests; NULL: none */
};

#endif
