#include <string.h>

#include "waybill/clock.h"
#include "waybill/outcome_encode.h"

/* Our headers, four of which are repeated under the names that tools for Kafka
 * Connect expect */
#define MAX_ADDED 24
/* The longest number of replays that is passed on */
#define MAX_NUMBER 20

struct dead_letter_builder {
    struct arena *arena;
    struct header *headers;
    size_t count;
};

/* Headers without a value are omitted. */
static void add(struct dead_letter_builder *builder, const char *name,
                const char *value)
{
    if (value != NULL && *value != '\0') {
        builder->headers[builder->count++] =
            (struct header){name, bytes_of(value)};
    }
}

static void add_number(struct dead_letter_builder *builder, const char *name,
                       int64_t number)
{
    add(builder, name, arena_printf(builder->arena, "%lld", (long long)number));
}

static void add_time(struct dead_letter_builder *builder, const char *name,
                     int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        add(builder, name,
            arena_strdup(builder->arena, clock_format(ms, text)));
    }
}

static void add_error(struct dead_letter_builder *builder,
                      const struct outcome *outcome)
{
    const struct error *err = &outcome->error;

    /* The first of ours: from here on a reader trusts them. */
    add(builder, DEAD_LETTER_FIRST_HEADER, error_class(err->kind));
    add(builder, "waybill-error-code", err->code);
    add(builder, "waybill-error-message", err->message);
    if (err->http_status != 0) {
        add_number(builder, "waybill-http-status", err->http_status);
    }
    if (outcome->attempts > 0) {
        add_number(builder, "waybill-attempts", outcome->attempts);
    }
    add_time(builder, "waybill-first-failure", outcome->first_failed_ms);
    add_time(builder, "waybill-last-failure", outcome->finished_ms);
}

/* A replayed record that failed before its delivery still concerns only one
 * attachment. */
static void add_delivery(struct dead_letter_builder *builder,
                         const struct outcome *outcome)
{
    const struct attachment *attachment = outcome->attachment;

    if (attachment == NULL) {
        add(builder, "waybill-attachment", outcome->event->replay_attachment);
        return;
    }
    add(builder, "waybill-integration", attachment->registration->integration);
    add(builder, "waybill-registration", attachment->registration->name);
    add(builder, "waybill-attachment", attachment->name);
}

/* Copies the headers of the original record: all of them, except for those that
 * a replay added. */
static void copy_headers(struct dead_letter_builder *builder,
                         const struct input *input)
{
    const struct message *message = &input->message;
    size_t count = input->is_replay
                       ? message_own_headers(message, REPLAY_FIRST_HEADER)
                       : message->header_count;

    for (size_t i = 0; i < count; i++) {
        builder->headers[builder->count++] = message->headers[i];
    }
}

static void add_replays(struct dead_letter_builder *builder,
                        const struct input *input)
{
    struct message own =
        message_with_own_headers(&input->message, REPLAY_FIRST_HEADER);

    if (input->is_replay) {
        add(builder, "waybill-replays",
            message_header_text(&own, "waybill-replays", MAX_NUMBER,
                                builder->arena));
    }
}

/* Of the original record; a replay has it as a header, if it was known. */
static int64_t origin_timestamp(const struct input *input)
{
    struct message own =
        message_with_own_headers(&input->message, REPLAY_FIRST_HEADER);

    return input->is_replay
               ? message_header_number(&own, "waybill-timestamp", INT64_MAX)
               : input->message.timestamp_ms;
}

/* The position is that of the original record, which a replay preserves. */
static void add_origin(struct dead_letter_builder *builder,
                       const struct outcome *outcome,
                       const struct outcome_style *style)
{
    const struct input *input = outcome->input;
    const char *message = outcome->error.message;
    int64_t timestamp_ms = origin_timestamp(input);
    struct position origin;

    input_origin(input, builder->arena, &origin);
    add(builder, "waybill-topic", origin.topic);
    add_number(builder, "waybill-partition", origin.partition);
    add_number(builder, "waybill-offset", origin.offset);
    add_replays(builder, input);
    if (timestamp_ms > 0) {
        add_number(builder, "waybill-timestamp", timestamp_ms);
    }
    add(builder, "waybill-group", style->group);
    add(builder, "waybill-event-id", outcome->event->id);
    add(builder, "waybill-version", WAYBILL_VERSION);
    add(builder, "__connect.errors.topic", origin.topic);
    add_number(builder, "__connect.errors.partition", origin.partition);
    add_number(builder, "__connect.errors.offset", origin.offset);
    add(builder, "__connect.errors.exception.message", message);
}

void dead_letter_encode(const struct outcome *outcome,
                        const struct outcome_style *style, struct arena *arena,
                        struct message *ret_message)
{
    const struct message *original = &outcome->input->message;
    struct dead_letter_builder builder = {.arena = arena};

    builder.headers = arena_alloc(arena, (original->header_count + MAX_ADDED) *
                                             sizeof(struct header));
    copy_headers(&builder, outcome->input);
    add_error(&builder, outcome);
    add_delivery(&builder, outcome);
    add_origin(&builder, outcome, style);
    *ret_message = *original;
    ret_message->topic = style->dead_letter_topic;
    /* Of now, so that the topic's retention counts from now, and its limits of
     * timestamps concern this clock only. */
    ret_message->timestamp_ms = 0;
    if (original->key.data == NULL && style->keyed_dead_letters) {
        ret_message->key = bytes_of(outcome_id(outcome, arena));
    }
    ret_message->headers = builder.headers;
    ret_message->header_count = builder.count;
}
