#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"

/*
 * Copying: reads the dead letters once more, from the first that is chosen, and
 * puts each that is into a transaction, together with the progress that says
 * so. Whatever goes wrong with a transaction is mended in one way: ask what is
 * committed, and read again from the first that is not.
 */

/* What one transaction may hold, and how long it may be open */
#define GROUP_MAX 500
#define GROUP_BYTES ((size_t)8 << 20)
#define GROUP_MS 1000
/* Of one wait: so that interruptions are noticed */
#define STEP_MS 100
#define TELL_MS 200
#define MAX_FAILURES 5 /* of transactions in a row */

struct running {
    struct replay *replay;
    struct replay_counts *counts;
    void (*tell)(void *payload, const struct replay_counts *counts);
    void *payload;
    struct window window;
    struct arena *arena; /* of the open transaction */
    uint64_t started_ms;
    uint64_t reported_ms;
    size_t pending;   /* chosen, and not copied yet */
    uint64_t pace_ms; /* since when the pace is kept, ... */
    size_t sent;      /* ... and how many were sent since */
    size_t group;     /* in the open transaction */
    size_t group_bytes;
    uint64_t group_ms;
    size_t alone; /* so many more in transactions of their own */
    unsigned failures;
    enum replay_end end;
};

static uint64_t now_ms(const struct running *running)
{
    return clock_monotonic_ms(running->replay->options.clock);
}

static struct track *find_track(const struct replay *replay, int32_t partition)
{
    struct track *track = replay->tracks;

    while (track->partition != partition) {
        track++;
    }
    return track;
}

/* --- what has become of those replayed
 * ------------------------------------------------------------------- */

static int begin_watching(struct running *running, struct error *err)
{
    size_t count;
    const struct snapshot_span *spans =
        snapshot_spans(running->replay->outcomes, &count);
    int64_t *from =
        arena_alloc(running->replay->arena, count * sizeof(from[0]));

    for (size_t i = 0; i < count; i++) {
        from[i] = spans[i].end;
    }
    return snapshot_begin(running->replay->outcomes, from, true, err);
}

static void on_outcome(struct running *running, const struct input *input)
{
    const struct replay *replay = running->replay;
    struct arena *arena = arena_new();
    struct outcome_note note;

    if (outcome_note_read(&input->message, replay->source,
                          replay->dead_letter_list, arena, &note) &&
        dead_letter_list_were_replayed(replay->dead_letter_list, &note)) {
        running->counts->succeeded += note.succeeded;
        running->counts->failed += note.failed;
        window_add(&running->window, note.failed);
    }
    arena_free(arena);
}

/* Waits, and looks meanwhile. */
static int watch(struct running *running, uint64_t wait_ms, struct error *err)
{
    uint64_t until = now_ms(running) + wait_ms;
    enum snapshot_step step;
    struct input input;
    uint64_t now;

    do {
        now = now_ms(running);
        step = snapshot_next(running->replay->outcomes,
                             now < until ? (int)(until - now) : 0, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            on_outcome(running, &input);
        }
    } while (step == SNAPSHOT_RECORD || now < until);
    return 0;
}

static void tell(struct running *running)
{
    uint64_t now = now_ms(running);

    running->counts->elapsed_ms = now - running->started_ms;
    running->counts->under_way = running->group;
    if (now - running->reported_ms >= TELL_MS) {
        running->reported_ms = now;
        running->tell(running->payload, running->counts);
    }
}

/* --- transactions
 * ------------------------------------------------------------------- */

static bool has_news(const struct track *track)
{
    for (size_t i = 0; i < track->count; i++) {
        const struct dead_letter *dead_letter = &track->dead_letter_list[i];

        if (dead_letter->put || (dead_letter_is_noted(dead_letter) &&
                                 dead_letter->offset <= track->reached)) {
            return true;
        }
    }
    return false;
}

