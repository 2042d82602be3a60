#ifndef WAYBILL_EVENT_INTERNAL_H
#define WAYBILL_EVENT_INTERNAL_H

#include "waybill/arena.h"
#include "waybill/event.h"
#include "waybill/event_content.h"
#include "waybill/json.h"
#include "waybill/message.h"

/* attributes.c: what the record says about itself, and where its data is */
struct attributes {
    const char *id;
    const char *type;
    const char *time;
    struct trace_context trace;
    struct json *data_document; /* of data_base64; owned by the caller */
};

/* `root` is the value, parsed; *ret_data is the event proper within it. */
int attributes_read(const struct message *message, const struct json_at *root,
                    struct arena *arena, struct attributes *ret_attributes,
                    struct json_at *ret_data, struct error *err) NODISCARD;

/* What the headers alone say; for a record whose value cannot be read */
void attributes_peek(const struct message *message, struct arena *arena,
                     struct attributes *attributes);

/* tracing.c: none that can be read leaves *trace as it is. */
void trace_of_headers(const struct message *message, struct arena *arena,
                      struct trace_context *trace);
void trace_of_members(const struct json_at *root, struct arena *arena,
                      struct trace_context *trace);

/* envelope.c: a DSSE envelope, as Go's encoding/json would read it into
 * go-securesystemslib's dsse.Envelope, appended to *stored as json.Marshal
 * would write it. */
int envelope_read(const struct json_at *at, struct str *stored,
                  struct error *err) NODISCARD;

/* content.c */
struct event_content {
    const struct message *message; /* the record; outlives the event */
    bool decoded;                  /* tried to be */
    struct error failure;
    struct statement statement;
    struct json *tree;
    struct arena *arena;
};

/* bundle.c: the place of a Sigstore bundle's DSSE envelope */
int bundle_open(const struct json_at *at, struct json_at *ret_envelope,
                struct error *err) NODISCARD;

#endif
