#include <string.h>

#include "waybill/clock.h"
#include "waybill/outcome_encode.h"

/* Ours, and four of them once more where tools for Kafka Connect look */
#define MOST_ADDED 24

struct letter {
    struct arena *arena;
    struct header *headers;
    size_t count;
};

/* A header that does not apply is left out. */
static void add(struct letter *letter, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        letter->headers[letter->count++] =
            (struct header){name, bytes_of(value)};
    }
}

static void add_number(struct letter *letter, const char *name, int64_t number)
{
    add(letter, name, arena_printf(letter->arena, "%lld", (long long)number));
}

static void add_time(struct letter *letter, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        add(letter, name, arena_strdup(letter->arena, clock_format(ms, text)));
    }
}

static void add_error(struct letter *letter, const struct outcome *outcome)
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

static void add_delivery(struct letter *letter,
                         const struct attachment *attachment)
{
    add(letter, "waybill-integration", attachment->registration->integration);
    add(letter, "waybill-registration", attachment->registration->name);
    add(letter, "waybill-attachment", attachment->name);
}

static void add_origin(struct letter *letter, const struct outcome *outcome,
                       const struct outcome_style *style)
{
    const struct input *input = outcome->input;
    const char *topic = input->message.topic;
    const char *message = outcome->error.message;

    add(letter, "waybill-topic", topic);
    add_number(letter, "waybill-partition", input->partition);
    add_number(letter, "waybill-offset", input->offset);
    if (input->message.timestamp_ms > 0) {
        add_number(letter, "waybill-timestamp", input->message.timestamp_ms);
    }
    add(letter, "waybill-group", style->group);
    add(letter, "waybill-event-id", outcome->event->id);
    add(letter, "waybill-version", WAYBILL_VERSION);
    add(letter, "__connect.errors.topic", topic);
    add_number(letter, "__connect.errors.partition", input->partition);
    add_number(letter, "__connect.errors.offset", input->offset);
    add(letter, "__connect.errors.exception.message", message);
}

void dead_letter_encode(const struct outcome *outcome,
                        const struct outcome_style *style, struct arena *arena,
                        struct message *ret_message)
{
    const struct message *original = &outcome->input->message;
    struct letter letter = {.arena = arena, .count = original->header_count};

    letter.headers =
        arena_alloc(arena, (letter.count + MOST_ADDED) * sizeof(struct header));
    if (original->header_count > 0) {
        memcpy(letter.headers, original->headers,
               original->header_count * sizeof(struct header));
    }
    add_error(&letter, outcome);
    if (outcome->attachment != NULL) {
        add_delivery(&letter, outcome->attachment);
    }
    add_origin(&letter, outcome, style);
    *ret_message = *original;
    ret_message->topic = style->dead_letter_topic;
    ret_message->headers = letter.headers;
    ret_message->header_count = letter.count;
}
