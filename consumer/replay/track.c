#include "track.h"

#include <inttypes.h>

bool dead_letter_is_skipped(const struct dead_letter *dead_letter)
{
    return dead_letter->matches &&
           (dead_letter->state == DEAD_LETTER_SUPERSEDED ||
            dead_letter->state == DEAD_LETTER_DELIVERED);
}

/* Everything below the committed offset is finished as well. */
static bool is_marked_finished(const struct track *track, int64_t offset)
{
    return offset < track->progress.watermark ||
           offset_set_has(&track->progress.done, offset);
}

void track_apply(struct track *track)
{
    for (size_t i = 0; i < track->count; i++) {
        struct dead_letter *dead_letter = &track->dead_letters[i];

        if (is_marked_finished(track, dead_letter->offset)) {
            dead_letter->state = DEAD_LETTER_REPLAYED;
        }
    }
}

static bool is_finished(const struct track *track,
                        const struct dead_letter *dead_letter)
{
    return dead_letter->state == DEAD_LETTER_REPLAYED ||
           dead_letter->in_transaction || dead_letter->copied ||
           (dead_letter_is_skipped(dead_letter) &&
            dead_letter->offset <= track->scanned_to);
}

static size_t first_unfinished(const struct track *track)
{
    size_t index = 0;

    while (index < track->count &&
           is_finished(track, &track->dead_letters[index])) {
        index++;
    }
    return index;
}

/* The offsets between two dead letters belong to transaction markers, aborted
 * records and deleted records. They are marked like the dead letter before
 * them, so that consecutive dead letters form one run of offsets and the
 * metadata stays short. */
static void add_dead_letter(struct offset_set *done, const struct track *track,
                            size_t index)
{
    int64_t from = track->dead_letters[index].offset;
    int64_t to = index + 1 < track->count
                     ? track->dead_letters[index + 1].offset
                     : track->end;

    offset_set_add_range(done, from, to);
}

static int set_no_room(const struct track *track, int64_t watermark,
                       struct error *err)
{
    return error_set(err, ERROR_REJECTED,
                     "partition %" PRId32
                     ": the dead letters to replay are scattered too widely "
                     "among the others (from offset %" PRId64
                     " on) for the progress to be written down; "
                     "replay or purge the oldest ones first",
                     track->partition, watermark);
}

static int append_text(const struct track *track, size_t first,
                       struct progress *progress, struct str *text,
                       struct error *err)
{
    for (size_t i = first; i < track->count; i++) {
        const struct dead_letter *dead_letter = &track->dead_letters[i];

        if (!is_finished(track, dead_letter)) {
            continue;
        }
        if (dead_letter->offset - progress->watermark >= PROGRESS_MAX_SPAN) {
            return set_no_room(track, progress->watermark, err);
        }
        add_dead_letter(&progress->done, track, i);
    }
    offset_set_forget_below(&progress->done, progress->watermark);
    if (offset_set_end(&progress->done) - progress->watermark >
            PROGRESS_MAX_SPAN ||
        !progress_encode(progress, PROGRESS_MAX_TEXT, text)) {
        return set_no_room(track, progress->watermark, err);
    }
    return 0;
}

int track_encode(const struct track *track, int64_t *ret_offset,
                 struct str *text, struct error *err)
{
    size_t first = first_unfinished(track);
    struct progress progress = {0};
    int result;

    progress.watermark =
        first < track->count ? track->dead_letters[first].offset : track->end;
    progress.dispatched = progress.watermark;
    result = append_text(track, first, &progress, text, err);
    if (result == 0) {
        *ret_offset = progress.watermark;
    }
    progress_release(&progress);
    return result;
}
