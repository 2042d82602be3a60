#ifndef WAYBILL_MESSAGE_H
#define WAYBILL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/str.h"

/*
 * The contents of a Kafka record that is consumed or produced. These are plain
 * values that borrow their bytes; each function states how long the bytes must
 * live.
 */
struct header {
    const char *name;
    struct bytes value; /* data == NULL: null */
};

struct message {
    const char *topic;
    struct bytes key;   /* data == NULL: no key */
    struct bytes value; /* data == NULL: a tombstone */
    const struct header *headers;
    size_t header_count;
    int64_t timestamp_ms; /* 0: the time of writing; -1: the record has none */
};

/* An input: a record of the attestations topic, or an event from a file
 * (`waybill push`), which has a file name and an index in the file. */
struct input {
    struct message message;
    int32_t partition;
    int64_t offset;
    const char *file;
    int64_t index;
};

/* Deep copies, allocated from the arena. */
void message_copy(struct arena *arena, const struct message *from,
                  struct message *ret_message);
void input_copy(struct arena *arena, const struct input *from,
                struct input *ret_input);
/* The last header of that name, compared case-insensitively; NULL if there is
 * none. */
const struct header *message_header(const struct message *message,
                                    const char *name);
/* The text of that header, copied into the arena. NULL if there is none (or no
 * name), or if
 * its value is empty, longer than `max_length` bytes or not text
 * (utf8_is_text()): any producer may write such a value to a topic. */
const char *message_header_text(const struct message *message, const char *name,
                                size_t max_length, struct arena *arena);
/* The name of the last header that states this attribute of a CloudEvent, for
 * the functions above: "ce_id" for "id", also in the spellings of other
 * bindings and gateways ("ce-id", "CE_ID"). NULL if there is none. */
const char *message_attribute(const struct message *message,
                              const char *attribute);
/* True if there is such a header for any attribute. */
bool message_has_attributes(const struct message *message);
/* True if the header has exactly this value; false if `text` is NULL. */
bool message_header_is(const struct message *message, const char *name,
                       const char *text);
/* True if the value starts with the prefix, compared case-insensitively, as a
 * media type is. */
bool message_header_begins(const struct message *message, const char *name,
                           const char *prefix);
/* True for a header that a dead letter or a replay adds to those of the
 * record. */
bool header_is_added(const struct header *header);

#endif
