#include <stdlib.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"
#include "waybill/trail.h"

/* Producers' clocks may be wrong by so much: outcomes are looked for from so
 * long before the record on. */
#define CLOCK_SKEW_MS 3600000
#define TELL_MS 1000
/* Outcomes of one event; more of them would be somebody's loop. */
#define MOST_OUTCOMES 1000

struct following {
    const struct trail_options *options;
    struct arena *arena;
    struct trail *trail;
    const char *source;
    size_t capacity;
    uint64_t told_ms;
};

static struct queue_options client_options(const struct following *following,
                                           const char *topic)
{
    return (struct queue_options){
        .brokers = following->options->brokers,
        .group = following->options->group,
        .topic = topic,
        .properties = following->options->properties,
    };
}

static int interrupted(struct error *err)
{
    return error_set(err, ERROR_CANCELLED, "interrupted");
}

/* --- the record, and the commits
 * ------------------------------------------------------------------- */

static void take_record(struct following *following, const struct input *input)
{
    struct trail *trail = following->trail;
    const struct message *message = &input->message;
    struct arena *arena = following->arena;
    bool replay = message_header(message, "waybill-replays") != NULL;

    trail->found = true;
    trail->timestamp_ms = message->timestamp_ms;
    trail->size = message->value.len;
    if (replay) {
        trail->replay_of = message_header_text(message, "waybill-dead-letter",
                                               LIMIT_EVENT_ID, arena);
        trail->event_id = message_header_text(message, "waybill-event-id",
                                              LIMIT_EVENT_ID, arena);
    }
    if (trail->event_id == NULL) {
        trail->event_id =
            message_header_text(message, "ce_id", LIMIT_EVENT_ID, arena);
    }
}

/* The first record from its offset on is it, or it is none. */
static int read_record(struct following *following, struct snapshot *snapshot,
                       size_t place, size_t count, struct error *err)
{
    const struct trail *trail = following->trail;
    int64_t *from = arena_alloc(following->arena, count * sizeof(from[0]));
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    for (size_t i = 0; i < count; i++) {
        from[i] = SNAPSHOT_SKIP;
    }
    from[place] = trail->offset;
    if (trail->offset < trail->low || trail->offset >= trail->end) {
        return 0;
    }
    if (snapshot_begin(snapshot, from, false, err) < 0) {
        return -1;
    }
    while (step == SNAPSHOT_WAITING) {
        if (following->options->interrupted()) {
            return interrupted(err);
        }
        step = snapshot_next(snapshot, 200, &input, err);
    }
    if (step == SNAPSHOT_RECORD && input.offset == trail->offset) {
        take_record(following, &input);
    }
    return step == SNAPSHOT_FAILED ? -1 : 0;
}

static void take_commit(struct following *following,
                        const struct snapshot_commit *commit)
{
    const struct trail_options *options = following->options;
    struct trail *trail = following->trail;
    struct progress progress = {0};
    struct error err;

    trail->committed = commit->offset;
    trail->dispatched = commit->offset;
    if (commit->offset < 0) {
        return;
    }
    if (progress_decode(commit->offset, commit->text, &progress, &err) < 0) {
        trail->unreadable = arena_strdup(following->arena, err.message);
        return;
    }
    trail_take_progress(trail, &progress, options->attachments,
                        options->attachment_count, following->arena);
    progress_release(&progress);
}

static int read_commit(struct following *following, struct snapshot *snapshot,
                       size_t place, size_t count, struct error *err)
{
    struct snapshot_commit *commits =
        arena_alloc(following->arena, count * sizeof(commits[0]));

    if (snapshot_committed(snapshot, following->arena, commits, err) < 0) {
        return -1;
    }
    take_commit(following, &commits[place]);
    return 0;
}

static int look_at_partition(struct following *following,
                             struct snapshot *snapshot, struct error *err)
{
    struct trail *trail = following->trail;
    size_t count;
    const struct snapshot_span *spans = snapshot_spans(snapshot, &count);
    size_t place = 0;

    trail->partitions = count;
    while (place < count && spans[place].partition != trail->partition) {
        place++;
    }
    trail->has_partition = place < count;
    if (!trail->has_partition) {
        return 0;
    }
    trail->low = spans[place].low;
    trail->end = spans[place].end;
    if (read_record(following, snapshot, place, count, err) < 0) {
        return -1;
    }
    return read_commit(following, snapshot, place, count, err);
}

static int look_at_topic(struct following *following, struct error *err)
{
    struct queue_options options =
        client_options(following, following->options->attestations);
    struct snapshot *snapshot = NULL;
    int result;

    if (snapshot_open(&options, &snapshot, err) < 0) {
        return -1;
    }
    result = look_at_partition(following, snapshot, err);
    snapshot_free(snapshot);
    return result;
}

