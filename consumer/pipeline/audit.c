#include <stdio.h>

#include "audit.h"
#include "waybill/log.h"
#include "waybill/trace.h"

/*
 * Writes the log line of an outcome after its commit has succeeded. Before that
 * another instance might still repeat the delivery. All lines of all instances
 * together equal the topic of outcomes, except that a process that is killed
 * after the commit, or loses the partition during it, writes no line. The topic
 * is authoritative; the line is for those who read the log.
 *
 * The messages and the names of the fields are an interface
 * (deploy/reference/log.md).
 */

/* Parts of a traceparent; empty if there is no_attachment */
struct trace_text {
    char id[TRACE_ID_LEN + 1];
    char span[TRACE_SPAN_LEN + 1];
};

static struct trace_text trace_of(const struct outcome *outcome)
{
    const char *event = outcome->event->trace.parent;
    struct trace_text text = {0};

    if (event != NULL) {
        snprintf(text.id, sizeof(text.id), "%.32s", trace_id_of(event));
    }
    if (outcome->traceparent != NULL) {
        snprintf(text.span, sizeof(text.span), "%.16s",
                 trace_span_of(outcome->traceparent));
    }
    return text;
}

static const char *null_if_empty(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static const char *class_of(const struct error *err)
{
    return err->kind != ERROR_NONE ? error_class(err->kind) : NULL;
}

/* An event that no attachment selects is skipped as a whole. */
static const char *message_of(const struct outcome *outcome)
{
    static const char *const messages[] = {"delivery succeeded",
                                           "delivery failed", "event skipped"};
    _Static_assert(ARRAY_SIZE(messages) == OUTCOME_STATUSES, "one each");

    return outcome->status == OUTCOME_SKIPPED && outcome->attachment != NULL
               ? "delivery skipped"
               : messages[outcome->status];
}

void audit_outcome(const struct outcome *outcome, const char *dead_letter_topic)
{
    static const struct registration no_registration = {.name = NULL};
    static const struct attachment no_attachment = {.registration =
                                                        &no_registration};
    static const struct error no_error = {.kind = ERROR_NONE};
    const struct input *input = outcome->input;
    bool failed = outcome->status == OUTCOME_FAILED;
    const struct attachment *attachment =
        outcome->attachment != NULL ? outcome->attachment : &no_attachment;
    const struct workflow *workflow = &outcome->event->workflow;
    const struct delivery_result *result = &outcome->result;
    const struct artifact *artifact = result->artifact;
    const struct error *err = failed ? &outcome->error : &no_error;
    struct trace_text trace = trace_of(outcome);

    log_write(
        failed ? LOG_WARN : LOG_INFO, "pipeline", message_of(outcome),
        LOG_TEXT("event_id", outcome->event->id),
        LOG_TEXT("workflow", workflow->name ? workflow->name : workflow->id),
        LOG_TEXT("project", workflow->project),
        LOG_TEXT("attachment", attachment->name),
        LOG_TEXT("registration", attachment->registration->name),
        LOG_TEXT("integration", attachment->registration->integration),
        LOG_TEXT("topic", input->message.topic),
        LOG_NUMBER("partition", input->partition),
        LOG_NUMBER("offset", input->offset),
        LOG_NUMBER("attempt", outcome->attempts),
        LOG_NUMBER("duration_ms", outcome->duration_ms),
        LOG_TEXT("reference", result->reference),
        LOG_TEXT("digest", artifact != NULL ? artifact->digest : NULL),
        LOG_FLAG_IF(result->reference, "already_present",
                    result->already_present),
        LOG_TEXT("skip_reason", outcome->skip_reason),
        LOG_TEXT("dead_letter",
                 outcome->dead_letter ? dead_letter_topic : NULL),
        LOG_TEXT("err", null_if_empty(err->message)),
        LOG_TEXT("err_class", class_of(err)),
        /* Deprecated: the name of err_class until 0.2 */
        LOG_TEXT("err_kind", class_of(err)),
        LOG_TEXT("err_code", null_if_empty(err->code)),
        LOG_NUMBER_IF(err->http_status, "http_status", err->http_status),
        LOG_TEXT("trace_id", null_if_empty(trace.id)),
        LOG_TEXT("span_id", null_if_empty(trace.span)));
}
