#include "waybill/message.h"

#include <string.h>
#include <strings.h>

#include "waybill/limits.h"
#include "waybill/utf8.h"

void message_copy(struct arena *arena, const struct message *from,
                  struct message *ret_message)
{
    struct header *headers =
        arena_alloc(arena, from->header_count * sizeof(*headers));

    for (size_t i = 0; i < from->header_count; i++) {
        headers[i].name = arena_strdup(arena, from->headers[i].name);
        headers[i].value = arena_bytes(arena, from->headers[i].value);
    }
    *ret_message = *from;
    ret_message->topic = arena_strdup(arena, from->topic);
    ret_message->key = arena_bytes(arena, from->key);
    ret_message->value = arena_bytes(arena, from->value);
    ret_message->headers = headers;
}

void input_copy(struct arena *arena, const struct input *from,
                struct input *ret_input)
{
    *ret_input = *from;
    message_copy(arena, &from->message, &ret_input->message);
    ret_input->file = arena_strdup(arena, from->file);
}

size_t message_headers_size(const struct message *message)
{
    size_t size = 0;

    for (size_t i = 0; i < message->header_count; i++) {
        size += strlen(message->headers[i].name) +
                message->headers[i].value.len + LIMIT_HEADER_COST;
    }
    return size;
}

const struct header *message_header(const struct message *message,
                                    const char *name)
{
    /* Kafka permits repeated names. The last header is the current one, since
     * clients and proxies append (lastHeader() of the Java client). */
    for (size_t i = message->header_count; i > 0; i--) {
        if (strcasecmp(message->headers[i - 1].name, name) == 0) {
            return &message->headers[i - 1];
        }
    }
    return NULL;
}

static struct bytes header_value(const struct message *message,
                                 const char *name)
{
    const struct header *header = message_header(message, name);

    return header != NULL ? header->value : (struct bytes){NULL, 0};
}

const char *message_header_text(const struct message *message, const char *name,
                                size_t max_length, struct arena *arena)
{
    struct bytes value = {NULL, 0};

    if (name != NULL) {
        value = header_value(message, name);
    }
    if (value.data == NULL || value.len == 0 || value.len > max_length ||
        !utf8_is_text(value.data, value.len)) {
        return NULL;
    }
    return arena_printf(arena, "%.*s", (int)value.len,
                        (const char *)value.data);
}

static bool is_attribute(const char *name)
{
    return strncasecmp(name, "ce_", 3) == 0 || strncasecmp(name, "ce-", 3) == 0;
}

const char *message_attribute(const struct message *message,
                              const char *attribute)
{
    for (size_t i = message->header_count; i > 0; i--) {
        const char *name = message->headers[i - 1].name;

        if (is_attribute(name) && strcasecmp(name + 3, attribute) == 0) {
            return name;
        }
    }
    return NULL;
}

bool message_has_attributes(const struct message *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (is_attribute(message->headers[i].name)) {
            return true;
        }
    }
    return false;
}

bool message_header_is(const struct message *message, const char *name,
                       const char *text)
{
    return text != NULL &&
           bytes_equal(header_value(message, name), bytes_of(text));
}

bool message_header_begins(const struct message *message, const char *name,
                           const char *prefix)
{
    struct bytes value = header_value(message, name);
    size_t len = strlen(prefix);

    return value.data != NULL && value.len >= len &&
           strncasecmp((const char *)value.data, prefix, len) == 0;
}

int64_t message_header_number(const struct message *message, const char *name,
                              int64_t max)
{
    struct bytes value = header_value(message, name);
    int64_t number = 0;

    if (value.data == NULL || value.len == 0) {
        return -1;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' ||
            __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, value.data[i] - '0', &number)) {
            return -1;
        }
    }
    return number <= max ? number : -1;
}

size_t message_own_headers(const struct message *message,
                           const char *first_header)
{
    for (size_t i = message->header_count; i > 0; i--) {
        if (strcmp(message->headers[i - 1].name, first_header) == 0) {
            return i - 1;
        }
    }
    return message->header_count;
}

struct message message_with_own_headers(const struct message *message,
                                        const char *first_header)
{
    size_t before = message_own_headers(message, first_header);
    struct message own = *message;

    own.headers = message->headers + before;
    own.header_count -= before;
    return own;
}

/* The longest name of a topic has 249 characters. */
#define MAX_TOPIC 249

bool input_origin(const struct input *input, struct arena *arena,
                  struct position *ret_origin)
{
    struct message own =
        message_with_own_headers(&input->message, REPLAY_FIRST_HEADER);
    int64_t partition =
        message_header_number(&own, "waybill-partition", INT32_MAX);
    int64_t offset = message_header_number(&own, "waybill-offset", INT64_MAX);
    const char *topic =
        message_header_text(&own, "waybill-topic", MAX_TOPIC, arena);

    if (!input->is_replay || topic == NULL || partition < 0 || offset < 0) {
        *ret_origin = (struct position){input->message.topic, input->partition,
                                        input->offset};
        return false;
    }
    *ret_origin = (struct position){topic, (int32_t)partition, offset};
    return true;
}

bool position_equals(const struct position *left, const struct position *right)
{
    return left->topic != NULL && right->topic != NULL &&
           strcmp(left->topic, right->topic) == 0 &&
           left->partition == right->partition && left->offset == right->offset;
}

static bool parse_number(const char *text, size_t len, int64_t max,
                         int64_t *ret_number)
{
    int64_t number = 0;

    if (len == 0 || len > 19 || strspn(text, "0123456789") < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text[i] - '0', &number)) {
            return false;
        }
    }
    *ret_number = number;
    return number <= max;
}

/* The name of a topic cannot contain a slash. */
bool position_parse(const char *text, struct arena *arena,
                    struct position *ret_position)
{
    const char *last = strrchr(text, '/');
    const char *before = last;
    int64_t partition;

    *ret_position = (struct position){0};
    if (last == NULL) {
        return false;
    }
    while (before > text && before[-1] != '/') {
        before--;
    }
    if (!parse_number(before, (size_t)(last - before), INT32_MAX, &partition) ||
        !parse_number(last + 1, strlen(last + 1), INT64_MAX - 1,
                      &ret_position->offset)) {
        return false;
    }
    ret_position->partition = (int32_t)partition;
    if (before > text) {
        ret_position->topic =
            arena_printf(arena, "%.*s", (int)(before - 1 - text), text);
    }
    return before == text || before - 1 > text;
}
