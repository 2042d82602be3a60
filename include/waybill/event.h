#ifndef WAYBILL_EVENT_H
#define WAYBILL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/digest.h"
#include "waybill/str.h"

/*
 * An attestation event, decoded (wire format, section 1). Only values; they
 * live in the record's arena. A string that the event does not have is NULL.
 */
struct workflow {
    const char *id;
    const char *name;
    const char *project;
    const char *team;
};

struct run {
    const char *id;
    const char *state;
    const char *started_at;
    const char *finished_at;
    const char *runner_type;
    const char *url;
};

/* An image that the attestation is about */
struct subject {
    const char *ref; /* registry/repository */
    const char *digest;
    const char *media_type;
};

struct annotation {
    const char *name;
    const char *value;
};

/* What went into the run or came out of it, an SBOM for example. Its content is
 * decoded when it is asked for (event_content.h). */
struct material {
    const char *name;
    const char *type;
    const char *digest;
    const char *filename;
    const char *url; /* of a reference */
    const struct annotation *annotations;
    size_t annotation_count;
    bool has_content;
};

/* The trace that the record belongs to (trace.h): `parent` as it was read and
 * written anew, `state` only beside it. */
struct trace_context {
    const char *parent;
    const char *state;
};

struct event {
    /* Its own, or where it stands: topic/partition/offset, file/index */
    const char *id;
    const char *time;
    struct trace_context trace;
    const char *organization;
    struct workflow workflow;
    struct run run;
    /* Of a replayed dead letter: the only attachment that it is for */
    const char *replay_attachment;
    /* The DSSE envelope as it is stored: Go's json.Marshal of its four fields,
     * whatever the event's own spelling was. Its digest is what the event's
     * attestation.digest is held against. */
    struct bytes envelope;
    struct digest envelope_digest;
    const struct subject *subjects;
    size_t subject_count;
    const struct material *materials;
    size_t material_count;
    /* What has been decoded on demand; event_release() frees it. */
    struct event_content *content;
};

#endif
