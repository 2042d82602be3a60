#include <limits.h>
#include <string.h>
#include <strings.h>

#include "replay_internal.h"
#include "waybill/alloc.h"

static const char *const state_names[] = {
    "waiting",     "replayed", "superseded", "delivered",
    "quarantined", "foreign",  "unreadable",
};

const char *letter_state_name(enum letter_state state)
{
    return state_names[state];
}

/* dead_letter_encode() puts its headers behind the record's own, the class
 * first. Only those are believed: a producer may use the same names. */
size_t dead_letter_headers(const struct message *message)
{
    for (size_t i = message->header_count; i > 0; i--) {
        if (strcmp(message->headers[i - 1].name, "waybill-error-class") == 0) {
            return i - 1;
        }
    }
    return message->header_count;
}

/* What Waybill itself writes is shorter. All letters are in memory at once, so
 * what somebody else wrote must not be kept whole. */
#define MOST_TEXT 4096

struct reader {
    const struct message *message;
    size_t from;
    size_t to;
    struct arena *arena;
    bool *cut; /* something was too long */
};

/* The text of a header, up to a NUL; NULL when there is none, or it is empty */
static const char *text_of(const struct reader *reader, const char *name)
{
    for (size_t i = reader->to; i > reader->from; i--) {
        const struct header *header = &reader->message->headers[i - 1];
        const char *data = (const char *)header->value.data;
        size_t len = data != NULL ? strnlen(data, header->value.len) : 0;

        if (strcmp(header->name, name) != 0) {
            continue;
        }
        *reader->cut |= len > MOST_TEXT;
        len = len < MOST_TEXT ? len : MOST_TEXT;
        return len > 0 ? arena_printf(reader->arena, "%.*s", (int)len, data)
                       : NULL;
    }
    return NULL;
}

/* -1: none, or no number from 0 to `most` */
static int64_t number_of(const struct reader *reader, const char *name,
                         int64_t most)
{
    const char *text = text_of(reader, name);
    int64_t number = 0;

    if (text == NULL || strspn(text, "0123456789") != strlen(text) ||
        strlen(text) > 19) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *text - '0', &number)) {
            return -1;
        }
    }
    return number <= most ? number : -1;
}

static int64_t count_of(const struct reader *reader, const char *name)
{
    int64_t number = number_of(reader, name, INT_MAX);

    return number > 0 ? number : 0;
}

static int64_t time_of(const struct reader *reader, const char *name)
{
    const char *text = text_of(reader, name);
    int64_t ms = text != NULL ? clock_parse_rfc3339(text) : -1;

    return ms > 0 ? ms : 0;
}

static void read_error(const struct reader *reader, struct dead_letter *letter)
{
    letter->error_class = text_of(reader, "waybill-error-class");
    letter->code = text_of(reader, "waybill-error-code");
    letter->message = text_of(reader, "waybill-error-message");
    letter->http_status = (int)count_of(reader, "waybill-http-status");
    letter->attempts = (unsigned)count_of(reader, "waybill-attempts");
    letter->first_failed_ms = time_of(reader, "waybill-first-failure");
    letter->failed_ms = time_of(reader, "waybill-last-failure");
    letter->integration = text_of(reader, "waybill-integration");
    letter->registration = text_of(reader, "waybill-registration");
    letter->attachment = text_of(reader, "waybill-attachment");
}

static void read_origin(const struct reader *reader, struct dead_letter *letter)
{
    letter->topic = text_of(reader, "waybill-topic");
    letter->origin_partition =
        (int32_t)number_of(reader, "waybill-partition", INT32_MAX);
    letter->origin_offset = number_of(reader, "waybill-offset", INT64_MAX);
    letter->group = text_of(reader, "waybill-group");
    letter->event_id = text_of(reader, "waybill-event-id");
    letter->version = text_of(reader, "waybill-version");
}

/* The dead letter's own count, else that of the replay which it is of: a
 * record that says which dead letter it replays. */
static unsigned replays_of(const struct reader *own)
{
    struct reader before = *own;
    int64_t count = number_of(own, "waybill-replays", INT_MAX);

    before.from = 0;
    before.to = own->from;
    if (count < 0 && text_of(&before, "waybill-dead-letter") != NULL) {
        count = number_of(&before, "waybill-replays", INT_MAX);
    }
    return count > 0 ? (unsigned)count : 0;
}

void dead_letter_read(const struct input *input, struct arena *arena,
                      struct dead_letter *ret_letter)
{
    const struct message *message = &input->message;
    bool cut = false;
    struct reader reader = {message, dead_letter_headers(message),
                            message->header_count, arena, &cut};
    struct dead_letter letter = {.partition = input->partition,
                                 .offset = input->offset,
                                 .timestamp_ms = message->timestamp_ms,
                                 .size = message->value.len};

    read_error(&reader, &letter);
    read_origin(&reader, &letter);
    letter.replays = replays_of(&reader);
    if (letter.failed_ms == 0 && message->timestamp_ms > 0) {
        letter.failed_ms = message->timestamp_ms;
    }
    if (cut || letter.error_class == NULL || letter.topic == NULL ||
        letter.origin_partition < 0 || letter.origin_offset < 0) {
        letter.state = LETTER_UNREADABLE;
    }
    *ret_letter = letter;
}
