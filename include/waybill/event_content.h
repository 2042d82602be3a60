#ifndef WAYBILL_EVENT_CONTENT_H
#define WAYBILL_EVENT_CONTENT_H

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/json.h"

/*
 * What an event carries and few deliveries need: the signed statement and the
 * materials' contents. Nothing of it is decoded before somebody asks, and the
 * statement only once.
 */

/* Of an in-toto statement: `digest` is "sha256:..." where it has one, else the
 * first that it has, "algorithm:hex". */
struct statement_subject {
    const char *name;
    const char *digest; /* NULL: none */
};

/* An in-toto statement (v0.1 and v1). It lives until event_release(). */
struct statement {
    const char *type; /* _type */
    const char *predicate_type;
    const struct statement_subject *subjects;
    size_t subject_count;
    const struct json *predicate; /* NULL: it has none */
    const struct json *document;  /* all of it */
    struct bytes bytes;           /* as signed */
};

/* The statement that the event's envelope signs, or NULL and why: its payload
 * is larger than LIMIT_STATEMENT, no in-toto statement, or not JSON. Fails with
 * ERROR_SCHEMA or ERROR_TOO_LARGE, and then the same way each time. */
const struct statement *event_statement(const struct event *event,
                                        struct error *err);

/* The content of the event's material at that index, decoded into the arena. It
 * must have one (material.has_content). */
int event_material_content(const struct event *event, size_t index,
                           struct arena *arena, struct bytes *ret_content,
                           struct error *err) NODISCARD;

/* Bytes held beside the record's arena */
size_t event_content_size(const struct event *event);
/* Frees what was decoded. An event that could not be read is fine. */
void event_release(struct event *event);

#endif
