#ifndef WAYBILL_REPLAY_INTERNAL_H
#define WAYBILL_REPLAY_INTERNAL_H

#include "track.h"
#include "waybill/replay.h"
#include "waybill/replay_producer.h"
#include "waybill/snapshot.h"

/* Longer texts of headers and outcomes are ignored: Waybill itself writes
 * shorter ones, and all dead letters are in memory at once. */
#define REPLAY_MAX_TEXT 4096

/* --- dead_letter_read.c --- */

/* Returns the index of the first header that Waybill added to the dead letter.
 * The headers before it are those of the original record, whatever their names.
 * header_count if there is none. */
size_t dead_letter_headers(const struct message *message);

/* --- outcomes.c --- */

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