static int make_offsets(struct running *running, bool all,
                        struct kafka_position *offsets, size_t *ret_count,
                        struct error *err)
{
    const struct replay *replay = running->replay;
    size_t count = 0;

    for (size_t i = 0; i < replay->track_count; i++) {
        const struct track *track = &replay->tracks[i];
        struct kafka_position *to = &offsets[count];
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        if (track->count == 0 || (!all && !has_news(track))) {
            continue;
        }
        if (track_encode(track, &to->offset, &text, err) < 0) {
            return -1;
        }
        to->at.topic = replay->options.dead_letters;
        to->at.partition = track->partition;
        to->metadata = arena_strdup(running->arena, text.data);
        count++;
    }
    *ret_count = count;
    return 0;
}

static void end_group(struct running *running)
{
    arena_free(running->arena);
    running->arena = arena_new();
    running->group = 0;
    running->group_bytes = 0;
}

/* All that was put is there, for good. */
static void settle(struct running *running)
{
    struct dead_letter_list *dead_letter_list =
        running->replay->dead_letter_list;

    for (size_t i = 0; i < dead_letter_list->count; i++) {
        struct dead_letter *dead_letter = &dead_letter_list->all[i];

        if (dead_letter->put) {
            dead_letter->put = false;
            dead_letter->copied = true;
            running->counts->copied++;
            running->pending--;
        }
    }
    running->failures = 0;
    end_group(running);
}

/* A record that a topic has no room for would undo its whole transaction again
 * and again: those of this one come one by one now, which shows which it is. */
static void single_out(struct running *running, const struct error *err)
{
    struct dead_letter_list *dead_letter_list =
        running->replay->dead_letter_list;

    if (err->kind != ERROR_TOO_LARGE) {
        return;
    }
    running->failures = 0;
    if (running->alone < running->group) {
        running->alone = running->group;
    }
    for (size_t i = 0; i < dead_letter_list->count && running->group == 1;
         i++) {
        struct dead_letter *dead_letter = &dead_letter_list->all[i];

        if (dead_letter->put) {
            dead_letter->put = false;
            dead_letter->chosen = false;
            dead_letter->refused = true;
            running->counts->refused++;
            running->pending--;
        }
    }
}

/* What was put is copied if the progress says so, and else is not. */
static int compare(struct running *running, struct error *err)
{
    struct dead_letter_list *dead_letter_list =
        running->replay->dead_letter_list;

    for (size_t i = 0; i < dead_letter_list->count; i++) {
        struct dead_letter *dead_letter = &dead_letter_list->all[i];
        bool done = dead_letter->state == DEAD_LETTER_REPLAYED;

        if (dead_letter->copied && !done) {
            return error_set(err, ERROR_REJECTED,
                             "the progress has gone back: somebody has reset "
                             "the offsets of group '%s'",
                             running->replay->group);
        }
        if (dead_letter->chosen && !dead_letter->copied && done) {
            dead_letter->copied = true;
            running->counts->copied++;
            running->pending--;
        }
        dead_letter->put = false;
    }
    return 0;
}

/* 0: read again from the first that is open. -1: it cannot go on. */
static int recover(struct running *running, enum copy_result result,
                   struct error *err)
{
    if (result == COPY_FENCED) {
        error_prefix(err, "another replay for this group has taken over");
        err->kind = ERROR_REJECTED;
        return -1;
    }
    single_out(running, err);
    if (++running->failures >= MAX_FAILURES || err->kind == ERROR_REJECTED) {
        return -1;
    }
    end_group(running);
    if ((result == COPY_LOST &&
         replay_open_producer(running->replay, err) < 0) ||
        replay_read_progress(running->replay, err) < 0) {
        return -1;
    }
    return compare(running, err);
}

/* 1: the transaction has failed, and it can be gone on from the first that is
 * open. */
