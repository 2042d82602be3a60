#include "waybill/outcome_encode.h"

#include <string.h>

#include "waybill/clock.h"
#include "waybill/json.h"

/* The CloudEvents attributes of an outcome, in the order in which they are
 * written */
struct attributes {
    const char *id;
    const char *source;
    const char *type;
    const char *time;
    const char *subject; /* NULL if none, as are those below */
    const char *causationid;
    const char *traceparent;
    const char *tracestate;
};

static const char *const status_names[] = {"succeeded", "failed", "skipped"};

static const char *const types[] = {
    "dev.waybill.delivery.succeeded.v1",
    "dev.waybill.delivery.failed.v1",
    "dev.waybill.attestation.skipped.v1",
};

_Static_assert(ARRAY_SIZE(status_names) == OUTCOME_STATUSES, "one each");
_Static_assert(ARRAY_SIZE(types) == OUTCOME_STATUSES, "one each");

/* Either the whole event is skipped, or one of its deliveries. */
static const char *type_of(const struct outcome *outcome)
{
    return outcome->status == OUTCOME_SKIPPED && outcome->attachment != NULL
               ? "dev.waybill.delivery.skipped.v1"
               : types[outcome->status];
}

static const char *workflow_label(const struct event *event,
                                  struct arena *arena)
{
    const struct workflow *workflow = &event->workflow;

    if (workflow->id != NULL && *workflow->id != '\0') {
        return workflow->id;
    }
    if (workflow->project == NULL || workflow->name == NULL) {
        return NULL;
    }
    return arena_printf(arena, "%s/%s", workflow->project, workflow->name);
}

/* The record's own timestamp tells it from the record at the same offset of an
 * earlier topic of that name. */
static const char *position_of(const struct input *input, struct arena *arena)
{
    const struct message *message = &input->message;
    const char *at = arena_printf(arena, "%s/%d/%lld", message->topic,
                                  input->partition, (long long)input->offset);

    return message->timestamp_ms > 0
               ? arena_printf(arena, "%s@%lld", at,
                              (long long)message->timestamp_ms)
               : at;
}

/* The id is made only of the position, the timestamp and the attachment, so
 * that a duplicate is recognizable: in CloudEvents, equal source and id
 * identify the same event. */
const char *outcome_id(const struct outcome *outcome, struct arena *arena)
{
    const struct input *input = outcome->input;
    const char *attachment =
        outcome->attachment != NULL ? outcome->attachment->name : NULL;
    const char *slash = attachment != NULL ? "/" : "";

    attachment = attachment != NULL ? attachment : "";
    if (input->file != NULL) {
        return arena_printf(arena, "%s/%lld%s%s", input->file,
                            (long long)input->index, slash, attachment);
    }
    return arena_printf(arena, "%s%s%s", position_of(input, arena), slash,
                        attachment);
}

static void fill_attributes(const struct outcome *outcome,
                            const struct outcome_style *style,
                            struct arena *arena, struct attributes *to)
{
    char time[CLOCK_TEXT_SIZE];
    const struct event *event = outcome->event;

    to->id = outcome_id(outcome, arena);
    to->source = style->source;
    to->type = type_of(outcome);
    to->time = arena_strdup(arena, clock_format(outcome->finished_ms, time));
    to->subject =
        outcome->status == OUTCOME_SUCCEEDED ? outcome->result.reference : NULL;
    if (to->subject == NULL) {
        to->subject = workflow_label(event, arena);
    }
    to->causationid = event->id;
    to->traceparent = event->trace.parent;
    to->tracestate = event->trace.state;
}

static void append_time(struct json_writer *json, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        json_append_string(json, name, clock_format(ms, text));
    }
}

/* The record that a replay replays, by which its outcome is related to the dead
 * letter. The event's id would not do, because its producer chooses it. */
static void append_origin(struct json_writer *json,
                          const struct position *origin)
{
    if (origin->topic != NULL) {
        json_open(json, "origin", '{');
        json_append_string(json, "topic", origin->topic);
        json_append_integer(json, "partition", origin->partition);
        json_append_integer(json, "offset", origin->offset);
        json_close(json, '}');
    }
}

static void append_input(struct json_writer *json,
                         const struct outcome *outcome)
{
    const struct input *input = outcome->input;
    int64_t time = outcome->event->time != NULL
                       ? clock_parse_rfc3339(outcome->event->time)
                       : -1;

    json_open(json, "input", '{');
    if (input->file != NULL) {
        json_append_string(json, "file", input->file);
        json_append_integer(json, "index", input->index);
    } else {
        json_append_string(json, "topic", input->message.topic);
        json_append_integer(json, "partition", input->partition);
        json_append_integer(json, "offset", input->offset);
    }
    json_append_string(json, "id", outcome->event->id);
    append_time(json, "time", time > 0 ? time : input->message.timestamp_ms);
    append_origin(json, &outcome->event->replay_of);
    json_close(json, '}');
}

