#include "replay_internal.h"

static bool may_delete(const struct dead_letter *dead_letter,
                       bool include_unreplayed)
{
    switch (dead_letter->state) {
    case DEAD_LETTER_REPLAYED:
    case DEAD_LETTER_SUPERSEDED:
    case DEAD_LETTER_DELIVERED:
        return true;
    case DEAD_LETTER_WAITING:
    case DEAD_LETTER_QUARANTINED:
    case DEAD_LETTER_FOREIGN:
    case DEAD_LETTER_UNREADABLE:
        break;
    }
    return include_unreplayed && dead_letter->matches;
}

/* Kafka can only delete the records before an offset, so the deletion ends at
 * the first dead letter that must remain. */
static struct purge_span plan_track(const struct track *track,
                                    bool include_unreplayed)
{
    struct purge_span span = {.partition = track->partition};

    while (span.deleted < track->count &&
           may_delete(&track->dead_letters[span.deleted], include_unreplayed)) {
        span.deleted++;
    }
    span.remaining = track->count - span.deleted;
    span.first_remaining =
        span.remaining > 0 ? &track->dead_letters[span.deleted] : NULL;
    if (span.deleted > 0) {
        span.before =
            span.remaining > 0 ? span.first_remaining->offset : track->end;
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