static int commit(struct running *running, bool all, struct error *err)
{
    struct replay *replay = running->replay;
    struct kafka_position *offsets =
        arena_alloc(running->arena, replay->track_count * sizeof(*offsets));
    enum copy_result result;
    size_t count;

    if (make_offsets(running, all, offsets, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return 0;
    }
    result =
        replay_producer_commit(replay->replay_producer, offsets, count, err);
    if (result != COPY_COMMITTED) {
        return recover(running, result, err) < 0 ? -1 : 1;
    }
    settle(running);
    return 0;
}

static int put(struct running *running, const struct input *input,
               struct dead_letter *dead_letter, struct error *err)
{
    struct replay *replay = running->replay;
    enum copy_result result;
    struct message message;

    if (running->group == 0) {
        running->group_ms = now_ms(running);
    }
    dead_letter_rewrite(input, dead_letter, replay->options.attestations,
                        running->arena, &message);
    dead_letter->put = true;
    running->group++;
    running->group_bytes += message.value.len;
    running->sent++;
    result = replay_producer_send(replay->replay_producer, &message, err);
    if (result != COPY_COMMITTED) {
        return recover(running, result, err) < 0 ? -1 : 1;
    }
    return 0;
}

static bool is_group_full(struct running *running)
{
    if (running->group > 0 && running->alone > 0) {
        running->alone--;
        return true;
    }
    return running->group >= GROUP_MAX || running->group_bytes >= GROUP_BYTES ||
           (running->group > 0 &&
            now_ms(running) - running->group_ms >= GROUP_MS);
}

/* --- going through
 * ------------------------------------------------------------------- */

static bool is_open(const struct dead_letter *dead_letter)
{
    return dead_letter->chosen && !dead_letter->put && !dead_letter->copied;
}

static int begin_reading(struct running *running, struct error *err)
{
    struct replay *replay = running->replay;
    struct arena *arena = arena_new();
    int64_t *from = arena_alloc(arena, replay->track_count * sizeof(from[0]));
    int result;

    for (size_t i = 0; i < replay->track_count; i++) {
        const struct track *track = &replay->tracks[i];

        from[i] = SNAPSHOT_SKIP;
        for (size_t j = track->count; j > 0; j--) {
            if (is_open(&track->dead_letter_list[j - 1])) {
                from[i] = track->dead_letter_list[j - 1].offset;
            }
        }
    }
    result = snapshot_begin(replay->dead_letters, from, false, err);
    arena_free(arena);
    return result;
}

static bool must_stop(struct running *running)
{
    const struct replay_options *options = &running->replay->options;

    if (options->interrupted()) {
        running->end = REPLAY_INTERRUPTED;
    } else if (window_exceeds(&running->window, options->max_failures)) {
        running->end = REPLAY_TOO_MANY_FAILURES;
    }
    return running->end != REPLAY_DONE;
}

/* What was missed is not made up for: the rate is a promise to the registry. */
static uint64_t next_due(struct running *running)
{
    uint64_t now = now_ms(running);
    uint64_t due = running->pace_ms +
                   replay_due_ms(running->sent, running->replay->options.rate);

    if (due + STEP_MS < now) {
        running->pace_ms = now;
        running->sent = 0;
        return now;
    }
    return due;
}

/* Until the next one is due, committing what has been open for long enough.
 * Returns as commit() does. */
static int keep_pace(struct running *running, struct error *err)
{
    uint64_t due = next_due(running);
    int result = 0;

    do {
        uint64_t now = now_ms(running);
        uint64_t wait = due > now ? due - now : 0;

        if (watch(running, wait < STEP_MS ? wait : STEP_MS, err) < 0) {
            return -1;
        }
        tell(running);
        if (is_group_full(running)) {
            result = commit(running, false, err);
        }
    } while (result == 0 && now_ms(running) < due && !must_stop(running));
    return result;
}

static int on_dead_letter(struct running *running, const struct input *input,
                          struct error *err)
{
    struct replay *replay = running->replay;
    struct dead_letter *dead_letter = dead_letter_list_find(
        replay->dead_letter_list, input->partition, input->offset);

    find_track(replay, input->partition)->reached = input->offset;
    if (dead_letter == NULL || !is_open(dead_letter)) {
        return 0;
    }
    return put(running, input, dead_letter, err);
}

static bool is_all_sent(const struct running *running)
{
    return running->pending == running->group;
}

/* One pass, from the first that is open. 1: another one is needed. */
static int pass(struct running *running, struct error *err)
{
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;
    int result = 0;

    if (begin_reading(running, err) < 0) {
        return -1;
    }
    while (result == 0 && step != SNAPSHOT_END && !is_all_sent(running) &&
           !must_stop(running)) {
        step =
            snapshot_next(running->replay->dead_letters, STEP_MS, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            result = on_dead_letter(running, &input, err);
        }
        if (result == 0) {
            result = keep_pace(running, err);
        }
    }
    return result;
}

/* At the end all that is only noted is noted, wherever it stands. */
static void reach_everything(struct running *running)
{
    struct replay *replay = running->replay;

    for (size_t i = 0; i < replay->track_count; i++) {
        replay->tracks[i].reached = INT64_MAX;
    }
}

static int copy_all(struct running *running, struct error *err)
{
    int result = 1;

    while (result == 1) {
        result = pass(running, err);
        if (result != 0) {
            continue;
        }
        if (running->end == REPLAY_DONE) {
            reach_everything(running);
        }
        result = commit(running, running->end == REPLAY_DONE, err);
    }
    return result;
}

void replay_count(const struct replay *replay, struct replay_counts *ret_counts)
{
    struct replay_counts counts = {0};

    for (size_t i = 0; i < replay->dead_letter_list->count; i++) {
        const struct dead_letter *dead_letter =
            &replay->dead_letter_list->all[i];

        counts.chosen += dead_letter->chosen;
        if (!dead_letter->matches) {
            continue;
        }
        counts.superseded += dead_letter->state == DEAD_LETTER_SUPERSEDED;
        counts.delivered += dead_letter->state == DEAD_LETTER_DELIVERED;
        counts.quarantined += dead_letter->state == DEAD_LETTER_QUARANTINED;
        counts.foreign += dead_letter->state == DEAD_LETTER_FOREIGN;
        counts.unreadable += dead_letter->state == DEAD_LETTER_UNREADABLE;
    }
    *ret_counts = counts;
}

int replay_check_room(const struct replay *replay, struct error *err)
{
    int result = 0;

    for (size_t i = 0; i < replay->track_count && result == 0; i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct track then = replay->tracks[i];
        int64_t offset;

        /* As it will be at the end */
        for (size_t j = 0; j < then.count; j++) {
            then.dead_letter_list[j].put = then.dead_letter_list[j].chosen;
        }
        then.reached = INT64_MAX;
        result = track_encode(&then, &offset, &text, err);
        for (size_t j = 0; j < then.count; j++) {
            then.dead_letter_list[j].put = false;
        }
    }
    return result;
}

int replay_run(struct replay *replay,
               void (*tell_)(void *payload, const struct replay_counts *counts),
               void *payload, enum replay_end *ret_end,
               struct replay_counts *ret_counts, struct error *err)
{
    struct running running = {.replay = replay,
                              .counts = ret_counts,
                              .tell = tell_,
                              .payload = payload,
                              .arena = arena_new()};
    int result;

    replay_count(replay, ret_counts);
    running.pending = ret_counts->chosen;
    running.started_ms = now_ms(&running);
    running.pace_ms = running.started_ms;
    result = replay_check_room(replay, err);
    if (result == 0) {
        result = begin_watching(&running, err);
    }
    if (result == 0) {
        result = copy_all(&running, err);
    }
    if (result == 0 && running.end == REPLAY_DONE) {
        ret_counts->gone = running.pending;
    }
    ret_counts->elapsed_ms = now_ms(&running) - running.started_ms;
    arena_free(running.arena);
    *ret_end = running.end;
    return result;
}