static void append_event(struct json_writer *json, const struct event *event)
{
    const struct workflow *workflow = &event->workflow;

    json_append_optional(json, "organization", event->organization);
    if (workflow->id != NULL || workflow->name != NULL) {
        json_open(json, "workflow", '{');
        json_append_optional(json, "id", workflow->id);
        json_append_optional(json, "name", workflow->name);
        json_append_optional(json, "project", workflow->project);
        json_append_optional(json, "team", workflow->team);
        json_close(json, '}');
    }
    if (event->run.id != NULL) {
        json_open(json, "run", '{');
        json_append_string(json, "id", event->run.id);
        json_close(json, '}');
    }
}

static void append_artifact(struct json_writer *json,
                            const struct artifact *artifact)
{
    json_open(json, "artifact", '{');
    json_append_string(json, "registry", artifact->registry);
    json_append_string(json, "repository", artifact->repository);
    json_append_string(json, "reference", artifact->reference);
    json_append_optional(json, "tag", artifact->tag);
    json_append_string(json, "digest", artifact->digest);
    json_append_string(json, "media_type", artifact->media_type);
    json_append_optional(json, "artifact_type", artifact->artifact_type);
    json_append_integer(json, "size", (int64_t)artifact->size);
    json_append_string(json, "layer_digest", artifact->layer_digest);
    json_append_string(json, "layout", artifact->layout);
    json_append_bool(json, "already_present", artifact->already_present);
    json_close(json, '}');
}

