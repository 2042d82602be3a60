#include "waybill/message.h"

#include <string.h>
#include <strings.h>

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

/* "waybill-" is ours; Kafka Connect's dead letter queue adds
 * "__connect.errors.". */
bool header_is_added(const struct header *header)
{
    static const char *const prefixes[] = {"waybill-", "__connect.errors."};

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (strncasecmp(header->name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}
