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

/* An input: a record of the attestations topic or of the replays topic, or an
 * event from a file (`waybill push`), which has a file name and an index in the
 * file. */
struct input {
    struct message message;
    int32_t partition;
    int64_t offset;
    /* It was read from the replays topic. Only then is what its headers say
     * about a replay true: any producer can write such headers to the
     * attestations topic. */
    bool is_replay;
    const char *file;
    int64_t index;
};

/* Deep copies, allocated from the arena. */
void message_copy(struct arena *arena, const struct message *from,
                  struct message *ret_message);
void input_copy(struct arena *arena, const struct input *from,
                struct input *ret_input);
/* The size of all headers in bytes, including what it costs to keep them
 * (limits.h) */
size_t message_headers_size(const struct message *message);
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
/* The value of that header as a decimal number from 0 to `max`; -1 if it is
 * missing or anything else. */
int64_t message_header_number(const struct message *message, const char *name,
                              int64_t max);

/* --- Waybill's own headers ---
 *
 * A dead letter and a replay have all headers of the original record, followed
 * by Waybill's own. The producer may have used the same names; therefore only
 * the headers from the last one of this name on are Waybill's. */
#define DEAD_LETTER_FIRST_HEADER "waybill-error-class"
#define REPLAY_FIRST_HEADER "waybill-replays"
/* Returns the index of the first of Waybill's own headers; header_count if it
 * has none. */
size_t message_own_headers(const struct message *message,
                           const char *first_header);
/* The message with Waybill's own headers alone */
struct message message_with_own_headers(const struct message *message,
                                        const char *first_header);

/* The position of a record. The topic is borrowed. */
struct position {
    const char *topic;
    int32_t partition;
    int64_t offset;
};
/* Sets the position of the record that the input replays, and returns true.
 * Without a replay it sets the position of the input itself, and returns
 * false. */
bool input_origin(const struct input *input, struct arena *arena,
                  struct position *ret_origin);
bool position_equals(const struct position *left, const struct position *right);
/* Parses TOPIC/PARTITION/OFFSET, as logs and outcomes write it, or
 * PARTITION/OFFSET, which sets the topic to NULL. The topic is allocated from
 * the arena. Returns false if the text is neither. */
bool position_parse(const char *text, struct arena *arena,
                    struct position *ret_position);

#endif
