#include <stdlib.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"
#include "waybill/history.h"
#include "waybill/limits.h"

/* The tolerance for clocks of producers that are wrong: the search for outcomes
 * starts that long before the record. */
#define CLOCK_SKEW_MS 3600000
#define REPORT_INTERVAL_MS 1000
/* The limit of collected outcomes of one event, in case another program replays
 * it in a loop */
#define MAX_OUTCOMES 1000

struct collection {
    const struct history_options *options;
    struct arena *arena;
    struct history *history;
    const char *source;
    size_t capacity;
    uint64_t reported_ms;
};

static struct kafka_options client_options(const struct collection *collection,
                                           const char *topic)
{
    return (struct kafka_options){
        .user = KAFKA_EXPLAIN,
        .brokers = collection->options->brokers,
        .group = collection->options->group,
        .topic = topic,
        .properties = collection->options->properties,
    };
}

static int set_interrupted(struct error *err)
{
    return error_set(err, ERROR_CANCELLED, "interrupted");
}

/* --- the record, and the commits --- */

static void set_record(struct collection *collection, const struct input *input)
{
    struct history *history = collection->history;
    const struct message *message = &input->message;
    struct arena *arena = collection->arena;
    struct message own = message_with_own_headers(message, REPLAY_FIRST_HEADER);
    struct input marked = *input;

    marked.is_replay =
        strcmp(history->topic, collection->options->replays) == 0;
    history->found = true;
    history->timestamp_ms = message->timestamp_ms;
    history->size = message->value.len;
    if (marked.is_replay) {
        history->replay_of = message_header_text(&own, "waybill-dead-letter",
                                                 LIMIT_EVENT_ID, arena);
        history->event_id = message_header_text(&own, "waybill-event-id",
                                                LIMIT_EVENT_ID, arena);
    }
    input_origin(&marked, arena, &history->origin);
    if (history->event_id == NULL) {
        history->event_id = message_header_text(
            message, message_attribute(message, "id"), LIMIT_EVENT_ID, arena);
    }
}

/* Reads the first record from the offset on, which is the record unless its
 * offset is higher. */
static int read_record(struct collection *collection, struct snapshot *snapshot,
                       size_t index, size_t count, struct error *err)
{
    const struct history *history = collection->history;
    int64_t *from = arena_alloc(collection->arena, count * sizeof(from[0]));
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    for (size_t i = 0; i < count; i++) {
        from[i] = SNAPSHOT_SKIP;
    }
    from[index] = history->offset;
    if (history->offset < history->low || history->offset >= history->end) {
        return 0;
    }
    if (snapshot_begin(snapshot, from, false, err) < 0) {
        return -1;
    }
    while (step == SNAPSHOT_WAITING) {
        if (collection->options->interrupted()) {
            return set_interrupted(err);
        }
        step = snapshot_next(snapshot, 200, &input, err);
    }
    if (step == SNAPSHOT_RECORD && input.offset == history->offset) {
        set_record(collection, &input);
    }
    return step == SNAPSHOT_FAILED ? -1 : 0;
}

static void set_commit(struct collection *collection,
                       const struct snapshot_commit *commit)
{
    const struct history_options *options = collection->options;
    struct history *history = collection->history;
    struct progress progress = {0};
    struct error err;

    history->committed = commit->offset;
    history->dispatched = commit->offset;
    if (commit->offset < 0) {
        return;
    }
    if (progress_decode(commit->offset, commit->text, &progress, &err) < 0) {
        history->unreadable = arena_strdup(collection->arena, err.message);
        return;
    }
    history_set_progress(history, &progress, options->attachments,
                         options->attachment_count, collection->arena);
    progress_release(&progress);
}

static int read_commit(struct collection *collection, struct snapshot *snapshot,
                       size_t index, size_t count, struct error *err)
{
    struct snapshot_commit *commits =
        arena_alloc(collection->arena, count * sizeof(commits[0]));

    if (snapshot_committed(snapshot, collection->arena, commits, err) < 0) {
        return -1;
    }
    set_commit(collection, &commits[index]);
    return 0;
}

static int collect_partition(struct collection *collection,
                             struct snapshot *snapshot, struct error *err)
{
    struct history *history = collection->history;
    size_t count;
    const struct snapshot_span *spans = snapshot_spans(snapshot, &count);
    size_t index = 0;

    history->partitions = count;
    while (index < count && spans[index].partition != history->partition) {
        index++;
    }
    history->has_partition = index < count;
    if (!history->has_partition) {
        return 0;
    }
    history->low = spans[index].low;
    history->end = spans[index].end;
    history->high = history->end;
    if (history->offset >= history->end &&
        snapshot_high_watermark(snapshot, history->partition, &history->high,
                                err) < 0) {
        return -1;
    }
    if (read_record(collection, snapshot, index, count, err) < 0) {
        return -1;
    }
    return read_commit(collection, snapshot, index, count, err);
}

