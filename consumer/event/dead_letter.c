#include <string.h>

#include "waybill/clock.h"
#include "waybill/outcome_encode.h"

/* Ours, and four of them once more where tools for Kafka Connect look */
#define MAX_ADDED 24
/* A topic's name may have 249 characters. */
#define MAX_COORDINATE 256

struct dead_letter_builder {
    struct arena *arena;
    struct header *headers;
    size_t count;
};

/* A header that does not apply is left out. */
static void add(struct dead_letter_builder *letter, const char *name,
                const char *value)
{
    if (value != NULL && *value != '\0') {
        letter->headers[letter->count++] =
            (struct header){name, bytes_of(value)};
    }
}

static void add_number(struct dead_letter_builder *letter, const char *name,
                       int64_t number)
{
    add(letter, name, arena_printf(letter->arena, "%lld", (long long)number));
}

static void add_time(struct dead_letter_builder *letter, const char *name,
                     int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        add(letter, name, arena_strdup(letter->arena, clock_format(ms, text)));
    }
}

static void add_error(struct dead_letter_builder *letter,
                      const struct outcome *outcome)
{
    const struct error *err = &outcome->error;

    add(letter, "waybill-error-class", error_class(err->kind));
    add(letter, "waybill-error-code", err->code);
    add(letter, "waybill-error-message", err->message);
    if (err->http_status != 0) {
        add_number(letter, "waybill-http-status", err->http_status);
    }
    if (outcome->attempts > 0) {
        add_number(letter, "waybill-attempts", outcome->attempts);
    }
    add_time(letter, "waybill-first-failure", outcome->first_failed_ms);
    add_time(letter, "waybill-last-failure", outcome->finished_ms);
}

/* A replay that came to no delivery is still for one attachment only. */
static void add_delivery(struct dead_letter_builder *letter,
                         const struct outcome *outcome)
{
    const struct attachment *attachment = outcome->attachment;

    if (attachment == NULL) {
        add(letter, "waybill-attachment", outcome->event->replay_attachment);
        return;
    }
    add(letter, "waybill-integration", attachment->registration->integration);
    add(letter, "waybill-registration", attachment->registration->name);
    add(letter, "waybill-attachment", attachment->name);
}

/* Without what an earlier dead letter was given, and a replay kept */
static void copy_headers(struct dead_letter_builder *letter,
                         const struct message *original)
{
    bool replayed = message_header(original, "waybill-replays") != NULL;

    for (size_t i = 0; i < original->header_count; i++) {
        if (!replayed || !header_is_added(&original->headers[i])) {
            letter->headers[letter->count++] = original->headers[i];
        }
    }
}

/* Where the record stood first, which a replay does not change */
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

static void add_origin(struct dead_letter_builder *letter,
                       const struct outcome *outcome,
                       const struct outcome_style *style)
{
    const struct input *input = outcome->input;
    struct coordinates coordinates = coordinates_of(input, letter->arena);
    const char *message = outcome->error.message;

    add(letter, "waybill-topic", coordinates.topic);
    add(letter, "waybill-partition", coordinates.partition);
    add(letter, "waybill-offset", coordinates.offset);
    add(letter, "waybill-replays",
        message_header_text(&input->message, "waybill-replays", MAX_COORDINATE,
                            letter->arena));
    if (input->message.timestamp_ms > 0) {
        add_number(letter, "waybill-timestamp", input->message.timestamp_ms);
    }
    add(letter, "waybill-group", style->group);
    add(letter, "waybill-event-id", outcome->event->id);
    add(letter, "waybill-version", WAYBILL_VERSION);
    add(letter, "__connect.errors.topic", coordinates.topic);
    add(letter, "__connect.errors.partition", coordinates.partition);
    add(letter, "__connect.errors.offset", coordinates.offset);
    add(letter, "__connect.errors.exception.message", message);
}

void dead_letter_encode(const struct outcome *outcome,
                        const struct outcome_style *style, struct arena *arena,
                        struct message *ret_message)
{
    const struct message *original = &outcome->input->message;
    struct dead_letter_builder letter = {.arena = arena};

    letter.headers = arena_alloc(arena, (original->header_count + MAX_ADDED) *
                                            sizeof(struct header));
    copy_headers(&letter, original);
    add_error(&letter, outcome);
    add_delivery(&letter, outcome);
    add_origin(&letter, outcome, style);
    *ret_message = *original;
    ret_message->topic = style->dead_letter_topic;
    ret_message->headers = letter.headers;
    ret_message->header_count = letter.count;
}
