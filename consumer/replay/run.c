#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"

/*
 * Copies the dead letters: reads the topic again from the first chosen dead
 * letter, and writes the copy of each chosen one in a transaction together with
 * the progress. There is one reaction to any failed transaction: ask which
 * progress is committed, and read again from the first dead letter that is not
 * finished.
 */

/* Limits of one transaction: records, bytes, and how long it is open */
#define MAX_BATCH_RECORDS 500
#define MAX_BATCH_BYTES ((size_t)8 << 20)
#define MAX_BATCH_MS 1000
/* Length of one wait, after which interruptions are noticed */
#define WAIT_MS 100
#define REPORT_INTERVAL_MS 200
#define MAX_FAILURES 5 /* consecutive transactions that failed */

struct run {
    struct replay *replay;
    struct replay_counts *counts;
    void (*on_progress)(void *payload, const struct replay_counts *counts);
    void *payload;
    struct window window;
    struct arena *arena; /* owns the messages of the open transaction */
    uint64_t started_ms;
    uint64_t reported_ms;
    size_t pending;     /* chosen, and not in a committed transaction yet */
    uint64_t pace_ms;   /* start of the interval over which the rate is kept */
    size_t sent;        /* records sent since then */
    size_t batch_count; /* records in the open transaction */
    size_t batch_bytes;
    uint64_t batch_started_ms;
    /* records still to send in transactions of their own */
    size_t singles_left;
    unsigned failures;
    enum replay_end end;
};

static uint64_t now_ms(const struct run *run)
{
    return clock_monotonic_ms(run->replay->options.clock);
}

static struct track *find_track(const struct replay *replay, int32_t partition)
{
    struct track *track = replay->tracks;

    while (track->partition != partition) {
        track++;
    }
    return track;
}

/* --- outcomes of the copies --- */

static int start_outcomes(struct run *run, struct error *err)
{
    size_t count;
    const struct snapshot_span *spans =
        snapshot_spans(run->replay->outcomes, &count);
    int64_t *from = arena_alloc(run->replay->arena, count * sizeof(from[0]));

    for (size_t i = 0; i < count; i++) {
        from[i] = spans[i].end;
    }
    return snapshot_begin(run->replay->outcomes, from, true, err);
}

static void on_outcome(struct run *run, const struct input *input)
{
    const struct replay *replay = run->replay;
    struct arena *arena = arena_new();
    struct replay_outcome outcome;

    if (replay_outcome_read(&input->message, replay->source,
                            replay->dead_letter_list, arena, &outcome) &&
        dead_letter_list_has_replayed(replay->dead_letter_list, &outcome)) {
        run->counts->succeeded += outcome.succeeded;
        run->counts->failed += outcome.failed;
        window_add(&run->window, outcome.failed);
    }
    arena_free(arena);
}

/* Waits that long, and processes outcomes meanwhile. */
static int poll_outcomes(struct run *run, uint64_t wait_ms, struct error *err)
{
    uint64_t until = now_ms(run) + wait_ms;
    enum snapshot_step step;
    struct input input;
    uint64_t now;

    do {
        now = now_ms(run);
        step = snapshot_next(run->replay->outcomes,
                             now < until ? (int)(until - now) : 0, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            on_outcome(run, &input);
        }
    } while (step == SNAPSHOT_RECORD || now < until);
    return 0;
}

static void report_progress(struct run *run)
{
    uint64_t now = now_ms(run);

    run->counts->elapsed_ms = now - run->started_ms;
    run->counts->in_transaction = run->batch_count;
    if (now - run->reported_ms >= REPORT_INTERVAL_MS) {
        run->reported_ms = now;
        run->on_progress(run->payload, run->counts);
    }
}

/* --- transactions --- */

