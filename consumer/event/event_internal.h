#ifndef WAYBILL_EVENT_INTERNAL_H
#define WAYBILL_EVENT_INTERNAL_H

#include "waybill/arena.h"
#include "waybill/event.h"
#include "waybill/event_content.h"
#include "waybill/json.h"
#include "waybill/message.h"

/* attributes.c: the CloudEvents attributes of a record, and the location of its
 * data */
struct attributes {
    const char *id;
    const char *type;
    const char *time;
    struct trace_context trace;
    struct json *data_document; /* decoded data_base64; owned by the caller */
};

/* `root` is the parsed value of the record; *ret_data is the location of the
 * event in it. */
int attributes_read(const struct message *message, const struct json_at *root,
                    struct arena *arena, struct attributes *ret_attributes,
                    struct json_at *ret_data, struct error *err) NODISCARD;

/* Reads the attributes from the headers alone, for records whose value cannot
 * be read. */
void attributes_read_headers(const struct message *message, struct arena *arena,
                             struct attributes *attributes);

/* tracing.c: if no valid trace context is found, *trace remains unchanged. */
void trace_of_headers(const struct message *message, struct arena *arena,
                      struct trace_context *trace);
void trace_of_members(const struct json_at *root, struct arena *arena,
                      struct trace_context *trace);

/* envelope.c: parses a DSSE envelope as Go's encoding/json reads it into
 * dsse.Envelope of go-securesystemslib, and appends it to *stored as
 * json.Marshal writes it. */
int envelope_read(const struct json_at *at, struct str *stored,
                  struct error *err) NODISCARD;

/* content.c */
struct event_content {
    const struct message *message; /* the record; it outlives the event */
    bool decoded;                  /* an attempt was made, see `failure` */
    struct error failure;
    struct statement statement;
    struct json *tree;
    struct arena *arena;
};

/* bundle.c: locates the DSSE envelope in a Sigstore bundle. */
int bundle_open(const struct json_at *at, struct json_at *ret_envelope,
                struct error *err) NODISCARD;

#endif
