#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"
#include "waybill/kafka_prepare.h"
#include "waybill/topic_create.h"

/* The tolerance for clocks of producers that are wrong */
#define CLOCK_SKEW_MS 3600000

static struct kafka_options client_options(const struct replay *replay,
                                           const char *topic)
{
    return (struct kafka_options){
        .user = replay->options.user,
        .brokers = replay->options.brokers,
        .group = replay->group,
        .topic = topic,
        .transactional_id = replay->transactional_id,
        .properties = replay->options.properties,
    };
}

int replay_open_producer(struct replay *replay, struct error *err)
{
    struct kafka_options options =
        client_options(replay, replay->options.replays);

    replay_producer_free(replay->replay_producer);
    replay->replay_producer = NULL;
    return replay_producer_open(&options, replay->options.interrupted,
                                &replay->replay_producer, err);
}

static int create_topic(const struct replay *replay, struct error *err)
{
    struct kafka_options options =
        client_options(replay, replay->options.replays);

    return topic_create_like(&options, replay->options.attestations, err);
}

/* --- scanning --- */

static int read_all(struct replay *replay, struct snapshot *snapshot,
                    void (*handle)(struct replay *replay,
                                   const struct input *input),
                    struct error *err)
{
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    while (step != SNAPSHOT_END) {
        if (replay->options.interrupted()) {
            return error_set(err, ERROR_CANCELLED, "interrupted");
        }
        step = snapshot_next(snapshot, 200, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            handle(replay, &input);
        }
    }
    return 0;
}

static void add_dead_letter(struct replay *replay, const struct input *input)
{
    dead_letter_list_add(replay->dead_letter_list, input,
                         &replay->options.filter);
}

static void apply_outcome(struct replay *replay, const struct input *input)
{
    struct arena *arena = arena_new();
    struct replay_outcome outcome;

    if (replay_outcome_read(&input->message, replay->source,
                            replay->dead_letter_list, arena, &outcome)) {
        dead_letter_list_apply_outcome(replay->dead_letter_list, &outcome);
    }
    arena_free(arena);
}

static void make_tracks(struct replay *replay)
{
    size_t count;
    const struct snapshot_span *spans =
        snapshot_spans(replay->dead_letters, &count);
    const struct dead_letter_list *list = replay->dead_letter_list;
    size_t at = 0;

    replay->tracks = mem_zalloc(count * sizeof(replay->tracks[0]));
    replay->track_count = count;
    for (size_t i = 0; i < count; i++) {
        struct track *track = &replay->tracks[i];

        track->partition = spans[i].partition;
        track->end = spans[i].end;
        track->scanned_to = -1;
        track->dead_letters = list->all + at;
        while (at < list->count &&
               list->all[at].partition == track->partition) {
            at++;
            track->count++;
        }
    }
}

static int read_dead_letters(struct replay *replay, struct error *err)
{
    struct kafka_options options =
        client_options(replay, replay->options.dead_letters);
    int64_t *from;
    size_t count;
    int result;

    if (snapshot_open(&options, &replay->dead_letters, err) < 0) {
        return -1;
    }
    snapshot_spans(replay->dead_letters, &count);
    from = arena_alloc(replay->arena, count * sizeof(from[0]));
    result = snapshot_begin(replay->dead_letters, from, false, err);
    if (result == 0) {
        result = read_all(replay, replay->dead_letters, add_dead_letter, err);
    }
    dead_letter_list_sort(replay->dead_letter_list);
    return result;
}

/* --- progress --- */

static int decode_progress(const struct replay *replay, struct track *track,
                           const struct snapshot_commit *commit,
                           struct error *err)
{
    struct progress progress = {0};

    if (commit->offset > track->end) {
        return error_set(
            err, ERROR_REJECTED,
            "the progress of group '%s' is at offset %lld of partition %d of "
            "'%s', which ends at %lld: if the topic was created again, delete "
            "the offsets of that group",
            replay->group, (long long)commit->offset, track->partition,
            replay->options.dead_letters, (long long)track->end);
    }
    if (commit->offset >= 0 &&
        progress_decode(commit->offset, commit->text, &progress, err) < 0) {
        error_prefix(err,
                     "the progress of group '%s' in partition %d of '%s' "
                     "(offset %lld) cannot be read",
                     replay->group, track->partition,
                     replay->options.dead_letters, (long long)commit->offset);
        err->kind = ERROR_REJECTED;
        return -1;
    }
    progress_release(&track->progress);
    track->progress = progress;
    return 0;
}

int replay_read_progress(struct replay *replay, struct error *err)
{
    struct arena *arena = arena_new();
    struct snapshot_commit *commits =
        arena_alloc(arena, replay->track_count * sizeof(*commits));
    int result = snapshot_committed(replay->dead_letters, arena, commits, err);

    for (size_t i = 0; i < replay->track_count && result == 0; i++) {
        result = decode_progress(replay, &replay->tracks[i], &commits[i], err);
        if (result == 0) {
            track_apply(&replay->tracks[i]);
        }
    }
    arena_free(arena);
    return result;
}

/* --- outcomes --- */

/* The time of the oldest dead letter that is waiting, before which no relevant
 * outcome was written. -1: none is waiting */
