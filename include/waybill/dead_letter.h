#ifndef WAYBILL_DEAD_LETTER_H
#define WAYBILL_DEAD_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/message.h"

/*
 * One dead letter: the failure that it describes, and the record that replays
 * it. Pure.
 *
 * A dead letter may contain any bytes, because the original record could. The
 * strings here are unchanged up to the first NUL: print them with
 * utf8_append_printable() or as JSON.
 */

enum dead_letter_state {
    DEAD_LETTER_WAITING,    /* may be replayed */
    DEAD_LETTER_REPLAYED,   /* was replayed */
    DEAD_LETTER_SUPERSEDED, /* the same delivery has a newer dead letter */
    /* the delivery has succeeded since, by its outcome */
    DEAD_LETTER_DELIVERED,
    DEAD_LETTER_QUARANTINED, /* has reached the maximum number of replays */
    DEAD_LETTER_FOREIGN,     /* written by another consumer group */
    DEAD_LETTER_UNREADABLE,  /* lacks the headers of a dead letter of Waybill */
};
#define DEAD_LETTER_STATES 7
const char *dead_letter_state_name(enum dead_letter_state state);

/* The headers of a dead letter (wire format, section 3). A missing text is
 * NULL, a missing number 0, and a missing partition or offset -1. */
struct dead_letter {
    int32_t partition; /* the position of the dead letter itself */
    int64_t offset;
    int64_t timestamp_ms;
    size_t size; /* of the value, in bytes */
    const char *error_class;
    const char *code;
    const char *message;
    const char *integration;
    const char *registration;
    const char *attachment;
    const char *event_id;
    const char *group;
    const char *version;
    const char *topic; /* the position of the original record */
    int32_t origin_partition;
    int64_t origin_offset;
    int64_t origin_timestamp_ms; /* < 0: not known */
    int http_status;
    unsigned attempts;
    unsigned replays;
    int64_t first_failed_ms;
    int64_t failed_ms; /* if missing, the timestamp of the record */

    enum dead_letter_state state;
    const struct dead_letter *newer; /* of a superseded dead letter */
    /* whether the filter of the command matches */
    bool matches;
    bool chosen; /* to be replayed by this run */
    /* The progress of the current run */
    bool in_transaction; /* sent in the open transaction */
    bool copied;         /* sent in a committed transaction */
    bool refused;        /* too large for the topic */
};

/* Never fails: a record whose headers cannot be parsed gets the state
 * DEAD_LETTER_UNREADABLE. The strings are allocated from the arena. */
void dead_letter_read(const struct input *input, struct arena *arena,
                      struct dead_letter *ret_dead_letter);

/* Builds the record that replays it on `topic`. Its pointers refer to the input
 * and the arena. */
void dead_letter_rewrite(const struct input *input,
                         const struct dead_letter *dead_letter,
                         const char *topic, struct arena *arena,
                         struct message *ret_message);

/* The meaning of the failure and its remedy, in full sentences */
struct explanation {
    const char *meaning;
    const char *remedy;
};
struct explanation dead_letter_explain(const struct dead_letter *dead_letter);
/* What the state means for a replay; never NULL */
const char *dead_letter_state_explain(enum dead_letter_state state);

#endif
