#include "event_internal.h"
#include "waybill/trace.h"

/*
 * The trace that a record belongs to (W3C Trace Context), from the best of
 * three places: the event's own attribute in structured mode, in binary mode,
 * and the Kafka header in which instrumented producers leave theirs. The
 * attribute comes first because it is the trace that the event began in, while
 * the header's is that of whoever carried it last (CloudEvents' extension for
 * distributed tracing); as a rule the two are the same trace.
 *
 * What cannot be read is passed over, as Trace Context says. No trace is made
 * where none came.
 */

/* The state goes with the parent that it came with, or not at all. */
static bool take(struct bytes parent, struct bytes state, struct arena *arena,
                 struct trace_context *trace)
{
    char text[TRACE_PARENT_SIZE];

    if (!trace_parent_read((const char *)parent.data, parent.len, text)) {
        return false;
    }
    trace->parent = arena_strdup(arena, text);
    trace->state = trace_state_is_valid((const char *)state.data, state.len)
                       ? arena_printf(arena, "%.*s", (int)state.len,
                                      (const char *)state.data)
                       : NULL;
    return true;
}

static struct bytes header_bytes(const struct message *message,
                                 const char *name)
{
    const struct header *header = message_header(message, name);

    return header != NULL ? header->value : (struct bytes){NULL, 0};
}

void trace_of_headers(const struct message *message, struct arena *arena,
                      struct trace_context *trace)
{
    if (!take(header_bytes(message, "ce_traceparent"),
              header_bytes(message, "ce_tracestate"), arena, trace)) {
        (void)take(header_bytes(message, "traceparent"),
                   header_bytes(message, "tracestate"), arena, trace);
    }
}

static struct bytes member_bytes(const struct json_at *root, const char *name)
{
    const char *text = json_text(json_member(root->value, name));

    return text != NULL ? bytes_of(text) : (struct bytes){NULL, 0};
}

void trace_of_members(const struct json_at *root, struct arena *arena,
                      struct trace_context *trace)
{
    (void)take(member_bytes(root, "traceparent"),
               member_bytes(root, "tracestate"), arena, trace);
}
