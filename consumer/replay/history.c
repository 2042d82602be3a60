#include <stdlib.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"
#include "waybill/history.h"
#include "waybill/limits.h"

/* Producers' clocks may be wrong by so much: outcomes are looked for from so
 * long before the record on. */
#define CLOCK_SKEW_MS 3600000
#define TELL_MS 1000
/* Outcomes of one event; more of them would be somebody's loop. */
#define MAX_OUTCOMES 1000

struct following {
    const struct history_options *options;
    struct arena *arena;
    struct history *history;
    const char *source;
    size_t capacity;
    uint64_t reported_ms;
};

static struct kafka_options client_options(const struct following *following,
                                           const char *topic)
{
    return (struct kafka_options){
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
    struct history *history = following->history;
    const struct message *message = &input->message;
    struct arena *arena = following->arena;
    bool replay = message_header(message, "waybill-replays") != NULL;

    history->found = true;
    history->timestamp_ms = message->timestamp_ms;
    history->size = message->value.len;
    if (replay) {
        history->replay_of = message_header_text(message, "waybill-dead-letter",
                                                 LIMIT_EVENT_ID, arena);
        history->event_id = message_header_text(message, "waybill-event-id",
                                                LIMIT_EVENT_ID, arena);
    }
    if (history->event_id == NULL) {
        history->event_id =
            message_header_text(message, "ce_id", LIMIT_EVENT_ID, arena);
    }
}

/* The first record from its offset on is it, or it is none. */
static int read_record(struct following *following, struct snapshot *snapshot,
                       size_t coordinates, size_t count, struct error *err)
{
    const struct history *history = following->history;
    int64_t *from = arena_alloc(following->arena, count * sizeof(from[0]));
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    for (size_t i = 0; i < count; i++) {
        from[i] = SNAPSHOT_SKIP;
    }
    from[coordinates] = history->offset;
    if (history->offset < history->low || history->offset >= history->end) {
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
    if (step == SNAPSHOT_RECORD && input.offset == history->offset) {
        take_record(following, &input);
    }
    return step == SNAPSHOT_FAILED ? -1 : 0;
}

static void take_commit(struct following *following,
                        const struct snapshot_commit *commit)
{
    const struct history_options *options = following->options;
    struct history *history = following->history;
    struct progress progress = {0};
    struct error err;

    history->committed = commit->offset;
    history->dispatched = commit->offset;
    if (commit->offset < 0) {
        return;
    }
    if (progress_decode(commit->offset, commit->text, &progress, &err) < 0) {
        history->unreadable = arena_strdup(following->arena, err.message);
        return;
    }
    history_take_progress(history, &progress, options->attachments,
                          options->attachment_count, following->arena);
    progress_release(&progress);
}

static int read_commit(struct following *following, struct snapshot *snapshot,
                       size_t coordinates, size_t count, struct error *err)
{
    struct snapshot_commit *commits =
        arena_alloc(following->arena, count * sizeof(commits[0]));

    if (snapshot_committed(snapshot, following->arena, commits, err) < 0) {
        return -1;
    }
    take_commit(following, &commits[coordinates]);
    return 0;
}

static int collect_partition(struct following *following,
                             struct snapshot *snapshot, struct error *err)
{
    struct history *history = following->history;
    size_t count;
    const struct snapshot_span *spans = snapshot_spans(snapshot, &count);
    size_t coordinates = 0;

    history->partitions = count;
    while (coordinates < count &&
           spans[coordinates].partition != history->partition) {
        coordinates++;
    }
    history->has_partition = coordinates < count;
    if (!history->has_partition) {
        return 0;
    }
    history->low = spans[coordinates].low;
    history->end = spans[coordinates].end;
    if (read_record(following, snapshot, coordinates, count, err) < 0) {
        return -1;
    }
    return read_commit(following, snapshot, coordinates, count, err);
}

static int collect_topic(struct following *following, struct error *err)
{
    struct kafka_options options =
        client_options(following, following->options->attestations);
    struct snapshot *snapshot = NULL;
    int result;

    if (snapshot_open(&options, &snapshot, err) < 0) {
        return -1;
    }
    result = collect_partition(following, snapshot, err);
    snapshot_free(snapshot);
    return result;
}

/* --- dead letters
 * ------------------------------------------------------------------- */

/* A dead letter says where the record stood first, so those of replays that
 * failed again are among them. */
static int add_coordinates(struct filter *filter, const struct history *history,
                           struct arena *arena, struct error *err)
{
    const char *partition = arena_printf(arena, "%d", (int)history->partition);
    const char *offset =
        arena_printf(arena, "%lld", (long long)history->offset);

    return filter_add(filter, "--topic", history->topic, 0, err) < 0 ||
                   filter_add(filter, "--partition", partition, 0, err) < 0 ||
                   filter_add(filter, "--offset", offset, 0, err) < 0
               ? -1
               : 0;
}

static void take_dead_letters(struct following *following,
                              struct dead_letter_list *dead_letter_list)
{
    struct history *history = following->history;

    history->dead_letter_list =
        arena_alloc(following->arena, (dead_letter_list->count + 1) *
                                          sizeof(dead_letter_list->all));
    for (size_t i = 0; i < dead_letter_list->count; i++) {
        struct dead_letter *dead_letter = &dead_letter_list->all[i];

        if (dead_letter->matches && dead_letter->state != DEAD_LETTER_FOREIGN) {
            history->dead_letter_list[history->dead_letter_count++] =
                dead_letter;
            history->event_id = history->event_id != NULL
                                    ? history->event_id
                                    : dead_letter->event_id;
        }
    }
}

static int collect_dead_letters(struct following *following,
                                struct replay **ret_replay, struct error *err)
{
    const struct history_options *from = following->options;
    struct replay_options options = {
        .brokers = from->brokers,
        .properties = from->properties,
        .dead_letters = from->dead_letters,
        .attestations = from->attestations,
        .outcomes = from->outcomes,
        .policy = {.group = from->group,
                   .max_replays = REPLAY_DEFAULT_MAX,
                   .limit = SIZE_MAX},
        .clock = from->clock,
        .interrupted = from->interrupted,
    };

    if (add_coordinates(&options.filter, following->history, following->arena,
                        err) < 0 ||
        replay_open(&options, false, ret_replay, err) < 0) {
        return -1;
    }
    take_dead_letters(following, replay_dead_letters(*ret_replay));
    return 0;
}

/* --- outcomes
 * ------------------------------------------------------------------- */

static void add_outcome(struct following *following,
                        const struct history_outcome *outcome)
{
    struct history *history = following->history;

    if (history->outcome_count == MAX_OUTCOMES) {
        return;
    }
    history->outcomes =
        mem_grow(history->outcomes, &following->capacity,
                 history->outcome_count + 1, sizeof(history->outcomes[0]));
    history->outcomes[history->outcome_count++] = *outcome;
    if (outcome->own && history->event_id == NULL) {
        history->event_id = outcome->event_id;
    }
}

static void take_outcome(struct following *following, const struct input *input)
{
    struct arena *arena = arena_new();
    struct history_outcome outcome;

    following->history->searched++;
    /* Twice: what is not wanted leaves nothing behind. */
    if (history_read_outcome(following->history, following->source, input,
                             arena, &outcome) &&
        history_read_outcome(following->history, following->source, input,
                             following->arena, &outcome)) {
        add_outcome(following, &outcome);
    }
    arena_free(arena);
}

static void tell(struct following *following, uint64_t total)
{
    const struct history_options *options = following->options;
    uint64_t now = clock_monotonic_ms(options->clock);

    if (now - following->reported_ms >= TELL_MS) {
        following->reported_ms = now;
        options->tell(following->history->searched, total);
    }
}

static int search(struct following *following, struct snapshot *snapshot,
                  uint64_t total, struct error *err)
{
    struct history *history = following->history;
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    following->reported_ms = clock_monotonic_ms(following->options->clock);
    while (step != SNAPSHOT_END) {
        history->incomplete =
            history->searched >= following->options->max_outcomes;
        if (history->incomplete) {
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
static void note_outcomes(const struct history *history,
                          struct dead_letter_list *dead_letter_list)
{
    for (size_t i = 0; i < history->outcome_count; i++) {
        const struct history_outcome *one = &history->outcomes[i];
        struct outcome_note note = {.event_id = one->event_id,
                                    .attachment = one->attachment,
                                    .succeeded =
                                        strcmp(one->status, "succeeded") == 0};

        if (note.event_id != NULL) {
            dead_letter_list_note(dead_letter_list, &note);
        }
    }
}

/* Its own first, then in the order in which they ended */
static int by_time(const void *a, const void *b)
{
    const struct history_outcome *left = a;
    const struct history_outcome *right = b;
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
    struct history *history = following->history;
    int64_t from = history->timestamp_ms - CLOCK_SKEW_MS;

    if (history->found && history->timestamp_ms > 0) {
        if (search_from(following, snapshot, from > 0 ? from : 1, err) < 0) {
            return -1;
        }
        if (history->incomplete || history_judge(history) != HISTORY_PASSED) {
            return 0;
        }
        /* Those that were found come again. */
        history->outcome_count = 0;
        history->searched = 0;
    }
    return search_from(following, snapshot, 0, err);
}

static int collect_outcomes(struct following *following, struct error *err)
{
    struct kafka_options options =
        client_options(following, following->options->outcomes);
    struct history *history = following->history;
    struct history_outcome *grown;
    struct snapshot *snapshot = NULL;
    int result;

    if (snapshot_open(&options, &snapshot, err) < 0) {
        return -1;
    }
    result = search_all(following, snapshot, err);
    snapshot_free(snapshot);
    grown = history->outcomes;
    if (history->outcome_count > 0) {
        qsort(grown, history->outcome_count, sizeof(grown[0]), by_time);
        history->outcomes = arena_copy(
            following->arena, grown, history->outcome_count * sizeof(grown[0]));
    }
    mem_free(grown);
    return result;
}

/* --- the whole
 * ------------------------------------------------------------------- */

/* Whether anything can speak of it */
static bool may_have_outcomes(const struct history *history)
{
    return history->has_partition && history->offset < history->end &&
           (history->found || history->offset < history->low);
}

static int follow(struct following *following, struct replay **ret_replay,
                  struct error *err)
{
    struct history *history = following->history;

    if (collect_topic(following, err) < 0) {
        return -1;
    }
    if (!may_have_outcomes(history)) {
        return 0;
    }
    if (collect_dead_letters(following, ret_replay, err) < 0 ||
        collect_outcomes(following, err) < 0) {
        return -1;
    }
    note_outcomes(history, replay_dead_letters(*ret_replay));
    return 0;
}

/* What was committed between a look at the offsets and one at the outcomes
 * looks like a record that is partly done, or whose group was set back: then
 * both once more. The other way round it would look like one that was passed
 * over. */
#define MAX_LOOKS 2

static bool may_be_stale(const struct history *history)
{
    enum history_verdict verdict = history_judge(history);

    return verdict == HISTORY_PARTLY_DONE || verdict == HISTORY_SET_BACK;
}

int history_follow(const struct history_options *options, int32_t partition,
                   int64_t offset, struct arena *arena,
                   struct replay **ret_replay, struct history *ret_history,
                   struct error *err)
{
    *ret_replay = NULL;
    for (int looks = 0; looks < MAX_LOOKS; looks++) {
        struct following following = {
            .options = options,
            .arena = arena,
            .history = ret_history,
            .source = arena_printf(arena, "waybill/%s", options->group),
        };

        replay_free(*ret_replay);
        *ret_replay = NULL;
        *ret_history = (struct history){
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
        if (!may_be_stale(ret_history)) {
            break;
        }
    }
    return 0;
}
