#ifndef WAYBILL_EVENT_H
#define WAYBILL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/digest.h"
#include "waybill/message.h"
#include "waybill/str.h"

/*
 * A decoded attestation event (wire format, section 1). The structs are plain
 * values allocated from the record's arena. A string that the event does not
 * have is NULL.
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

/* An image that the attestation describes */
struct subject {
    const char *ref; /* registry/repository */
    const char *digest;
    const char *media_type;
};

struct annotation {
    const char *name;
    const char *value;
};

/* An input or an output of the workflow run, for example an SBOM. Its content
 * is decoded on demand (event_content.h). */
struct material {
    const char *name;
    const char *type;
    const char *digest;
    const char *filename;
    const char *url; /* of the reference in the event */
    const struct annotation *annotations;
    size_t annotation_count;
    bool has_content;
};

/* The trace context of the record (trace.h). `parent` has been parsed and
 * written again; `state` is set only if `parent` is. */
struct trace_context {
    const char *parent;
    const char *state;
};

struct event {
    /* The event's own id or, without one, its position: topic/partition/offset,
     * or file/index */
    const char *id;
    const char *time;
    /* The CloudEvents type of an event that is not an attestation's; else
     * NULL */
    const char *other_type;
    struct trace_context trace;
    const char *organization;
    struct workflow workflow;
    struct run run;
    /* For a replayed dead letter: the only attachment that it concerns; else
     * NULL */
    const char *replay_attachment;
    /* The record that a replay replays; its topic is NULL otherwise */
    struct position replay_of;
    /* The DSSE envelope as it is stored, that is as Go's json.Marshal writes
     * its four fields, whatever the spelling in the event was. Its digest is
     * compared with the event's attestation.digest. */
    struct bytes envelope;
    struct digest envelope_digest;
    const struct subject *subjects;
    size_t subject_count;
    const struct material *materials;
    size_t material_count;
    /* Content decoded on demand; event_release() frees it. */
    struct event_content *content;
};

#endif
