/* The verdict on a record, and its explanation */

#include "asserts.h"
#include "waybill/history.h"

static struct history_outcome own_success = {.own = true,
                                             .status = "succeeded"};
static struct history_outcome own_failure = {.own = true, .status = "failed"};
static struct history_outcome own_skip = {.own = true, .status = "skipped"};
static struct history_outcome other_success = {.status = "succeeded"};
static struct history_delivery done = {.attachment = "a", .done = true};
static struct history_delivery tried = {.attachment = "a", .attempts = 3};

/* For record 42 of a partition with the offsets 10 to 99, of which 20 are done;
 * members that are 0 have the values of that record. */
struct row {
    const char *label;
    enum history_verdict verdict;
    const char *words; /* a part of them */
    bool no_partition;
    bool missing; /* the record */
    int64_t low;
    int64_t end;
    int64_t high;
    int64_t committed;
    int64_t dispatched;
    bool marked_done;
    bool incomplete;
    const char *unreadable;
    struct history_outcome *outcome;
    struct history_delivery *delivery;
};

static int64_t or_else(int64_t number, int64_t otherwise)
{
    return number != 0 ? number : otherwise;
}

static struct history history_of(const struct row *row)
{
    int64_t committed = or_else(row->committed, 20);

    return (struct history){
        .topic = "t",
        .partition = 3,
        .offset = 42,
        .partitions = 4,
        .has_partition = !row->no_partition,
        .low = or_else(row->low, 10),
        .end = or_else(row->end, 100),
        .high = or_else(row->high, or_else(row->end, 100)),
        .found = !row->missing,
        .group = "g",
        .committed = committed,
        .dispatched = or_else(row->dispatched, committed),
        .marked_done = row->marked_done,
        .incomplete = row->incomplete,
        .unreadable = row->unreadable,
        .outcomes = row->outcome,
        .outcome_count = row->outcome != NULL,
        .deliveries = row->delivery,
        .delivery_count = row->delivery != NULL,
    };
}

static const struct row rows[] = {
    {"no such partition", HISTORY_NO_PARTITION,
     "topic 't' has 4 partitions, numbered from 0.", .no_partition = true},
    {"behind the end", HISTORY_NOT_WRITTEN, "the partition ends at offset 42.",
     .end = 42, .missing = true},
    {"after an open transaction", HISTORY_NOT_STABLE,
     "began at offset 42 is still open", .end = 42, .high = 44,
     .missing = true},
    {"after what an open transaction has written", HISTORY_NOT_WRITTEN,
     "the partition ends at offset 42", .end = 40, .high = 42, .missing = true},
    {"a marker", HISTORY_NO_RECORD, "There is no record at this offset",
     .missing = true},
    {"... below the commit too", HISTORY_NO_RECORD, "There is no record",
     .missing = true, .committed = 50},
    {"deleted, and done", HISTORY_GONE,
     "Finished, and deleted since: the partition now begins at offset 43.",
     .missing = true, .low = 43, .committed = 50, .outcome = &own_success},
    {"deleted, and nobody knows", HISTORY_GONE, "it has no outcome any more",
     .missing = true, .low = 43, .committed = 50},
    {"deleted, and done above the commit", HISTORY_GONE, "", .missing = true,
     .low = 43, .marked_done = true},
    {"deleted before it was done", HISTORY_LOST,
     "Deleted before it was finished", .missing = true, .low = 43},
    {"deleted, and another of the event was delivered", HISTORY_LOST, "",
     .missing = true, .low = 43, .outcome = &other_success},
    {"nothing committed", HISTORY_UNREAD, "group 'g' has no committed offset",
     .committed = -1},
    {"not so far yet", HISTORY_UNREAD, "is 20, 22 offsets before this record.",
     .committed = 20},
    {"the next", HISTORY_UNREAD, "is 42, which is this record.",
     .committed = 42},
    {"read up to it", HISTORY_UNREAD, "", .dispatched = 42},
    {"read", HISTORY_IN_FLIGHT, "Read, but not finished", .dispatched = 43},
    {"tried", HISTORY_IN_FLIGHT, "Read, but not finished", .dispatched = 43,
     .delivery = &tried},
    {"one delivery done", HISTORY_PARTLY_DONE, "Partly finished",
     .dispatched = 43, .delivery = &done},
    {"... as its outcome says too", HISTORY_PARTLY_DONE, "Partly finished",
     .dispatched = 43, .outcome = &own_success, .delivery = &done},
    {"set back", HISTORY_SET_BACK,
     "is 20, 22 offsets before this record. The offset was reset",
     .outcome = &own_success},
    {"... to it", HISTORY_SET_BACK,
     "is 42, which is this record. The offset was reset", .committed = 42,
     .outcome = &own_failure},
    {"... and read up to it", HISTORY_SET_BACK,
     "the record will be read and delivered again.", .dispatched = 42,
     .outcome = &own_success},
    {"... and read again", HISTORY_SET_BACK, "it is being processed again",
     .dispatched = 43, .outcome = &own_success},
    {"... and tried again", HISTORY_SET_BACK, "it is being processed again",
     .dispatched = 43, .outcome = &own_success, .delivery = &tried},
    {"expired", HISTORY_SET_BACK,
     "group 'g' no longer has an offset in this partition", .committed = -1,
     .outcome = &own_success},
    {"set by who knows whom", HISTORY_SET_BACK, "is unknown",
     .unreadable = "what?", .outcome = &own_success},
    {"before it, and another of the event was delivered", HISTORY_UNREAD, "",
     .outcome = &other_success},
    {"done", HISTORY_DONE, "Finished: delivered, with 1 outcome.",
     .committed = 43, .outcome = &own_success},
    {"done above the commit", HISTORY_DONE,
     "Finished with errors: 1 of 1 deliveries failed.", .marked_done = true,
     .outcome = &own_failure},
    {"skipped", HISTORY_DONE, "nothing is attached to its workflow",
     .committed = 43, .outcome = &own_skip},
    {"passed over", HISTORY_PASSED,
     "the outcomes topic has no outcome of it. Either", .committed = 43},
    {"... as far as is known", HISTORY_PASSED, "among those that were searched",
     .committed = 43, .incomplete = true},
    {"... though another of the event was delivered", HISTORY_PASSED, "",
     .committed = 43, .outcome = &other_success},
};

