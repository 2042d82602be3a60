#ifndef WAYBILL_OUTCOME_H
#define WAYBILL_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/message.h"
#include "waybill/plan.h"

/* What was pushed to an OCI registry, and where (wire format, section 2:
 * `artifact`) */
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

/* A part of a delivery that consists of several: a layout, a material */
struct delivery_item {
    const char *name;
    const char *reference; /* NULL: none */
    bool already_present;
};

/* What a delivery has led to, whatever the kind of its integration (wire
 * format, section 2: `result`). NULL and 0 stand for what does not apply; no
 * member holds a secret. */
struct delivery_result {
    const char *reference; /* what was delivered, as its destination names it */
    const char *id;        /* that the destination gave it */
    const char *url;       /* for people to open */
    bool already_present;
    const struct delivery_item *items;
    size_t item_count;
    const struct artifact *artifact; /* of an OCI registry only */
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
    struct delivery_result result;       /* when succeeded */
    const char *skip_reason;             /* when skipped */
    struct error error;                  /* when failed */
    bool dead_letter;                    /* when failed */
    /* An earlier attempt may have arrived, and its destination offers no way to
     * ask: the same may be there twice. Only where repeating is visible. */
    bool repetition_is_visible;
    bool possibly_repeated;
    unsigned attempts;
    int64_t started_ms; /* wall time, as the next two */
    int64_t finished_ms;
    int64_t first_failed_ms; /* 0: no attempt failed */
    uint64_t duration_ms;    /* monotonic */
    const char *traceparent; /* of the delivery's own requests; NULL: none */
};

#endif