/* --- dead letters
 * ------------------------------------------------------------------- */

/* A dead letter says where the record stood first, so those of replays that
 * failed again are among them. */
static int add_place(struct filter *filter, const struct trail *trail,
                     struct arena *arena, struct error *err)
{
    const char *partition = arena_printf(arena, "%d", (int)trail->partition);
    const char *offset = arena_printf(arena, "%lld", (long long)trail->offset);

    return filter_add(filter, "--topic", trail->topic, 0, err) < 0 ||
                   filter_add(filter, "--partition", partition, 0, err) < 0 ||
                   filter_add(filter, "--offset", offset, 0, err) < 0
               ? -1
               : 0;
}

static void take_letters(struct following *following, struct letters *letters)
{
    struct trail *trail = following->trail;

    trail->letters = arena_alloc(following->arena,
                                 (letters->count + 1) * sizeof(letters->all));
    for (size_t i = 0; i < letters->count; i++) {
        struct dead_letter *letter = &letters->all[i];

        if (letter->matches && letter->state != LETTER_FOREIGN) {
            trail->letters[trail->letter_count++] = letter;
            trail->event_id =
                trail->event_id != NULL ? trail->event_id : letter->event_id;
        }
    }
}

static int look_at_letters(struct following *following,
                           struct replay **ret_replay, struct error *err)
{
    const struct trail_options *from = following->options;
    struct replay_options options = {
        .brokers = from->brokers,
        .properties = from->properties,
        .dead_letters = from->dead_letters,
        .attestations = from->attestations,
        .outcomes = from->outcomes,
        .policy = {.group = from->group,
                   .max_replays = REPLAY_DEFAULT_MOST,
                   .limit = SIZE_MAX},
        .clock = from->clock,
        .interrupted = from->interrupted,
    };

    if (add_place(&options.filter, following->trail, following->arena, err) <
            0 ||
        replay_open(&options, false, ret_replay, err) < 0) {
        return -1;
    }
    take_letters(following, replay_letters(*ret_replay));
    return 0;
}

/* --- outcomes
 * ------------------------------------------------------------------- */

static void add_outcome(struct following *following,
                        const struct trail_outcome *outcome)
{
    struct trail *trail = following->trail;

    if (trail->outcome_count == MOST_OUTCOMES) {
        return;
    }
    trail->outcomes =
        mem_grow(trail->outcomes, &following->capacity,
                 trail->outcome_count + 1, sizeof(trail->outcomes[0]));
    trail->outcomes[trail->outcome_count++] = *outcome;
    if (outcome->own && trail->event_id == NULL) {
        trail->event_id = outcome->event_id;
    }
}

static void take_outcome(struct following *following, const struct input *input)
{
    struct arena *arena = arena_new();
    struct trail_outcome outcome;

    following->trail->searched++;
    /* Twice: what is not wanted leaves nothing behind. */
    if (trail_read_outcome(following->trail, following->source, input, arena,
                           &outcome) &&
        trail_read_outcome(following->trail, following->source, input,
                           following->arena, &outcome)) {
        add_outcome(following, &outcome);
    }
    arena_free(arena);
}

static void tell(struct following *following, uint64_t total)
{
    const struct trail_options *options = following->options;
    uint64_t now = clock_monotonic_ms(options->clock);

    if (now - following->told_ms >= TELL_MS) {
        following->told_ms = now;
        options->tell(following->trail->searched, total);
    }
}

static int search(struct following *following, struct snapshot *snapshot,
                  uint64_t total, struct error *err)
{
    struct trail *trail = following->trail;
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    following->told_ms = clock_monotonic_ms(following->options->clock);
    while (step != SNAPSHOT_END) {
        trail->incomplete =
            trail->searched >= following->options->most_outcomes;
        if (trail->incomplete) {
            return 0;
        }
        if (following->options->interrupted()) {
            return interrupted(err);
        }
        step = snapshot_next(snapshot, 200, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            take_outcome(following, &input);
        }
        tell(following, total);
    }
    return 0;
}

/* All partitions: which one an outcome goes to is its producer's partitioner's
 * to say, and that is configurable. */