static bool has_changes(const struct track *track)
{
    for (size_t i = 0; i < track->count; i++) {
        const struct dead_letter *dead_letter = &track->dead_letters[i];

        if (dead_letter->in_transaction ||
            (dead_letter_is_skipped(dead_letter) &&
             dead_letter->offset <= track->scanned_to)) {
            return true;
        }
    }
    return false;
}

static int make_offsets(struct run *run, bool all,
                        struct kafka_position *offsets, size_t *ret_count,
                        struct error *err)
{
    const struct replay *replay = run->replay;
    size_t count = 0;

    for (size_t i = 0; i < replay->track_count; i++) {
        const struct track *track = &replay->tracks[i];
        struct kafka_position *to = &offsets[count];
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        if (track->count == 0 || (!all && !has_changes(track))) {
            continue;
        }
        if (track_encode(track, &to->offset, &text, err) < 0) {
            return -1;
        }
        to->at.topic = replay->options.dead_letters;
        to->at.partition = track->partition;
        to->metadata = arena_strdup(run->arena, text.data);
        count++;
    }
    *ret_count = count;
    return 0;
}

static void clear_batch(struct run *run)
{
    arena_free(run->arena);
    run->arena = arena_new();
    run->batch_count = 0;
    run->batch_bytes = 0;
}

/* The transaction is committed: marks its dead letters as copied. */
static void mark_copied(struct run *run)
{
    struct dead_letter_list *list = run->replay->dead_letter_list;

    for (size_t i = 0; i < list->count; i++) {
        struct dead_letter *dead_letter = &list->all[i];

        if (dead_letter->in_transaction) {
            dead_letter->in_transaction = false;
            dead_letter->copied = true;
            run->counts->copied++;
            run->pending--;
        }
    }
    run->failures = 0;
    clear_batch(run);
}

/* Reacts to a record that exceeds the topic's limit, which would abort its
 * transaction every time: the records of this transaction are now sent one by
 * one, which shows which of them it is. */
static void isolate_too_large(struct run *run, const struct error *err)
{
    struct dead_letter_list *list = run->replay->dead_letter_list;

    if (err->kind != ERROR_TOO_LARGE) {
        return;
    }
    run->failures = 0;
    if (run->singles_left < run->batch_count) {
        run->singles_left = run->batch_count;
    }
    for (size_t i = 0; i < list->count && run->batch_count == 1; i++) {
        struct dead_letter *dead_letter = &list->all[i];

        if (dead_letter->in_transaction) {
            dead_letter->in_transaction = false;
            dead_letter->chosen = false;
            dead_letter->refused = true;
            run->counts->refused++;
            run->pending--;
        }
    }
}

/* Compares with the committed progress after a failure: what was sent is copied
 * if the progress records it, and is sent again otherwise. */
static int reconcile(struct run *run, struct error *err)
{
    struct dead_letter_list *list = run->replay->dead_letter_list;

    for (size_t i = 0; i < list->count; i++) {
        struct dead_letter *dead_letter = &list->all[i];
        bool done = dead_letter->state == DEAD_LETTER_REPLAYED;

        if (dead_letter->copied && !done) {
            return error_set(err, ERROR_REJECTED,
                             "the progress has moved back: the offsets of "
                             "group '%s' were reset",
                             run->replay->group);
        }
        if (dead_letter->chosen && !dead_letter->copied && done) {
            dead_letter->copied = true;
            run->counts->copied++;
            run->pending--;
        }
        dead_letter->in_transaction = false;
    }
    return 0;
}

/* Returns 0 if the replay can continue from the first dead letter that is not
 * finished, -1 if it cannot continue. */
static int recover(struct run *run, enum producer_result result,
                   struct error *err)
{
    if (result == PRODUCER_FENCED) {
        error_prefix(err, "another replay for this group has taken over");
        err->kind = ERROR_REJECTED;
        return -1;
    }
    isolate_too_large(run, err);
    if (++run->failures >= MAX_FAILURES || err->kind == ERROR_REJECTED) {
        return -1;
    }
    clear_batch(run);
    if ((result == PRODUCER_LOST &&
         replay_open_producer(run->replay, err) < 0) ||
        replay_read_progress(run->replay, err) < 0) {
        return -1;
    }
    return reconcile(run, err);
}

