#include <string.h>

#include "event_internal.h"
#include "waybill/trace.h"

/*
 * The trace context of a record (W3C Trace Context). Sources, in order of
 * precedence: the attribute in structured mode, the attribute in binary mode,
 * and the Kafka header of instrumented producers. The attribute takes
 * precedence because it identifies the trace in which the event was created,
 * while the header belongs to the last hop (CloudEvents Distributed Tracing
 * extension). Usually both are the same trace.
 *
 * Invalid values are ignored, as Trace Context requires. No trace is started if
 * there is none.
 */

/* Longer values are invalid (trace.h). */
#define MAX_HEADER 1024

/* Both may be NULL. The state is used only together with its own parent. */
static bool set_trace(const char *parent, const char *state,
                      struct arena *arena, struct trace_context *trace)
{
    char text[TRACE_PARENT_SIZE];

    if (parent == NULL || !trace_parent_read(parent, strlen(parent), text)) {
        return false;
    }
    trace->parent = arena_strdup(arena, text);
    trace->state = state != NULL && trace_state_is_valid(state, strlen(state))
                       ? arena_strdup(arena, state)
                       : NULL;
    return true;
}

void trace_of_headers(const struct message *message, struct arena *arena,
                      struct trace_context *trace)
{
    const char *const names[][2] = {
        {message_attribute(message, "traceparent"),
         message_attribute(message, "tracestate")},
        {"traceparent", "tracestate"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (set_trace(
                message_header_text(message, names[i][0], MAX_HEADER, arena),
                message_header_text(message, names[i][1], MAX_HEADER, arena),
                arena, trace)) {
            return;
        }
    }
}

void trace_of_members(const struct json_at *root, struct arena *arena,
                      struct trace_context *trace)
{
    (void)set_trace(json_text(json_member(root->value, "traceparent")),
                    json_text(json_member(root->value, "tracestate")), arena,
                    trace);
}
