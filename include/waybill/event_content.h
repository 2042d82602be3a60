#ifndef WAYBILL_EVENT_CONTENT_H
#define WAYBILL_EVENT_CONTENT_H

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/json.h"

/*
 * The parts of an event that few deliveries need: the signed statement and the
 * contents of the materials. They are decoded on demand, the statement only
 * once.
 */

/* A subject of an in-toto statement. `digest` is "sha256:..." if there is one,
 * else the first digest as "algorithm:hex". */
struct statement_subject {
    const char *name;
    const char *digest; /* NULL if none */
};

/* An in-toto statement (v0.1 or v1), valid until event_release() */
struct statement {
    const char *type; /* _type */
    const char *predicate_type;
    const struct statement_subject *subjects;
    size_t subject_count;
    const struct json *predicate; /* NULL if there is none */
    const struct json *document;  /* the complete statement */
    struct bytes bytes;           /* the bytes that were signed */
};

/* Returns the statement that the envelope signs. Returns NULL and sets *err
 * (ERROR_SCHEMA or ERROR_TOO_LARGE) if the payload is larger than
 * LIMIT_STATEMENT, not JSON, or not an in-toto statement. Repeated calls give
 * the same result. */
const struct statement *event_statement(const struct event *event,
                                        struct error *err);

/* Decodes the content of the material at `index` into the arena. The material
 * must have a content (material.has_content). */
int event_material_content(const struct event *event, size_t index,
                           struct arena *arena, struct bytes *ret_content,
                           struct error *err) NODISCARD;

/* Returns the memory used by decoded content, in bytes, outside of the record's
 * arena. */
size_t event_content_size(const struct event *event);
/* Frees decoded content. An event that event_decode() failed for is allowed. */
void event_release(struct event *event);

#endif
