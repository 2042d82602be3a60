#ifndef WAYBILL_REPLAY_TRACK_H
#define WAYBILL_REPLAY_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/progress.h"
#include "waybill/replay.h"

/*
 * The replay progress of one partition of the dead-letter topic: decoded from
 * the committed offset and applied to the dead letters that were read, and
 * encoded for the next commit in the format of progress.h.
 *
 * Pure. The caller owns the dead letters, sorted by offset, and the progress.
 */
struct track {
    int32_t partition;
    int64_t end; /* the end of the snapshot */
    /* skipped dead letters up to this offset are marked as finished */
    int64_t scanned_to;
    struct dead_letter *dead_letters;
    size_t count;
    struct progress progress; /* as it was last committed */
};

/* Marks the dead letters that the progress records as finished. */
void track_apply(struct track *track);
/* Encodes the offset and metadata to commit now. Returns -1 if the metadata
 * would be too long. */
int track_encode(const struct track *track, int64_t *ret_offset,
                 struct str *text, struct error *err) NODISCARD;
/* Whether it is marked as finished without being replayed, because it is
 * superseded or has been delivered since */
bool dead_letter_is_skipped(const struct dead_letter *dead_letter);

#endif