static int search_from(struct following *following, struct snapshot *snapshot,
                       int64_t wall_ms, struct error *err)
{
    size_t count;
    const struct snapshot_span *spans = snapshot_spans(snapshot, &count);
    int64_t *from = arena_alloc(following->arena, count * sizeof(from[0]));
    uint64_t total = 0;

    if (wall_ms > 0 && snapshot_at_time(snapshot, wall_ms, from, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        from[i] = from[i] > spans[i].low ? from[i] : spans[i].low;
        total += (uint64_t)(spans[i].end - from[i]);
    }
    return snapshot_begin(snapshot, from, false, err) < 0
               ? -1
               : search(following, snapshot, total, err);
}

/* A dead letter of what has succeeded since needs no replay. */
static void note_outcomes(const struct trail *trail, struct letters *letters)
{
    for (size_t i = 0; i < trail->outcome_count; i++) {
        const struct trail_outcome *one = &trail->outcomes[i];
        struct outcome_note note = {.event_id = one->event_id,
                                    .attachment = one->attachment,
                                    .succeeded =
                                        strcmp(one->status, "succeeded") == 0};

        if (note.event_id != NULL) {
            letters_note(letters, &note);
        }
    }
}

/* Its own first, then in the order in which they ended */
static int by_time(const void *a, const void *b)
{
    const struct trail_outcome *left = a;
    const struct trail_outcome *right = b;
    int order;

    if (left->own != right->own) {
        return left->own ? -1 : 1;
    }
    order = strcmp(left->finished_at ? left->finished_at : "",
                   right->finished_at ? right->finished_at : "");
    if (order != 0) {
        return order;
    }
    if (left->partition != right->partition) {
        return left->partition < right->partition ? -1 : 1;
    }
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* Where a clock was wrong by more than an hour, all that there is */
static int search_all(struct following *following, struct snapshot *snapshot,
                      struct error *err)
{
    struct trail *trail = following->trail;
    int64_t from = trail->timestamp_ms - CLOCK_SKEW_MS;

    if (trail->found && trail->timestamp_ms > 0) {
        if (search_from(following, snapshot, from > 0 ? from : 1, err) < 0) {
            return -1;
        }
        if (trail->incomplete || trail_judge(trail) != TRAIL_PASSED) {
            return 0;
        }
        /* Those that were found come again. */
        trail->outcome_count = 0;
        trail->searched = 0;
    }
    return search_from(following, snapshot, 0, err);
}

static int look_at_outcomes(struct following *following, struct error *err)
{
    struct queue_options options =
        client_options(following, following->options->outcomes);
    struct trail *trail = following->trail;
    struct trail_outcome *grown;
    struct snapshot *snapshot = NULL;
    int result;

    if (snapshot_open(&options, &snapshot, err) < 0) {
        return -1;
    }
    result = search_all(following, snapshot, err);
    snapshot_free(snapshot);
    grown = trail->outcomes;
    if (trail->outcome_count > 0) {
        qsort(grown, trail->outcome_count, sizeof(grown[0]), by_time);
        trail->outcomes = arena_copy(following->arena, grown,
                                     trail->outcome_count * sizeof(grown[0]));
    }
    mem_free(grown);
    return result;
}

/* --- the whole
 * ------------------------------------------------------------------- */

/* Whether anything can speak of it */
static bool may_have_outcomes(const struct trail *trail)
{
    return trail->has_partition && trail->offset < trail->end &&
           (trail->found || trail->offset < trail->low);
}

static int follow(struct following *following, struct replay **ret_replay,
                  struct error *err)
{
    struct trail *trail = following->trail;

    if (look_at_topic(following, err) < 0) {
        return -1;
    }
    if (!may_have_outcomes(trail)) {
        return 0;
    }
    if (look_at_letters(following, ret_replay, err) < 0 ||
        look_at_outcomes(following, err) < 0) {
        return -1;
    }
    note_outcomes(trail, replay_letters(*ret_replay));
    return 0;
}

/* What was committed between a look at the offsets and one at the outcomes
 * looks like a record that is partly done, or whose group was set back: then
 * both once more. The other way round it would look like one that was passed
 * over. */
#define MOST_LOOKS 2

static bool may_be_stale(const struct trail *trail)
{
    enum trail_verdict verdict = trail_judge(trail);

    return verdict == TRAIL_PARTLY_DONE || verdict == TRAIL_SET_BACK;
}

int trail_follow(const struct trail_options *options, int32_t partition,
                 int64_t offset, struct arena *arena,
                 struct replay **ret_replay, struct trail *ret_trail,
                 struct error *err)
{
    *ret_replay = NULL;
    for (int looks = 0; looks < MOST_LOOKS; looks++) {
        struct following following = {
            .options = options,
            .arena = arena,
            .trail = ret_trail,
            .source = arena_printf(arena, "waybill/%s", options->group),
        };

        replay_free(*ret_replay);
        *ret_replay = NULL;
        *ret_trail = (struct trail){
            .topic = options->attestations,
            .partition = partition,
            .offset = offset,
            .group = options->group,
            .committed = -1,
            .dispatched = -1,
        };
        if (follow(&following, ret_replay, err) < 0) {
            return -1;
        }
        if (!may_be_stale(ret_trail)) {
            break;
        }
    }
    return 0;
}
