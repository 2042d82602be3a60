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
    size_t reported; /* deliveries, with an outcome */
    int64_t fed_ms;  /* wall */
    uint64_t fed_mono_ms;
    size_t content_size; /* of the event, that is counted already */
    struct task finished;
    record_delivery_fn *done;
    void *payload;
};

/* Something of it is over that has not been reported yet. */
bool record_has_news(const struct record *record);
bool record_has_begun(const struct record *record); /* an attempt of it */
/* No attempt of it begins any more, and with `at_once` none goes on; true: some
 * are in flight, and may still have an outcome. */
bool record_abandon(struct record *record, bool at_once);
/* What it waits for is in trouble, or slow: others are better served by what
 * comes after it. */
bool record_may_be_shed(const struct record *record);
void record_note_shed(struct record *record);

/* --- pipeline.c --------------------------------------------------------------
 */

struct pipeline {
    STAILQ_ENTRY(pipeline) link; /* among those that have had their time */
    struct pipeline_options options;
    struct integration_context context;
    struct integration_set *integrations;
    struct scheduler scheduler;
    size_t records; /* that are of it */
    size_t bytes;   /* ... that these hold, and what their attempts need */
};

#endif