/* Returns 0 if the transaction is committed or there is none, 1 if it failed
 * and the replay can continue from the first dead letter that is not finished,
 * -1 if it cannot continue. */
static int commit(struct run *run, bool all, struct error *err)
{
    struct replay *replay = run->replay;
    struct kafka_position *offsets =
        arena_alloc(run->arena, replay->track_count * sizeof(*offsets));
    enum producer_result result;
    size_t count;

    if (make_offsets(run, all, offsets, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return 0;
    }
    result =
        replay_producer_commit(replay->replay_producer, offsets, count, err);
    if (result != PRODUCER_OK) {
        return recover(run, result, err) < 0 ? -1 : 1;
    }
    mark_copied(run);
    return 0;
}

static int send_copy(struct run *run, const struct input *input,
                     struct dead_letter *dead_letter, struct error *err)
{
    struct replay *replay = run->replay;
    enum producer_result result;
    struct message message;

    if (run->batch_count == 0) {
        run->batch_started_ms = now_ms(run);
    }
    dead_letter_rewrite(input, dead_letter, replay->options.replays, run->arena,
                        &message);
    dead_letter->in_transaction = true;
    run->batch_count++;
    run->batch_bytes += message.value.len;
    run->sent++;
    result = replay_producer_send(replay->replay_producer, &message, err);
    if (result != PRODUCER_OK) {
        return recover(run, result, err) < 0 ? -1 : 1;
    }
    return 0;
}

static bool is_batch_full(struct run *run)
{
    if (run->batch_count > 0 && run->singles_left > 0) {
        run->singles_left--;
        return true;
    }
    return run->batch_count >= MAX_BATCH_RECORDS ||
           run->batch_bytes >= MAX_BATCH_BYTES ||
           (run->batch_count > 0 &&
            now_ms(run) - run->batch_started_ms >= MAX_BATCH_MS);
}

/* --- reading --- */

static bool is_pending(const struct dead_letter *dead_letter)
{
    return dead_letter->chosen && !dead_letter->in_transaction &&
           !dead_letter->copied;
}

static int start_reading(struct run *run, struct error *err)
{
    struct replay *replay = run->replay;
    struct arena *arena = arena_new();
    int64_t *from = arena_alloc(arena, replay->track_count * sizeof(from[0]));
    int result;

    for (size_t i = 0; i < replay->track_count; i++) {
        const struct track *track = &replay->tracks[i];

        from[i] = SNAPSHOT_SKIP;
        for (size_t j = track->count; j > 0; j--) {
            if (is_pending(&track->dead_letters[j - 1])) {
                from[i] = track->dead_letters[j - 1].offset;
            }
        }
    }
    result = snapshot_begin(replay->dead_letters, from, false, err);
    arena_free(arena);
    return result;
}

static bool check_stop(struct run *run)
{
    const struct replay_options *options = &run->replay->options;

    if (options->interrupted()) {
        run->end = REPLAY_INTERRUPTED;
    } else if (window_exceeds(&run->window, options->max_failures)) {
        run->end = REPLAY_TOO_MANY_FAILURES;
    }
    return run->end != REPLAY_DONE;
}

/* A delay is not made up for by a burst, because the rate limit protects the
 * registry. */
static uint64_t next_due(struct run *run)
{
    uint64_t now = now_ms(run);
    uint64_t due =
        run->pace_ms + replay_due_ms(run->sent, run->replay->options.rate);

    if (due + WAIT_MS < now) {
        run->pace_ms = now;
        run->sent = 0;
        return now;
    }
    return due;
}

/* Waits until the next record is due, and meanwhile commits a transaction that
 * has been open long enough. Returns as commit() does. */
static int wait_until_due(struct run *run, struct error *err)
{
    uint64_t due = next_due(run);
    int result = 0;

    do {
        uint64_t now = now_ms(run);
        uint64_t wait = due > now ? due - now : 0;

        if (poll_outcomes(run, wait < WAIT_MS ? wait : WAIT_MS, err) < 0) {
            return -1;
        }
        report_progress(run);
        if (is_batch_full(run)) {
            result = commit(run, false, err);
        }
    } while (result == 0 && now_ms(run) < due && !check_stop(run));
    return result;
}

static int on_dead_letter(struct run *run, const struct input *input,
                          struct error *err)
{
    struct replay *replay = run->replay;
    struct dead_letter *dead_letter = dead_letter_list_find(
        replay->dead_letter_list, input->partition, input->offset);

    find_track(replay, input->partition)->scanned_to = input->offset;
    if (dead_letter == NULL || !is_pending(dead_letter)) {
        return 0;
    }
    return send_copy(run, input, dead_letter, err);
}

static bool is_all_sent(const struct run *run)
{
    return run->pending == run->batch_count;
}

/* Reads the topic once, from the first dead letter that is not finished.
 * Returns 1 if another pass is needed. */
static int run_pass(struct run *run, struct error *err)
{
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;
    int result = 0;

    if (start_reading(run, err) < 0) {
        return -1;
    }
    while (result == 0 && step != SNAPSHOT_END && !is_all_sent(run) &&
           !check_stop(run)) {
        step = snapshot_next(run->replay->dead_letters, WAIT_MS, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            result = on_dead_letter(run, &input, err);
        }
        if (result == 0) {
            result = wait_until_due(run, err);
        }
    }
    return result;
}

/* After a complete pass, all skipped dead letters are marked as finished,
 * wherever they are. */
static void mark_all_scanned(struct run *run)
{
    struct replay *replay = run->replay;

    for (size_t i = 0; i < replay->track_count; i++) {
        replay->tracks[i].scanned_to = INT64_MAX;
    }
}

static int copy_all(struct run *run, struct error *err)
{
    int result = 1;

    while (result == 1) {
        result = run_pass(run, err);
        if (result != 0) {
            continue;
        }
        if (run->end == REPLAY_DONE) {
            mark_all_scanned(run);
        }
        result = commit(run, run->end == REPLAY_DONE, err);
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
        struct track final = replay->tracks[i];
        int64_t offset;

        /* The state after a complete replay */
        for (size_t j = 0; j < final.count; j++) {
            final.dead_letters[j].in_transaction = final.dead_letters[j].chosen;
        }
        final.scanned_to = INT64_MAX;
        result = track_encode(&final, &offset, &text, err);
        for (size_t j = 0; j < final.count; j++) {
            final.dead_letters[j].in_transaction = false;
        }
    }
    return result;
}

int replay_run(struct replay *replay,
               void (*on_progress)(void *payload,
                                   const struct replay_counts *counts),
               void *payload, enum replay_end *ret_end,
               struct replay_counts *ret_counts, struct error *err)
{
    struct run run = {.replay = replay,
                      .counts = ret_counts,
                      .on_progress = on_progress,
                      .payload = payload,
                      .arena = arena_new()};
    int result;

    replay_count(replay, ret_counts);
    run.pending = ret_counts->chosen;
    run.started_ms = now_ms(&run);
    run.pace_ms = run.started_ms;
    result = replay_check_room(replay, err);
    if (result == 0) {
        result = start_outcomes(&run, err);
    }
    if (result == 0) {
        result = copy_all(&run, err);
    }
    if (result == 0 && run.end == REPLAY_DONE) {
        ret_counts->deleted = run.pending;
    }
    ret_counts->elapsed_ms = now_ms(&run) - run.started_ms;
    arena_free(run.arena);
    *ret_end = run.end;
    return result;
}
