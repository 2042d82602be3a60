#ifndef WAYBILL_PIPELINE_INTERNAL_H
#define WAYBILL_PIPELINE_INTERNAL_H

#include "scheduler.h"
#include "waybill/pipeline.h"

/* --- record.c ----------------------------------------------------------------
 */

struct record {
    struct pipeline *pipeline;
    struct arena *arena;
    struct input input;
    struct event event;
    struct plan plan;
    struct delivery *deliveries;
    size_t delivery_count;
    size_t reported;     /* deliveries whose outcome was reported */
    int64_t received_ms; /* wall-clock time */
    uint64_t received_mono_ms;
    size_t content_size; /* decoded content that pipeline->bytes already
                            includes */
    bool is_skipped;     /* an event of another type, without an outcome */
    struct task finished;
    record_delivery_fn *done;
    void *payload;
};

/* True if a delivery has an outcome that done() has not been called for. */
bool record_has_unreported_outcome(const struct record *record);
bool record_has_begun(const struct record *record); /* an attempt */
/* Prevents further attempts; with `at_once` also cancels those in flight.
 * Returns true if attempts are still in flight, which may yet have an
 * outcome. */
bool record_abandon(struct record *record, bool at_once);
/* True if no attempt is in flight and all unfinished deliveries may be shed. */
bool record_may_be_shed(const struct record *record);
void record_note_shed(struct record *record);
/* Ends deliveries by scheduler_expire(). Returns true if any has ended. */
bool record_expire(struct record *record);

/* --- pipeline.c --------------------------------------------------------------
 */

struct pipeline {
    STAILQ_ENTRY(pipeline) link; /* among the predecessors or the retired */
    struct pipeline_options options;
    struct integration_context context;
    struct integration_set *integrations;
    struct scheduler scheduler;
    size_t records; /* records that belong to it */
    size_t bytes;   /* memory of these records and of their attempts */
};

#endif