static int collect_topic(struct collection *collection, struct error *err)
{
    struct kafka_options options =
        client_options(collection, collection->history->topic);
    struct snapshot *snapshot = NULL;
    int result;

    if (snapshot_open(&options, &snapshot, err) < 0) {
        return -1;
    }
    result = collect_partition(collection, snapshot, err);
    snapshot_free(snapshot);
    return result;
}

/* --- dead letters --- */

/* A dead letter has the position of the original record, so that this also
 * finds the dead letters of replays that failed again. */
static int add_coordinates(struct filter *filter, const struct history *history,
                           struct arena *arena, struct error *err)
{
    const char *partition =
        arena_printf(arena, "%d", (int)history->origin.partition);
    const char *offset =
        arena_printf(arena, "%lld", (long long)history->origin.offset);

    return filter_add(filter, "--topic", history->origin.topic, 0, err) < 0 ||
                   filter_add(filter, "--partition", partition, 0, err) < 0 ||
                   filter_add(filter, "--offset", offset, 0, err) < 0
               ? -1
               : 0;
}

static void add_dead_letters(struct collection *collection,
                             struct dead_letter_list *list)
{
    struct history *history = collection->history;

    history->dead_letters =
        arena_alloc(collection->arena, (list->count + 1) * sizeof(list->all));
    for (size_t i = 0; i < list->count; i++) {
        struct dead_letter *dead_letter = &list->all[i];

        if (dead_letter->matches && dead_letter->state != DEAD_LETTER_FOREIGN) {
            history->dead_letters[history->dead_letter_count++] = dead_letter;
            history->event_id = history->event_id != NULL
                                    ? history->event_id
                                    : dead_letter->event_id;
        }
    }
}

static int collect_dead_letters(struct collection *collection,
                                struct replay **ret_replay, struct error *err)
{
    const struct history_options *from = collection->options;
    struct replay_options options = {
        .user = KAFKA_EXPLAIN,
        .brokers = from->brokers,
        .properties = from->properties,
        .dead_letters = from->dead_letters,
        .attestations = from->attestations,
        .replays = from->replays,
        .outcomes = from->outcomes,
        .policy = {.group = from->group,
                   .max_replays = REPLAY_DEFAULT_MAX,
                   .limit = SIZE_MAX},
        /* The record exists, whether or not it has a dead letter. */
        .names = {.topics = {&collection->history->origin.topic, 1}},
        .clock = from->clock,
        .interrupted = from->interrupted,
    };

    if (add_coordinates(&options.filter, collection->history, collection->arena,
                        err) < 0 ||
        replay_open(&options, false, ret_replay, err) < 0) {
        return -1;
    }
    add_dead_letters(collection, replay_dead_letters(*ret_replay));
    return 0;
}

/* --- outcomes --- */

static void add_outcome(struct collection *collection,
                        const struct history_outcome *outcome)
{
    struct history *history = collection->history;

    if (history->outcome_count == MAX_OUTCOMES) {
        return;
    }
    history->outcomes =
        mem_grow(history->outcomes, &collection->capacity,
                 history->outcome_count + 1, sizeof(history->outcomes[0]));
    history->outcomes[history->outcome_count++] = *outcome;
    if (outcome->own && history->event_id == NULL) {
        history->event_id = outcome->event_id;
    }
}

static void parse_outcome(struct collection *collection,
                          const struct input *input)
{
    struct arena *arena = arena_new();
    struct history_outcome outcome;

    collection->history->searched++;
    /* Parsed twice: first into a temporary arena, so that outcomes of other
     * records use no memory. */
    if (history_read_outcome(collection->history, collection->source, input,
                             arena, &outcome) &&
        history_read_outcome(collection->history, collection->source, input,
                             collection->arena, &outcome)) {
        add_outcome(collection, &outcome);
    }
    arena_free(arena);
}

static void report_progress(struct collection *collection, uint64_t total)
{
    const struct history_options *options = collection->options;
    uint64_t now = clock_monotonic_ms(options->clock);

    if (now - collection->reported_ms >= REPORT_INTERVAL_MS) {
        collection->reported_ms = now;
        options->on_progress(collection->history->searched, total);
    }
}

static int search(struct collection *collection, struct snapshot *snapshot,
                  uint64_t total, struct error *err)
{
    struct history *history = collection->history;
    enum snapshot_step step = SNAPSHOT_WAITING;
    struct input input;

    collection->reported_ms = clock_monotonic_ms(collection->options->clock);
    while (step != SNAPSHOT_END) {
        history->incomplete =
            history->searched >= collection->options->max_outcomes;
        if (history->incomplete) {
            return 0;
        }
        if (collection->options->interrupted()) {
            return set_interrupted(err);
        }
        step = snapshot_next(snapshot, 200, &input, err);
        if (step == SNAPSHOT_FAILED) {
            return -1;
        }
        if (step == SNAPSHOT_RECORD) {
            parse_outcome(collection, &input);
        }
        report_progress(collection, total);
    }
    return 0;
}

