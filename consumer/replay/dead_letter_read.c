#include <limits.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"

static const char *const state_names[] = {
    "waiting",     "replayed", "superseded", "delivered",
    "quarantined", "foreign",  "unreadable",
};

const char *dead_letter_state_name(enum dead_letter_state state)
{
    return state_names[state];
}

struct reader {
    struct message message; /* only its headers are set */
    struct arena *arena;
    bool *foreign; /* set if a header cannot have been written by Waybill */
};

/* Reads a text that is only displayed, so that an invalid one is ignored. */
static const char *read_display_text(const struct reader *reader,
                                     const char *name)
{
    return message_header_text(&reader->message, name, REPLAY_MAX_TEXT,
                               reader->arena);
}

static const char *read_text(const struct reader *reader, const char *name)
{
    const struct header *header = message_header(&reader->message, name);
    const char *text = read_display_text(reader, name);

    *reader->foreign |= header != NULL && header->value.len > 0 && text == NULL;
    return text;
}

static int64_t read_count(const struct reader *reader, const char *name)
{
    int64_t number = message_header_number(&reader->message, name, INT_MAX);

    return number > 0 ? number : 0;
}

static int64_t read_time(const struct reader *reader, const char *name)
{
    const char *text = read_text(reader, name);
    int64_t ms = text != NULL ? clock_parse_rfc3339(text) : -1;

    return ms > 0 ? ms : 0;
}

static void read_error(const struct reader *reader,
                       struct dead_letter *dead_letter)
{
    dead_letter->error_class = read_text(reader, "waybill-error-class");
    dead_letter->code = read_display_text(reader, "waybill-error-code");
    dead_letter->message = read_display_text(reader, "waybill-error-message");
    dead_letter->http_status = (int)read_count(reader, "waybill-http-status");
    dead_letter->attempts = (unsigned)read_count(reader, "waybill-attempts");
    dead_letter->first_failed_ms = read_time(reader, "waybill-first-failure");
    dead_letter->failed_ms = read_time(reader, "waybill-last-failure");
    dead_letter->integration = read_text(reader, "waybill-integration");
    dead_letter->registration = read_text(reader, "waybill-registration");
    dead_letter->attachment = read_text(reader, "waybill-attachment");
}

static void read_origin(const struct reader *reader,
                        struct dead_letter *dead_letter)
{
    dead_letter->topic = read_text(reader, "waybill-topic");
    dead_letter->origin_partition = (int32_t)message_header_number(
        &reader->message, "waybill-partition", INT32_MAX);
    dead_letter->origin_offset =
        message_header_number(&reader->message, "waybill-offset", INT64_MAX);
    dead_letter->origin_timestamp_ms =
        message_header_number(&reader->message, "waybill-timestamp", INT64_MAX);
    dead_letter->group = read_text(reader, "waybill-group");
    dead_letter->event_id = read_text(reader, "waybill-event-id");
    dead_letter->version = read_text(reader, "waybill-version");
}

void dead_letter_read(const struct input *input, struct arena *arena,
                      struct dead_letter *ret_dead_letter)
{
    const struct message *message = &input->message;
    bool foreign = false;
    /* Only these headers are trusted: dead_letter_encode() appended them to
     * those of the record, beginning with the error class. */
    const struct reader own = {
        message_with_own_headers(message, DEAD_LETTER_FIRST_HEADER), arena,
        &foreign};
    struct dead_letter dead_letter = {.partition = input->partition,
                                      .offset = input->offset,
                                      .timestamp_ms = message->timestamp_ms,
                                      .size = message->value.len};

    read_error(&own, &dead_letter);
    read_origin(&own, &dead_letter);
    dead_letter.replays = (unsigned)read_count(&own, "waybill-replays");
    if (dead_letter.failed_ms == 0 && message->timestamp_ms > 0) {
        dead_letter.failed_ms = message->timestamp_ms;
    }
    if (foreign || dead_letter.error_class == NULL ||
        dead_letter.topic == NULL || dead_letter.origin_partition < 0 ||
        dead_letter.origin_offset < 0) {
        dead_letter.state = DEAD_LETTER_UNREADABLE;
    }
    *ret_dead_letter = dead_letter;
}