/* An item without a reference has only a name. */
static void append_items(struct json_writer *json,
                         const struct delivery_result *result)
{
    json_open(json, "items", '[');
    for (size_t i = 0; i < result->item_count; i++) {
        const struct delivery_item *item = &result->items[i];

        json_open(json, NULL, '{');
        json_append_string(json, "name", item->name);
        json_append_optional(json, "reference", item->reference);
        json_append_bool(json, "already_present", item->already_present);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_result(struct json_writer *json,
                          const struct delivery_result *result)
{
    if (result->artifact != NULL) {
        append_artifact(json, result->artifact);
    }
    json_open(json, "result", '{');
    json_append_optional(json, "reference", result->reference);
    json_append_optional(json, "id", result->id);
    json_append_optional(json, "url", result->url);
    json_append_bool(json, "already_present", result->already_present);
    if (result->item_count > 0) {
        append_items(json, result);
    }
    json_close(json, '}');
}

static void append_error(struct json_writer *json, const struct error *err)
{
    json_open(json, "error", '{');
    json_append_string(json, "class", error_class(err->kind));
    if (err->code[0] != '\0') {
        json_append_string(json, "code", err->code);
    }
    if (err->http_status != 0) {
        json_append_integer(json, "http_status", err->http_status);
    }
    json_append_string(json, "message", err->message);
    json_append_bool(json, "retriable",
                     disposition_of(err) != DISPOSITION_DEAD_LETTER ||
                         err->kind == ERROR_ATTEMPTS_EXHAUSTED);
    json_close(json, '}');
}

static void append_delivery(struct json_writer *json,
                            const struct outcome *outcome)
{
    const struct attachment *attachment = outcome->attachment;

    json_append_string(json, "integration",
                       attachment->registration->integration);
    json_append_string(json, "registration", attachment->registration->name);
    json_append_string(json, "attachment", attachment->name);
    if (outcome->status == OUTCOME_SUCCEEDED) {
        append_result(json, &outcome->result);
    }
    if (outcome->repetition_is_visible) {
        json_append_bool(json, "possibly_repeated", outcome->possibly_repeated);
    }
    json_open(json, "verification", '{');
    json_append_string(json, "status", "off");
    json_close(json, '}');
}

static void append_data(struct json_writer *json, const char *name,
                        const struct outcome *outcome,
                        const struct outcome_style *style)
{
    json_open(json, name, '{');
    json_append_string(json, "status", status_names[outcome->status]);
    append_input(json, outcome);
    append_event(json, outcome->event);
    if (outcome->attachment != NULL) {
        append_delivery(json, outcome);
    }
    json_append_optional(json, "skip_reason", outcome->skip_reason);
    json_append_integer(json, "attempts", outcome->attempts);
    append_time(json, "started_at", outcome->started_ms);
    append_time(json, "finished_at", outcome->finished_ms);
    json_append_integer(json, "duration_ms", (int64_t)outcome->duration_ms);
    if (outcome->status == OUTCOME_FAILED) {
        append_error(json, &outcome->error);
    }
    if (outcome->dead_letter) {
        json_open(json, "dead_letter", '{');
        json_append_string(json, "topic", style->dead_letter_topic);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void append_structured(struct str *out, const struct outcome *outcome,
                              const struct outcome_style *style,
                              const struct attributes *attributes)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_string(&json, "specversion", "1.0");
    json_append_string(&json, "id", attributes->id);
    json_append_string(&json, "source", attributes->source);
    json_append_string(&json, "type", attributes->type);
    json_append_string(&json, "time", attributes->time);
    json_append_optional(&json, "subject", attributes->subject);
    json_append_optional(&json, "causationid", attributes->causationid);
    json_append_optional(&json, "traceparent", attributes->traceparent);
    json_append_optional(&json, "tracestate", attributes->tracestate);
    json_append_string(&json, "datacontenttype", "application/json");
    append_data(&json, "data", outcome, style);
    json_close(&json, '}');
}

void outcome_append_structured(const struct outcome *outcome,
                               const struct outcome_style *style,
                               struct str *out)
{
    struct arena *arena = arena_new();
    struct attributes attributes;

    fill_attributes(outcome, style, arena, &attributes);
    append_structured(out, outcome, style, &attributes);
    arena_free(arena);
}

static void add_header(struct header *headers, size_t *count, const char *name,
                       const char *value)
{
    if (value != NULL) {
        headers[(*count)++] = (struct header){name, bytes_of(value)};
    }
}

#define MAX_HEADERS 12

/* The trace context is written twice: as CloudEvents attributes, which remain
 * part of the event, and as plain headers, which instrumented Kafka clients
 * read. */
static void add_trace(struct header *headers, size_t *count,
                      const struct attributes *attributes)
{
    add_header(headers, count, "traceparent", attributes->traceparent);
    add_header(headers, count, "tracestate", attributes->tracestate);
}

static size_t binary_headers(const struct attributes *attributes,
                             struct header headers[MAX_HEADERS])
{
    size_t count = 0;

    add_header(headers, &count, "ce_specversion", "1.0");
    add_header(headers, &count, "ce_id", attributes->id);
    add_header(headers, &count, "ce_source", attributes->source);
    add_header(headers, &count, "ce_type", attributes->type);
    add_header(headers, &count, "ce_time", attributes->time);
    add_header(headers, &count, "ce_subject", attributes->subject);
    add_header(headers, &count, "ce_causationid", attributes->causationid);
    add_header(headers, &count, "ce_traceparent", attributes->traceparent);
    add_header(headers, &count, "ce_tracestate", attributes->tracestate);
    add_header(headers, &count, "content-type", "application/json");
    add_trace(headers, &count, attributes);
    return count;
}

static size_t structured_headers(const struct attributes *attributes,
                                 struct header headers[MAX_HEADERS])
{
    size_t count = 0;

    add_header(headers, &count, "content-type",
               "application/cloudevents+json; charset=UTF-8");
    add_trace(headers, &count, attributes);
    return count;
}

static struct bytes outcome_key(const struct outcome *outcome,
                                const struct outcome_style *style,
                                struct arena *arena)
{
    const char *label = workflow_label(outcome->event, arena);

    if (outcome->input->message.key.data != NULL) {
        return outcome->input->message.key;
    }
    if (label == NULL && style->keyed_outcomes) {
        label = outcome_id(outcome, arena);
    }
    return bytes_of(label);
}

void outcome_encode(const struct outcome *outcome,
                    const struct outcome_style *style, struct arena *arena,
                    struct message *ret_message)
{
    struct header *headers = arena_alloc(arena, MAX_HEADERS * sizeof(*headers));
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &value};
    struct attributes attributes;

    fill_attributes(outcome, style, arena, &attributes);
    *ret_message = (struct message){.topic = style->topic,
                                    .key = outcome_key(outcome, style, arena),
                                    .headers = headers};
    if (style->structured) {
        append_structured(&value, outcome, style, &attributes);
        ret_message->header_count = structured_headers(&attributes, headers);
    } else {
        append_data(&json, NULL, outcome, style);
        ret_message->header_count = binary_headers(&attributes, headers);
    }
    ret_message->value = arena_bytes(arena, str_bytes(&value));
}
