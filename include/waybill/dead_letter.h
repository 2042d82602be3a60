#ifndef WAYBILL_DEAD_LETTER_H
#define WAYBILL_DEAD_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/message.h"

/*
 * One dead letter: why it is there, and the record that replays it. Pure.
 *
 * A dead letter may hold anything, because the record that it was could.
 * Strings in here are as they came, up to a NUL: print them with
 * utf8_append_printable(), or as JSON.
 */

enum dead_letter_state {
    DEAD_LETTER_WAITING,     /* may be replayed */
    DEAD_LETTER_REPLAYED,    /* was */
    DEAD_LETTER_SUPERSEDED,  /* a newer one is of the same delivery */
    DEAD_LETTER_DELIVERED,   /* an outcome says that it succeeded since */
    DEAD_LETTER_QUARANTINED, /* was replayed too often */
    DEAD_LETTER_FOREIGN,     /* of another group than ours */
    DEAD_LETTER_UNREADABLE,  /* does not say what it is a dead letter of */
};
#define DEAD_LETTER_STATES 7
const char *dead_letter_state_name(enum dead_letter_state state);

/* Out of its headers (wire format, section 3). A text that is not there is
 * NULL, a number 0, a coordinate -1. */
struct dead_letter {
    int32_t partition; /* where it stands itself */
    int64_t offset;
    int64_t timestamp_ms;
    size_t size; /* of its value */
    const char *error_class;
    const char *code;
    const char *message;
    const char *integration;
    const char *registration;
    const char *attachment;
    const char *event_id;
    const char *group;
    const char *version;
    const char *topic; /* where the first original stands */
    int32_t origin_partition;
    int64_t origin_offset;
    int http_status;
    unsigned attempts;
    unsigned replays;
    int64_t first_failed_ms;
    int64_t failed_ms; /* else the record's timestamp */

    enum dead_letter_state state;
    const struct dead_letter *newer; /* of a superseded one */
    bool matches;                    /* the filter */
    bool chosen;                     /* to be replayed by this run */
    /* How far this run is with it */
    bool put;     /* in a transaction that is open */
    bool copied;  /* in one that was committed */
    bool refused; /* too large for the topic */
};

/* Never fails: what cannot be read is DEAD_LETTER_UNREADABLE. */
void dead_letter_read(const struct input *input, struct arena *arena,
                      struct dead_letter *ret_dead_letter);

/* The record that replays it, for `topic`. What it points at is the input's or
 * the arena's. */
void dead_letter_rewrite(const struct input *input,
                         const struct dead_letter *dead_letter,
                         const char *topic, struct arena *arena,
                         struct message *ret_message);

/* Why it is there, and what would mend it: sentences, a line each */
struct explanation {
    const char *why;
    const char *mend;
};
struct explanation dead_letter_explain(const struct dead_letter *dead_letter);
/* What its state means for a replay; never NULL */
const char *dead_letter_state_explain(enum dead_letter_state state);

#endif
