#ifndef WAYBILL_DELIVERY_H
#define WAYBILL_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/outcome.h"
#include "waybill/plan.h"

/*
 * What passes between the pipeline and an integration (integration.h): the
 * request to deliver one event, and the report of how that ended.
 */

/* One attempt to deliver an event for an attachment. The event, the attachment
 * and both arenas remain valid until the callback has been called or the
 * attempt is cancelled; the request itself only until deliver() returns. */
struct delivery_request {
    const struct event *event;
    const struct attachment *attachment;
    unsigned attempt;     /* counted from 1 */
    uint64_t deadline_ms; /* monotonic; no further attempt is made after it; 0
                             if there is no limit */
    /* An earlier attempt, perhaps by another instance, may have arrived
     * although its response was lost. An integration that can query its
     * destination does so first. False means that there was no earlier attempt,
     * or that each reported that it did not arrive. */
    bool may_have_arrived;
    const char *traceparent; /* for its requests; NULL if there is none */
    /* For bodies, everything else that this attempt needs, and the result. It
     * counts towards delivery.max_bytes. */
    struct arena *arena;
    /* A delivery may consist of several requests. The integration can keep its
     * progress here, in memory from `kept_arena`, until the record is finished.
     * NULL at first and after a restart. */
    void **progress;
    struct arena *kept_arena;
};

enum delivery_status {
    DELIVERY_SUCCEEDED,
    DELIVERY_SKIPPED, /* intentionally: a filter does not match, no material of
                         an accepted type */
    DELIVERY_FAILED,
};

/* The result of an attempt. It is valid until the callback returns; what
 * `result` points to is in the attempt's arena. */
struct delivery_report {
    enum delivery_status status;
    struct delivery_result result; /* if succeeded */
    const char *skip_reason; /* if skipped; a sentence without a full stop */
    const struct error *err; /* if failed */
    /* If failed: true if it is certain that nothing of what this attempt still
     * had to send has arrived, so that another attempt repeats nothing. If
     * unsure, leave it false. */
    bool did_not_arrive;
    /* The endpoint wants no further request for so long, whatever the status;
     * for a failure that is retried, err->retry_after_ms says so. 0: nothing
     * stated */
    uint32_t pause_ms;
};

typedef void delivery_done_fn(void *payload,
                              const struct delivery_report *report);

#endif
