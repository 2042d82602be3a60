#ifndef WAYBILL_REPLAY_TRACK_H
#define WAYBILL_REPLAY_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/progress.h"
#include "waybill/replay.h"

/*
 * How far the dead letters of one partition have been dealt with: as it was
 * committed, applied to the letters that a replay has read; and as it is to be
 * committed next, in the format of progress.h.
 *
 * Pure. The letters, by ascending offsets, and the progress are the caller's.
 */
struct track {
    int32_t partition;
    int64_t end;     /* of the snapshot */
    int64_t reached; /* what is noted as dealt with, is up to here */
    struct dead_letter *dead_letter_list;
    size_t count;
    struct progress progress; /* as it was committed */
};

/* Marks the letters of which the progress says that they are done. */
void track_apply(struct track *track);
/* What to commit now: the offset, and the text that goes with it. -1: there is
 * no room for the text. */
int track_encode(const struct track *track, int64_t *ret_offset,
                 struct str *text, struct error *err) NODISCARD;
/* To be noted without being replayed: superseded, or delivered since */
bool dead_letter_is_noted(const struct dead_letter *dead_letter);

#endif
