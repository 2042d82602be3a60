#include <string.h>

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

/* trace.h takes no longer ones. */
#define MAX_HEADER 1024

/* Both may be NULL. The state goes with the parent that it came with, or not at
 * all. */
static bool take(const char *parent, const char *state, struct arena *arena,
                 struct trace_context *trace)
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
    static const char *const names[][2] = {
        {"ce_traceparent", "ce_tracestate"},
        {"traceparent", "tracestate"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (take(message_header_text(message, names[i][0], MAX_HEADER, arena),
                 message_header_text(message, names[i][1], MAX_HEADER, arena),
                 arena, trace)) {
            return;
        }
    }
}

void trace_of_members(const struct json_at *root, struct arena *arena,
                      struct trace_context *trace)
{
    (void)take(json_text(json_member(root->value, "traceparent")),
               json_text(json_member(root->value, "tracestate")), arena, trace);
}
