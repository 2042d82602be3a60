#ifndef WAYBILL_OUTCOME_H
#define WAYBILL_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/message.h"
#include "waybill/plan.h"

/* An artifact that was pushed to an OCI registry (wire format, section 2:
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

/* A part of a delivery with several parts, such as a layout or a material */
struct delivery_item {
    const char *name;
    const char *reference; /* NULL if none */
    bool already_present;
};

/* The result of a delivery, for any kind of integration (wire format, section
 * 2: `result`). Members that do not apply are NULL or 0. No member contains a
 * secret. */
struct delivery_result {
    const char *reference; /* as the destination names it */
    const char *id;        /* identifier at the destination */
    const char *url;       /* page that a person can open */
    bool already_present;
    const struct delivery_item *items;
    size_t item_count;
    const struct artifact *artifact; /* OCI registries only */
};

enum outcome_status {
    OUTCOME_SUCCEEDED,
    OUTCOME_FAILED,
    OUTCOME_SKIPPED,
    OUTCOME_STATUSES, /* number of statuses */
};

/*
 * The outcome of one delivery, or of a record without deliveries: skipped, or
 * failed before its deliveries were planned. A plain value allocated from the
 * record's arena.
 */
struct outcome {
    enum outcome_status status;
    const struct input *input;
    const struct event *event;           /* NULL if it could not be read */
    const struct attachment *attachment; /* NULL if there was no delivery */
    struct delivery_result result;       /* if succeeded */
    const char *skip_reason;             /* if skipped */
    struct error error;                  /* if failed */
    bool dead_letter;                    /* if failed */
    /* possibly_repeated: an earlier attempt may have arrived, and the
     * destination cannot be asked, so that it may have the delivery twice. Set
     * only for integrations where a repetition is visible. */
    bool repetition_is_visible;
    bool possibly_repeated;
    unsigned attempts;
    int64_t started_ms; /* wall-clock time, as are the next two */
    int64_t finished_ms;
    int64_t first_failed_ms; /* 0 if no attempt failed */
    uint64_t duration_ms;    /* monotonic */
    const char *traceparent; /* of the delivery's own requests; NULL if none */
};

#endif
