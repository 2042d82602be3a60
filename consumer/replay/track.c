#include "track.h"

#include <inttypes.h>

bool dead_letter_is_noted(const struct dead_letter *dead_letter)
{
    return dead_letter->matches &&
           (dead_letter->state == DEAD_LETTER_SUPERSEDED ||
            dead_letter->state == DEAD_LETTER_DELIVERED);
}

/* What is not in the text, and below the offset, is done as well. */
static bool says_done(const struct track *track, int64_t offset)
{
    return offset < track->progress.watermark ||
           offset_set_has(&track->progress.done, offset);
}

void track_apply(struct track *track)
{
    for (size_t i = 0; i < track->count; i++) {
        struct dead_letter *dead_letter = &track->dead_letter_list[i];

        if (says_done(track, dead_letter->offset)) {
            dead_letter->state = DEAD_LETTER_REPLAYED;
        }
    }
}

static bool is_dealt_with(const struct track *track,
                          const struct dead_letter *dead_letter)
{
    return dead_letter->state == DEAD_LETTER_REPLAYED || dead_letter->put ||
           dead_letter->copied ||
           (dead_letter_is_noted(dead_letter) &&
            dead_letter->offset <= track->reached);
}

static size_t first_open(const struct track *track)
{
    size_t coordinates = 0;

    while (coordinates < track->count &&
           is_dealt_with(track, &track->dead_letter_list[coordinates])) {
        coordinates++;
    }
    return coordinates;
}

/* Offsets between letters are those of markers and of what was undone or is no
 * longer there: they count as the letter before them does, so that a run of
 * letters is one run of offsets and the text stays short. */
static void add_dead_letter(struct offset_set *done, const struct track *track,
                            size_t coordinates)
{
    int64_t from = track->dead_letter_list[coordinates].offset;
    int64_t to = coordinates + 1 < track->count
                     ? track->dead_letter_list[coordinates + 1].offset
                     : track->end;

    for (; from < to; from++) {
        offset_set_add(done, from);
    }
}

static int no_room(const struct track *track, int64_t watermark,
                   struct error *err)
{
    return error_set(err, ERROR_REJECTED,
                     "partition %" PRId32 ": what would be replayed is "
                     "scattered too widely among what would not (from offset "
                     "%" PRId64 " on) for the progress to be written down; "
                     "replay or purge the oldest ones first",
                     track->partition, watermark);
}

static int append_text(const struct track *track, size_t open,
                       struct progress *progress, struct str *text,
                       struct error *err)
{
    for (size_t i = open; i < track->count; i++) {
        const struct dead_letter *dead_letter = &track->dead_letter_list[i];

        if (!is_dealt_with(track, dead_letter)) {
            continue;
        }
        if (dead_letter->offset - progress->watermark >= PROGRESS_MAX_SPAN) {
            return no_room(track, progress->watermark, err);
        }
        add_dead_letter(&progress->done, track, i);
    }
    offset_set_forget_below(&progress->done, progress->watermark);
    if (offset_set_end(&progress->done) - progress->watermark >
            PROGRESS_MAX_SPAN ||
        !progress_encode(progress, PROGRESS_MAX_TEXT, text)) {
        return no_room(track, progress->watermark, err);
    }
    return 0;
}

int track_encode(const struct track *track, int64_t *ret_offset,
                 struct str *text, struct error *err)
{
    size_t open = first_open(track);
    struct progress progress = {0};
    int result;

    progress.watermark =
        open < track->count ? track->dead_letter_list[open].offset : track->end;
    progress.dispatched = progress.watermark;
    result = append_text(track, open, &progress, text, err);
    if (result == 0) {
        *ret_offset = progress.watermark;
    }
    progress_release(&progress);
    return result;
}
