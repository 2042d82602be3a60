#include "replay_internal.h"

static bool may_go(const struct dead_letter *letter, bool include_unreplayed)
{
    switch (letter->state) {
    case LETTER_REPLAYED:
    case LETTER_SUPERSEDED:
    case LETTER_DELIVERED:
        return true;
    case LETTER_WAITING:
    case LETTER_QUARANTINED:
    case LETTER_FOREIGN:
    case LETTER_UNREADABLE:
        break;
    }
    return include_unreplayed && letter->matches;
}

/* Kafka deletes only from the front. */
static struct purge_span plan_track(const struct track *track,
                                    bool include_unreplayed)
{
    struct purge_span span = {.partition = track->partition};

    while (span.letters < track->count &&
           may_go(&track->letters[span.letters], include_unreplayed)) {
        span.letters++;
    }
    span.remaining = track->count - span.letters;
    span.stopper = span.remaining > 0 ? &track->letters[span.letters] : NULL;
    if (span.letters > 0) {
        span.before = span.remaining > 0 ? span.stopper->offset : track->end;
    }
    return span;
}

const struct purge_span *replay_plan_purge(struct replay *replay,
                                           bool include_unreplayed,
                                           size_t *ret_count)
{
    struct purge_span *spans =
        arena_alloc(replay->arena, replay->track_count * sizeof(spans[0]));

    for (size_t i = 0; i < replay->track_count; i++) {
        spans[i] = plan_track(&replay->tracks[i], include_unreplayed);
    }
    *ret_count = replay->track_count;
    return spans;
}

int replay_purge(struct replay *replay, const struct purge_span *spans,
                 size_t count, struct error *err)
{
    int64_t *before = arena_alloc(replay->arena, count * sizeof(before[0]));

    for (size_t i = 0; i < count; i++) {
        before[i] = spans[i].before;
    }
    return snapshot_delete(replay->dead_letters, before, err);
}
