#include <string.h>

#include "waybill/clock.h"
#include "waybill/outcome_encode.h"

/* Our headers, four of which are repeated under the names that tools for Kafka
 * Connect expect */
#define MAX_ADDED 24
/* The longest coordinate is the name of a topic, at most 249 characters. */
#define MAX_COORDINATE 256

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

    add(builder, "waybill-error-class", error_class(err->kind));
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

/* Copies the headers of the record, without those that an earlier dead builder
 * added and a replay kept. */
static void copy_headers(struct dead_letter_builder *builder,
                         const struct message *original)
{
    bool replayed = message_header(original, "waybill-replays") != NULL;

    for (size_t i = 0; i < original->header_count; i++) {
        if (!replayed || !header_is_added(&original->headers[i])) {
            builder->headers[builder->count++] = original->headers[i];
        }
    }
}

/* The original position of the record, which a replay preserves */
struct coordinates {
    const char *topic;
    const char *partition;
    const char *offset;
};

static struct coordinates coordinates_of(const struct input *input,
                                         struct arena *arena)
{
    const struct message *message = &input->message;
    struct coordinates coordinates;

    coordinates.topic =
        message_header_text(message, "waybill-topic", MAX_COORDINATE, arena);
    coordinates.partition = message_header_text(message, "waybill-partition",
                                                MAX_COORDINATE, arena);
    coordinates.offset =
        message_header_text(message, "waybill-offset", MAX_COORDINATE, arena);
    if (message_header(message, "waybill-replays") == NULL ||
        coordinates.topic == NULL || coordinates.partition == NULL ||
        coordinates.offset == NULL) {
        coordinates.topic = message->topic;
        coordinates.partition =
            arena_printf(arena, "%d", (int)input->partition);
        coordinates.offset =
            arena_printf(arena, "%lld", (long long)input->offset);
    }
    return coordinates;
}

static void add_origin(struct dead_letter_builder *builder,
                       const struct outcome *outcome,
                       const struct outcome_style *style)
{
    const struct input *input = outcome->input;
    struct coordinates coordinates = coordinates_of(input, builder->arena);
    const char *message = outcome->error.message;

    add(builder, "waybill-topic", coordinates.topic);
    add(builder, "waybill-partition", coordinates.partition);
    add(builder, "waybill-offset", coordinates.offset);
    add(builder, "waybill-replays",
        message_header_text(&input->message, "waybill-replays", MAX_COORDINATE,
                            builder->arena));
    if (input->message.timestamp_ms > 0) {
        add_number(builder, "waybill-timestamp", input->message.timestamp_ms);
    }
    add(builder, "waybill-group", style->group);
    add(builder, "waybill-event-id", outcome->event->id);
    add(builder, "waybill-version", WAYBILL_VERSION);
    add(builder, "__connect.errors.topic", coordinates.topic);
    add(builder, "__connect.errors.partition", coordinates.partition);
    add(builder, "__connect.errors.offset", coordinates.offset);
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
    copy_headers(&builder, original);
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
