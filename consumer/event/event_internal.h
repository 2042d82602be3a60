#ifndef WAYBILL_EVENT_INTERNAL_H
#define WAYBILL_EVENT_INTERNAL_H

#include "waybill/arena.h"
#include "waybill/event.h"
#include "waybill/event_content.h"
#include "waybill/json.h"
#include "waybill/message.h"

/* recognize.c: sets *err and returns -1 if a known form that is no event is the
 * value of the record, or its data, in
 * place of an event. */
int recognize_root(const struct json_at *data, const struct message *message,
                   struct error *err);
/* The same for a value in place of attestation.<expected>. */
int recognize_member(const struct json_at *at, const char *expected,
                     struct error *err);

/* attributes.c: the CloudEvents attributes of a record, and the location of its
 * data */
struct attributes {
    const char *id;
    const char *type;
    const char *time;
    struct trace_context trace;
    bool is_plain;              /* plain JSON, without CloudEvents */
    struct json *data_document; /* decoded data_base64; owned by the caller */
};

/* Rejects the formats of CloudEvents that are not JSON, by the content type. */
int attributes_check_format(const struct message *message,
                            struct error *err) NODISCARD;
int attributes_check_type(const char *type, struct error *err) NODISCARD;
/* `root` is the parsed value of the record; *ret_data is the location of the
 * event in it. */
int attributes_read(const struct message *message, const struct json_at *root,
                    struct arena *arena, struct attributes *ret_attributes,
                    struct json_at *ret_data, struct error *err) NODISCARD;

/* Reads the attributes from the headers alone, for records whose value cannot
 * be read. */
void attributes_read_headers(const struct message *message, struct arena *arena,
                             struct attributes *attributes);
/* Returns the type that the headers state in binary mode, or NULL. */
const char *attributes_header_type(const struct message *message,
                                   struct arena *arena);

/* Reads an id, which may be a string or a whole number. */
int read_id(const struct json_at *at, size_t max, struct arena *arena,
            const char **ret_text, struct error *err) NODISCARD;

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