static void judge__knows_what_the_facts_amount_to(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str words = STR_INIT(STR_UNLIMITED);
        const struct row *row = &rows[i];
        struct history history = history_of(row);

        check_text(row->label, history_verdict_name(history_judge(&history)),
                   history_verdict_name(row->verdict));
        history_explain(&history, &words);
        check_contains(row->label, words.data, row->words);
    }
}

/* It is judged while outcomes are still being read, before they are sorted. */
static void judge__finds_an_own_outcome_behind_others(void **state)
{
    struct history_outcome outcomes[] = {other_success, own_success};
    struct row row = {.committed = 43, .outcome = outcomes};
    struct history history = history_of(&row);

    history.outcome_count = ARRAY_SIZE(outcomes);
    assert_int_equal(history_judge(&history), HISTORY_DONE);
}

static void judge__takes_from_the_progress_what_is_of_the_record(void **state)
{
    static const char *const names[] = {"one", "two", "three"};
    CLEANUP(release_arena) struct arena *arena = arena_new();
    CLEANUP(progress_release)
    struct progress progress = {.watermark = 40, .dispatched = 60};
    struct history history = {.offset = 42, .committed = 40};
    struct progress_attempts attempts = {.offset = 42,
                                         .id = progress_id("two"),
                                         .attempts = 5,
                                         .first_failed_ms = 1000};

    progress_add_delivery(&progress, progress_id("one"), 42);
    progress_add_delivery(&progress, progress_id("three"), 43);
    progress_add_delivery(&progress, progress_id("gone"), 42);
    progress_add_attempts(&progress, &attempts);
    attempts.offset = 44;
    progress_add_attempts(&progress, &attempts);
    history_set_progress(&history, &progress, names, ARRAY_SIZE(names), arena);
    assert_false(history.marked_done);
    assert_int_equal(history.dispatched, 60);
    assert_int_equal(history.delivery_count, 3);
    assert_string_equal(history.deliveries[0].attachment, "one");
    assert_true(history.deliveries[0].done);
    assert_null(history.deliveries[1].attachment);
    assert_string_equal(history.deliveries[2].attachment, "two");
    assert_int_equal(history.deliveries[2].attempts, 5);
    offset_set_add(&progress.done, 42);
    history_set_progress(&history, &progress, names, ARRAY_SIZE(names), arena);
    assert_true(history.marked_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge__knows_what_the_facts_amount_to),
        cmocka_unit_test(judge__finds_an_own_outcome_behind_others),
        cmocka_unit_test(judge__takes_from_the_progress_what_is_of_the_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
