#ifndef WAYBILL_REPLAY_INTERNAL_H
#define WAYBILL_REPLAY_INTERNAL_H

#include "track.h"
#include "waybill/json.h"
#include "waybill/replay.h"
#include "waybill/replay_producer.h"
#include "waybill/snapshot.h"

/* Longer texts of headers and outcomes are ignored: Waybill itself writes
 * shorter ones, and all dead letters are in memory at once. */
#define REPLAY_MAX_TEXT 4096

/* --- dead_letter_list.c --- */

/* Compares two pointers to dead letters by event id, then by original position:
 * for qsort(3) and the array `by_event` */
int dead_letter_compare_events(const void *a, const void *b);

/* --- outcomes.c --- */

/* Sets the position of the original record that the `input` of an outcome
 * states: that of `origin` if it was a replay (*ret_is_replay), else its own.
 * The topic is allocated from the arena. False if it states none. */
bool outcome_read_origin(const struct json *input, struct arena *arena,
                         struct position *ret_origin, bool *ret_is_replay);

/* Whether the content type is that of the CloudEvents structured mode;
 * otherwise it is the binary mode. */
bool outcome_is_structured(const struct message *message);

/* --- replay.c --- */

struct replay {
    struct replay_options options;
    struct arena *arena;
    const char *group; /* the group whose committed offsets hold the progress */
    const char *transactional_id;
    struct dead_letter_list *dead_letter_list;
    struct track *tracks; /* one per partition of the dead-letter topic */
    size_t track_count;
    struct snapshot *dead_letters;
    struct snapshot *outcomes;               /* NULL: not used */
    struct replay_producer *replay_producer; /* NULL: read-only */
    const char *source; /* the CloudEvents source of this group's outcomes */
};

int replay_open_producer(struct replay *replay, struct error *err) NODISCARD;
/* Reads the committed progress into the tracks, and marks the dead letters that
 * are finished. */
int replay_read_progress(struct replay *replay, struct error *err) NODISCARD;

#endif
