#ifndef WAYBILL_MESSAGE_H
#define WAYBILL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/str.h"

/*
 * A Kafka record's contents, in either direction. Only values: whoever hands
 * one over keeps the bytes alive for as long as the call says.
 */
struct header {
    const char *name;
    struct bytes value; /* data == NULL: a header without a value */
};

struct message {
    const char *topic;
    struct bytes key;   /* data == NULL: no key */
    struct bytes value; /* data == NULL: a tombstone */
    const struct header *headers;
    size_t header_count;
    int64_t timestamp_ms; /* 0: when it is written; -1: the record has none */
};

/* What comes in: a record of the attestations topic, or an event out of a file
 * (`waybill push`), which then has a name and its place in it. */
struct input {
    struct message message;
    int32_t partition;
    int64_t offset;
    const char *file;
    int64_t index;
};

/* Deep copies into an arena */
void message_copy(struct arena *arena, const struct message *from,
                  struct message *ret_message);
void input_copy(struct arena *arena, const struct input *from,
                struct input *ret_input);
/* The last header of that name, compared without regard to case; NULL: none */
const struct header *message_header(const struct message *message,
                                    const char *name);
/* The text of that header, copied into the arena; NULL: there is none, or what
 * it holds is empty, longer than `max_length` bytes, or no text
 * (utf8_is_text()), as anybody who writes to a topic may leave it. */
const char *message_header_text(const struct message *message, const char *name,
                                size_t max_length, struct arena *arena);
/* It is this text, byte for byte; `text` may be NULL, which no header is. */
bool message_header_is(const struct message *message, const char *name,
                       const char *text);
/* It begins with the prefix, compared without regard to case, as a media type
 * is. */
bool message_header_begins(const struct message *message, const char *name,
                           const char *prefix);
/* One that a dead letter or a replay adds: not the record's own */
bool header_is_added(const struct header *header);

#endif