/* All partitions are searched, because the producer's partitioner is
 * configurable and decides which one an outcome goes to. */
static int search_from(struct collection *collection, struct snapshot *snapshot,
                       int64_t wall_ms, struct error *err)
{
    size_t count;
    const struct snapshot_span *spans = snapshot_spans(snapshot, &count);
    int64_t *from = arena_alloc(collection->arena, count * sizeof(from[0]));
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
               : search(collection, snapshot, total, err);
}

/* A dead letter whose delivery has succeeded since needs no replay. */
static void apply_outcomes(const struct history *history,
                           struct dead_letter_list *list)
{
    for (size_t i = 0; i < history->outcome_count; i++) {
        const struct history_outcome *outcome = &history->outcomes[i];
        struct replay_outcome found = {
            .event_id = outcome->event_id,
            .origin = outcome->origin,
            .attachment = outcome->attachment,
            .succeeded = strcmp(outcome->status, "succeeded") == 0};

        if (found.event_id != NULL) {
            dead_letter_list_apply_outcome(list, &found);
        }
    }
}

/* Own outcomes first, then by the time of completion */
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

/* If nothing is found, a clock may be wrong by more than an hour: then all
 * outcomes are searched. */
static int search_all(struct collection *collection, struct snapshot *snapshot,
                      struct error *err)
{
    struct history *history = collection->history;
    int64_t from = history->timestamp_ms - CLOCK_SKEW_MS;

    if (history->found && history->timestamp_ms > 0) {
        if (search_from(collection, snapshot, from > 0 ? from : 1, err) < 0) {
            return -1;
        }
        if (history->incomplete || history_judge(history) != HISTORY_PASSED) {
            return 0;
        }
        /* The second search finds the same outcomes again. */
        history->outcome_count = 0;
        history->searched = 0;
    }
    return search_from(collection, snapshot, 0, err);
}

static int collect_outcomes(struct collection *collection, struct error *err)
{
    struct kafka_options options =
        client_options(collection, collection->options->outcomes);
    struct history *history = collection->history;
    struct history_outcome *grown;
    struct snapshot *snapshot = NULL;
    int result;

    if (snapshot_open(&options, &snapshot, err) < 0) {
        return -1;
    }
    result = search_all(collection, snapshot, err);
    snapshot_free(snapshot);
    grown = history->outcomes;
    if (history->outcome_count > 0) {
        qsort(grown, history->outcome_count, sizeof(grown[0]), by_time);
        history->outcomes =
            arena_copy(collection->arena, grown,
                       history->outcome_count * sizeof(grown[0]));
    }
    mem_free(grown);
    return result;
}

/* --- all of it --- */

/* Whether outcomes of the record can exist */
static bool may_have_outcomes(const struct history *history)
{
    return history->has_partition && history->offset < history->end &&
           (history->found || history->offset < history->low);
}

static int collect_all(struct collection *collection,
                       struct replay **ret_replay, struct error *err)
{
    struct history *history = collection->history;

    if (collect_topic(collection, err) < 0) {
        return -1;
    }
    if (!may_have_outcomes(history)) {
        return 0;
    }
    if (collect_dead_letters(collection, ret_replay, err) < 0 ||
        collect_outcomes(collection, err) < 0) {
        return -1;
    }
    apply_outcomes(history, replay_dead_letters(*ret_replay));
    return 0;
}

/* A commit between reading the offsets and reading the outcomes makes a record
 * look partly finished, or its group look reset: then both are read once more.
 * Reading in the opposite order would make it look as if the record had been
 * skipped. */
#define MAX_ATTEMPTS 2

static bool may_be_stale(const struct history *history)
{
    enum history_verdict verdict = history_judge(history);

    return verdict == HISTORY_PARTLY_DONE || verdict == HISTORY_SET_BACK;
}

int history_collect(const struct history_options *options,
                    const struct position *at, struct arena *arena,
                    struct replay **ret_replay, struct history *ret_history,
                    struct error *err)
{
    *ret_replay = NULL;
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        struct collection collection = {
            .options = options,
            .arena = arena,
            .history = ret_history,
            .source = arena_printf(arena, "waybill/%s", options->group),
        };

        replay_free(*ret_replay);
        *ret_replay = NULL;
        *ret_history = (struct history){
            .topic = at->topic,
            .partition = at->partition,
            .offset = at->offset,
            .origin = *at,
            .group = options->group,
            .committed = -1,
            .dispatched = -1,
        };
        if (collect_all(&collection, ret_replay, err) < 0) {
            return -1;
        }
        if (!may_be_stale(ret_history)) {
            break;
        }
    }
    return 0;
}