static int64_t oldest_waiting_ms(const struct dead_letter_list *list)
{
    int64_t oldest = -1;

    for (size_t i = 0; i < list->count; i++) {
        const struct dead_letter *dead_letter = &list->all[i];
        int64_t ms = dead_letter->failed_ms;

        if (dead_letter->timestamp_ms < ms) {
            ms = dead_letter->timestamp_ms;
        }
        if (dead_letter->state == DEAD_LETTER_WAITING &&
            (oldest < 0 || ms < oldest)) {
            oldest = ms > 0 ? ms : 0;
        }
    }
    return oldest;
}

static int check_outcomes(struct replay *replay, struct error *err)
{
    int64_t oldest = oldest_waiting_ms(replay->dead_letter_list);
    size_t count;
    int64_t *from;

    if (!replay->options.outcome_check || oldest < 0) {
        return 0;
    }
    snapshot_spans(replay->outcomes, &count);
    from = arena_alloc(replay->arena, count * sizeof(from[0]));
    return snapshot_at_time(replay->outcomes, oldest - CLOCK_SKEW_MS, from,
                            err) < 0 ||
                   snapshot_begin(replay->outcomes, from, false, err) < 0 ||
                   read_all(replay, replay->outcomes, apply_outcome, err) < 0
               ? -1
               : 0;
}

/* --- life cycle --- */

static int load(struct replay *replay, bool write, struct error *err)
{
    struct kafka_options outcomes =
        client_options(replay, replay->options.outcomes);
    const struct replay_policy *policy = &replay->options.policy;

    if (read_dead_letters(replay, err) < 0 ||
        filter_check(&replay->options.filter, &replay->options.names,
                     replay->dead_letter_list, err) < 0) {
        return -1;
    }
    /* The producer fences another replay of the group, which a filter with a
     * mistake must not do. It ends the transaction of a killed replay, which
     * decides what is committed, so the progress is read after it. */
    if (write && replay_open_producer(replay, err) < 0) {
        return -1;
    }
    make_tracks(replay);
    if (replay_read_progress(replay, err) < 0) {
        return -1;
    }
    dead_letter_list_supersede(replay->dead_letter_list);
    if ((replay->options.outcome_check || replay->replay_producer != NULL) &&
        snapshot_open(&outcomes, &replay->outcomes, err) < 0) {
        return -1;
    }
    if (check_outcomes(replay, err) < 0) {
        return -1;
    }
    dead_letter_list_exclude(replay->dead_letter_list, policy);
    dead_letter_list_choose(replay->dead_letter_list, policy);
    return 0;
}

int replay_open(const struct replay_options *options, bool write,
                struct replay **ret_replay, struct error *err)
{
    struct replay *replay = mem_zalloc(sizeof(*replay));
    const char *group = options->policy.group;

    replay->options = *options;
    replay->arena = arena_new();
    replay->dead_letter_list = dead_letter_list_new();
    replay->group = kafka_replay_group(group, replay->arena);
    replay->source = arena_printf(replay->arena, "waybill/%s", group);
    /* All replays of a group use the same id, so that a second one fences the
     * first. */
    replay->transactional_id = kafka_replay_id(group, replay->arena);
    if ((write && create_topic(replay, err) < 0) ||
        load(replay, write, err) < 0) {
        replay_free(replay);
        return -1;
    }
    *ret_replay = replay;
    return 0;
}

void replay_free(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    replay_producer_free(replay->replay_producer);
    snapshot_free(replay->dead_letters);
    snapshot_free(replay->outcomes);
    for (size_t i = 0; i < replay->track_count; i++) {
        progress_release(&replay->tracks[i].progress);
    }
    mem_free(replay->tracks);
    dead_letter_list_free(replay->dead_letter_list);
    arena_free(replay->arena);
    mem_free(replay);
}

struct dead_letter_list *replay_dead_letters(const struct replay *replay)
{
    return replay->dead_letter_list;
}

static size_t track_index(const struct replay *replay, int32_t partition)
{
    size_t index = 0;

    while (replay->tracks[index].partition != partition) {
        index++;
    }
    return index;
}

int replay_fetch(struct replay *replay, const struct dead_letter *dead_letter,
                 struct input *ret_input, struct error *err)
{
    int64_t *from =
        arena_alloc(replay->arena, replay->track_count * sizeof(from[0]));
    enum snapshot_step step = SNAPSHOT_WAITING;

    for (size_t i = 0; i < replay->track_count; i++) {
        from[i] = SNAPSHOT_SKIP;
    }
    from[track_index(replay, dead_letter->partition)] = dead_letter->offset;
    if (snapshot_begin(replay->dead_letters, from, false, err) < 0) {
        return -1;
    }
    while (step == SNAPSHOT_WAITING) {
        step = snapshot_next(replay->dead_letters, 1000, ret_input, err);
    }
    if (step == SNAPSHOT_FAILED) {
        return -1;
    }
    if (step == SNAPSHOT_END || ret_input->offset != dead_letter->offset) {
        return error_set(err, ERROR_NOT_FOUND, "it has been deleted meanwhile");
    }
    return 0;
}
