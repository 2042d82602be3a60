#include <sys/mman.h>

#include "asserts.h"
#include "waybill/fault.h"
#include "waybill/ledger.h"

/* Instead of the program's own, which nothing can make break a rule */
static const char *broken_rule;

void fault_point(const char *name)
{
}

bool fault_is_broken(const char *rule)
{
    return broken_rule != NULL && strcmp(rule, broken_rule) == 0;
}

#define MAX_ENTRIES 20000
#define MAX_PARTS 8
#define ALL 1000000

/* One partition, its records, and what Kafka has of it */
static struct ledger ledger;
static struct ledger_entry entries[MAX_ENTRIES];
static struct ledger_slot slots[MAX_ENTRIES][MAX_PARTS];
static size_t entry_count;
static int64_t kept_offset;
static struct str kept_text = STR_INIT(STR_UNLIMITED);
static struct progress said; /* what the last text says */

static int begin(void **state)
{
    ledger_init(&ledger);
    entry_count = 0;
    kept_offset = -1001; /* as librdkafka says that there is none */
    str_clear(&kept_text);
    said = (struct progress){0};
    return 0;
}

static int end(void **state)
{
    ledger_release(&ledger);
    progress_release(&said);
    str_release(&kept_text);
    broken_rule = NULL;
    return 0;
}

/* Not read: only added, with slots of the ids from `first_id` on */
static struct ledger_entry *add_from(int64_t offset, uint64_t first_id,
                                     size_t slot_count)
{
    struct ledger_entry *entry = &entries[entry_count];

    ledger_entry_init(entry, offset, NULL);
    for (size_t i = 0; i < slot_count; i++) {
        struct ledger_slot *slot = &slots[entry_count][i];

        *slot = (struct ledger_slot){.id = first_id + i};
        ledger_recall(&ledger, slot, offset);
        ledger_entry_add_slot(entry, slot);
    }
    entry_count++;
    ledger_add(&ledger, entry);
    return entry;
}

static struct ledger_entry *add(int64_t offset, size_t slot_count)
{
    return add_from(offset, 1, slot_count);
}

static struct ledger_entry *take_in(int64_t offset, size_t slot_count)
{
    assert_true(ledger_read(&ledger, offset));
    return add(offset, slot_count);
}

static struct ledger_slot *slot_of(const struct ledger_entry *entry,
                                   size_t index)
{
    return &slots[entry - entries][index];
}

static void finish(struct ledger_entry *entry)
{
    for (size_t i = 0; i < entry->slot_count; i++) {
        ledger_finish(slot_of(entry, i));
    }
}

static void finish_part(struct ledger_entry *entry, size_t index)
{
    assert_true(slot_of(entry, index)->state == SLOT_OPEN);
    ledger_finish(slot_of(entry, index));
}

static void fail_part(struct ledger_entry *entry, size_t index, unsigned count,
                      int64_t first_ms)
{
    ledger_note_attempts(slot_of(entry, index), count, first_ms);
}

/* What the commit that is under way says */
static int64_t describe(void)
{
    struct error err;

    str_clear(&kept_text);
    kept_offset = ledger_describe(&ledger, &kept_text);
    progress_release(&said);
    if (progress_decode(kept_offset, kept_text.data, &said, &err) < 0) {
        print_error("%s\n", err.message);
        fail();
    }
    return kept_offset;
}

static bool prepare(size_t max)
{
    if (!ledger_prepare(&ledger, max)) {
        return false;
    }
    describe();
    return true;
}

/* The watermark, or -1: there is nothing to be said. */
static int64_t commit(void)
{
    if (!prepare(ALL)) {
        return -1;
    }
    ledger_committed(&ledger);
    return kept_offset;
}

static void restart(void)
{
    struct error err;

    ledger_release(&ledger);
    ledger_init(&ledger);
    assert_int_equal(ledger_restore(&ledger, kept_offset, kept_text.data, &err),
                     0);
}

static size_t count_state(const struct ledger_entry *entry,
                          enum ledger_slot_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < entry->slot_count; i++) {
        count += slot_of(entry, i)->state == state;
    }
    return count;
}

static bool is_done(int64_t offset)
{
    return offset_set_has(&said.done, offset);
}

static void check_complete(struct ledger_entry *entry)
{
    assert_ptr_equal(ledger_take_complete(&ledger), entry);
}

/* --- reading ----------------------------------------------------------------
 */

static void ledger__knows_nothing_when_it_is_born(void **state)
{
    assert_false(ledger_prepare(&ledger, ALL));
    assert_null(ledger_take(&ledger));
    assert_null(ledger_take_complete(&ledger));
    assert_true(ledger_span(&ledger) == 0);
    assert_false(ledger_has_unread(&ledger));
    assert_false(ledger_is_part_done(&ledger, 5, 1));
    assert_false(ledger_has_parts_done(&ledger, 5));
    assert_false(ledger_was_dispatched(&ledger, 5));
    ledger_aborted(&ledger);
}

static void ledger__begins_where_it_is_told_to_or_at_the_first_record(
    void **state)
{
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(ledger_restore(&ledger, -1001, "", &err), 0);
    assert_true(ledger_read(&ledger, 500));
    assert_true(ledger_span(&ledger) == 1);
    add(500, 1);
    assert_true(ledger_read(&ledger, 510));
    assert_true(ledger_span(&ledger) == 11);

    ledger_release(&ledger);
    ledger_init(&ledger);
    assert_int_equal(ledger_restore(&ledger, 490, "", &err), 0);
    assert_true(ledger_span(&ledger) == 0);
    assert_false(ledger_prepare(&ledger, ALL));
    assert_false(ledger_read(&ledger, 489)); /* passed before */
    assert_true(ledger_read(&ledger, 500));
    assert_true(ledger_span(&ledger) == 11);
    assert_untouched(&err);
}

static void ledger__cannot_be_restored_from_what_is_not_its_own(void **state)
{
    struct error err;

    assert_int_equal(ledger_restore(&ledger, 490, "hello", &err), -1);
    assert_error_kind(&err, ERROR_FATAL);
    assert_false(ledger_prepare(&ledger, ALL));
}

static void ledger__takes_a_record_in_only_once(void **state)
{
    struct ledger_entry *entry = take_in(10, 1);

    assert_false(ledger_read(&ledger, 10));
    assert_false(ledger_read(&ledger, 9));
    assert_true(ledger_read(&ledger, 11));
    finish(entry);
    assert_true(commit() == 12);
    assert_false(ledger_read(&ledger, 10));
    assert_false(ledger_read(&ledger, 11));
    assert_true(ledger_span(&ledger) == 0);
}

static void ledger__is_not_held_up_by_gaps(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(25, 1);
    struct ledger_entry *c = take_in(4000000000, 1);

    finish(a);
    assert_true(commit() == 25);
    finish(c);
    assert_true(commit() == -1); /* out of reach */
    finish(b);
    assert_true(commit() == 4000000001);
    check_complete(a);
    check_complete(b);
    check_complete(c);
}

/* Two records that became complete together: a bit for each offset between them
 * would be more memory than there is. */
static void ledger__takes_no_memory_for_gaps(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(1000000000000, 2);
    struct ledger_entry *c;

    finish(a);
    finish(b);
    assert_true(commit() == 1000000000001);

    a = take_in(1000000000001, 1);
    b = take_in(1000000000002, 1);
    finish(b);
    assert_true(commit() == 1000000000001);
    finish(a);
    take_in(2000000000000, 1);
    c = take_in(2000000000001, 2);
    finish_part(c, 1);
    finish(take_in(2000000000002, 1));
    assert_true(commit() == 2000000000000);
    assert_true(is_done(2000000000002));
    assert_true(progress_has_part(&said, 2, 2000000000001));
}

/* --- what is done -----------------------------------------------------------
 */

static void ledger__commits_in_any_order(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c = take_in(12, 1);

    finish(c);
    assert_true(commit() == 10);
    check_complete(c);
    assert_true(is_done(12) && !is_done(11) && !is_done(10));
    assert_true(said.dispatched == 13);
    assert_true(commit() == -1);

    finish(a);
    assert_true(commit() == 11);
    check_complete(a);
    assert_true(is_done(12));

    finish(b);
    assert_true(commit() == 13);
    check_complete(b);
    assert_null(ledger_take_complete(&ledger));
    check_text("nothing is open", kept_text.data, "");
}

static void ledger__goes_on_where_it_stopped(void **state)
{
    take_in(10, 1);
    finish(take_in(11, 1));
    take_in(12, 1);
    finish(take_in(13, 1));
    assert_true(commit() == 10);
    restart();
    assert_true(ledger_span(&ledger) == 0);
    finish(take_in(10, 1));
    assert_false(ledger_read(&ledger, 11));
    finish(take_in(12, 1));
    assert_true(commit() == 13);
    assert_true(is_done(13));
    /* Reading alone moves it, too. */
    assert_false(ledger_read(&ledger, 13));
    assert_true(commit() == 14);
    check_text("all", kept_text.data, "");
}

static void ledger__commits_single_parts(void **state)
{
    struct ledger_entry *a = take_in(10, 3);
    struct ledger_entry *b = take_in(11, 2);

    assert_false(ledger_has_parts_done(&ledger, 10));
    finish_part(a, 1);
    finish_part(b, 1);
    assert_true(commit() == 10);
    assert_null(ledger_take_complete(&ledger));
    assert_int_equal(count_state(a, SLOT_COMMITTED), 1);
    assert_true(progress_has_part(&said, 2, 10));
    assert_true(progress_has_part(&said, 2, 11));
    assert_false(progress_has_part(&said, 1, 10));
    assert_true(ledger_has_parts_done(&ledger, 10));
    assert_true(ledger_is_part_done(&ledger, 10, 2));
    assert_false(ledger_is_part_done(&ledger, 10, 1));

    restart();
    assert_true(ledger_has_parts_done(&ledger, 11));
    assert_true(ledger_is_part_done(&ledger, 10, 2));
    assert_false(ledger_is_part_done(&ledger, 10, 3));
    assert_true(ledger_read(&ledger, 10));
    a = add_from(10, 3, 2); /* 3 and 4: not what was done */
    b = take_in(11, 1);
    finish(b);
    assert_true(commit() == 10);
    check_complete(b);
    finish_part(a, 1);
    assert_true(commit() == 10);
    finish_part(a, 0);
    assert_true(commit() == 12);
    check_complete(a);
    check_text("all", kept_text.data, "");
}

static void ledger__passes_what_owes_nothing(void **state)
{
    struct ledger_entry *a = take_in(10, 0);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c = take_in(12, 0);

    assert_true(commit() == 11);
    check_complete(a);
    check_complete(c);
    assert_null(ledger_take_complete(&ledger));
    finish(b);
    assert_true(commit() == 13);
    check_complete(b);
}

/* It may be anywhere; no text could speak of it. */
static void ledger__says_nothing_of_what_owes_nothing(void **state)
{
    take_in(10, 2);
    take_in(30, 0);
    take_in(10000000000, 0);
    finish_part(&entries[0], 0);
    assert_true(commit() == 10);
    assert_true(offset_set_end(&said.done) == 0);
    finish_part(&entries[0], 1);
    assert_true(commit() == 10000000001);
}

static void ledger__has_what_was_finished_in_between_wait(void **state)
{
    struct ledger_entry *a = take_in(10, 2);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c;

    finish_part(a, 0);
    assert_true(prepare(ALL));
    finish_part(a, 1);
    finish(b);
    c = take_in(12, 1);
    finish(c);
    ledger_committed(&ledger);
    assert_null(ledger_take_complete(&ledger));
    assert_int_equal(count_state(a, SLOT_COMMITTED), 1);
    assert_int_equal(count_state(a, SLOT_FINISHED), 1);
    assert_true(commit() == 13);
    check_complete(a);
    check_complete(b);
    check_complete(c);
}

static void ledger__tries_again_what_was_aborted(void **state)
{
    struct ledger_entry *a = take_in(10, 2);
    struct ledger_entry *b = take_in(11, 1);

    finish_part(a, 0);
    finish(b);
    assert_true(prepare(ALL));
    assert_true(ledger_entry_has(b, SLOT_IN_COMMIT));
    ledger_aborted(&ledger);
    assert_false(ledger_entry_has(b, SLOT_IN_COMMIT));
    assert_true(ledger_entry_has(b, SLOT_FINISHED));
    assert_null(ledger_take_complete(&ledger));
    assert_false(ledger_is_part_done(&ledger, 10, 1));
    finish_part(a, 1);
    assert_true(commit() == 12);
    check_complete(a);
    check_complete(b);
}

static void ledger__says_so_when_there_is_nothing_to_say(void **state)
{
    struct ledger_entry *a = take_in(10, 2);

    assert_false(ledger_prepare(&ledger, ALL));
    finish_part(a, 1);
    assert_true(commit() == 10);
    assert_false(ledger_prepare(&ledger, ALL));
}

static void ledger__gives_all_entries_back_at_its_end(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 1);

    assert_ptr_equal(ledger_take(&ledger), a);
    assert_ptr_equal(ledger_take(&ledger), b);
    assert_null(ledger_take(&ledger));
}

/* --- attempts ---------------------------------------------------------------
 */

static void ledger__remembers_attempts(void **state)
{
    struct ledger_entry *a = take_in(10, 3);
    struct ledger_entry *b = take_in(11, 2);

    fail_part(a, 0, 3, 5000);
    fail_part(a, 2, 4, 6000);
    fail_part(b, 1, 0, 7000); /* never failed */
    fail_part(b, 0, 2, 0);    /* nobody knows when */
    finish_part(a, 1);
    assert_true(commit() == 10);
    assert_int_equal(said.attempts_count, 2);

    restart();
    assert_true(ledger_was_dispatched(&ledger, 10));
    assert_true(ledger_was_dispatched(&ledger, 11));
    assert_false(ledger_was_dispatched(&ledger, 12));
    a = take_in(10, 3);
    assert_int_equal(slot_of(a, 0)->attempts, 3);
    assert_true(slot_of(a, 0)->first_failed_ms == 5000);
    assert_int_equal(slot_of(a, 1)->attempts, 0);
    assert_int_equal(slot_of(a, 2)->attempts, 4);
    assert_true(slot_of(a, 2)->first_failed_ms == 6000);
    finish(take_in(12, 1));
    assert_true(commit() == 10);
    assert_int_equal(said.attempts_count, 2); /* once each */
}

/* A mark is a reason to commit, and so is taking back one that was said. */
static void ledger__says_which_may_have_arrived(void **state)
{
    struct ledger_entry *a = take_in(10, 2);

    assert_false(prepare(100));
    ledger_mark(slot_of(a, 0));
    assert_int_equal(slot_of(a, 0)->mark, MARK_NEW);
    assert_true(prepare(100));
    describe();
    ledger_mark(slot_of(a, 1)); /* for the next one */
    assert_int_equal(said.attempts_count, 1);
    assert_int_equal(said.attempts[0].attempts, 0);
    ledger_aborted(&ledger);
    assert_int_equal(slot_of(a, 0)->mark, MARK_NEW);
    assert_true(commit() == 10);
    assert_int_equal(said.attempts_count, 2);
    assert_int_equal(slot_of(a, 0)->mark, MARK_COMMITTED);
    assert_false(prepare(100));
    ledger_unmark(slot_of(a, 1));
    assert_true(prepare(100));
    describe();
    assert_int_equal(said.attempts_count, 1);
    ledger_aborted(&ledger);
    assert_true(commit() == 10);

    restart();
    a = take_in(10, 2);
    assert_int_equal(slot_of(a, 0)->mark, MARK_COMMITTED);
    assert_int_equal(slot_of(a, 0)->attempts, 0);
    assert_int_equal(slot_of(a, 1)->mark, MARK_NONE);
    assert_false(prepare(100));
}

/* Also what is finished: without its commit it is done again. */
static void ledger__keeps_marks_of_what_is_planned_anew(void **state)
{
    struct ledger_entry *a = take_in(10, 3);

    ledger_mark(slot_of(a, 0));
    ledger_mark(slot_of(a, 1));
    fail_part(a, 1, 2, 5000);
    assert_true(commit() == 10);
    finish_part(a, 0);
    ledger_withdraw(&ledger, a);
    a = add(10, 3);
    assert_int_equal(slot_of(a, 0)->mark, MARK_COMMITTED);
    assert_int_equal(slot_of(a, 1)->mark, MARK_COMMITTED);
    assert_int_equal(slot_of(a, 1)->attempts, 2);
    assert_int_equal(slot_of(a, 2)->mark, MARK_NONE);
    finish(a);
    assert_true(commit() == 11);
    assert_int_equal(said.attempts_count, 0);
}

/* Those of records that were not read again yet are said again. */
static void ledger__passes_attempts_on(void **state)
{
    take_in(10, 1);
    fail_part(take_in(11, 1), 0, 1, 5000);
    fail_part(take_in(12, 1), 0, 2, 6000);
    fail_part(take_in(13, 1), 0, 3, 7000);
    finish(take_in(14, 1));
    assert_true(commit() == 10);
    restart();
    finish(take_in(10, 1));
    fail_part(take_in(11, 1), 0, 5, 5000);
    assert_true(commit() == 11);
    assert_int_equal(said.attempts_count, 3);
    assert_true(said.attempts[0].offset == 11);
    assert_int_equal(said.attempts[0].attempts, 5);
    assert_true(said.attempts[2].offset == 13);
    restart();
    finish(take_in(11, 1));
    finish(take_in(13, 1)); /* compaction took 12 away */
    assert_true(commit() == 14);
    assert_int_equal(said.attempts_count, 0);
}

static void ledger__says_nothing_of_attempts_that_are_claimed(void **state)
{
    struct ledger_entry *a = take_in(10, 2);

    fail_part(a, 0, 3, 5000);
    fail_part(a, 1, 4, 6000);
    finish(a);
    assert_true(prepare(ALL));
    assert_int_equal(said.attempts_count, 0);
    ledger_aborted(&ledger);

    a = take_in(11, 2);
    fail_part(a, 1, 4, 6000);
    finish_part(a, 1);
    assert_true(prepare(1)); /* 10 alone; what is finished has to wait. */
    assert_true(said.watermark == 11);
    assert_int_equal(said.attempts_count, 1);
    ledger_committed(&ledger);
}

/* A record that waits far behind a gap must not make the text unreadable. */
static void ledger__can_read_what_it_said_of_attempts(void **state)
{
    take_in(10, 1);
    finish(take_in(11, 1));
    fail_part(take_in(70000, 1), 0, 1, 5000);
    fail_part(take_in(10000000000, 1), 0, 1, 5000);
    assert_true(commit() == 10);
    assert_int_equal(said.attempts_count, 0);
    restart();
    assert_true(ledger_read(&ledger, 10));
}

/* --- giving up for now ------------------------------------------------------
 */

static void ledger__reads_again_what_was_dropped(void **state)
{
    struct ledger_entry *b;
    struct ledger_entry *d;

    take_in(10, 1);
    b = take_in(11, 2);
    take_in(12, 1);
    d = take_in(13, 1);
    finish(take_in(14, 1));
    fail_part(b, 0, 3, 5500);
    fail_part(b, 1, 4, 6500); /* and then it went well */
    finish_part(b, 1);
    assert_true(commit() == 10);
    assert_true(ledger_drop(&ledger, d));
    assert_true(ledger_drop(&ledger, b));
    assert_true(ledger_has_unread(&ledger));
    assert_false(ledger_is_rereading(&ledger));
    assert_true(ledger_rewind(&ledger) == 11);
    assert_true(ledger_has_unread(&ledger)); /* until it comes */
    assert_true(ledger_is_rereading(&ledger));

    assert_true(ledger_read(&ledger, 11));
    assert_true(ledger_is_part_done(&ledger, 11, 2));
    b = add(11, 1);
    assert_int_equal(slot_of(b, 0)->attempts, 3);
    assert_true(slot_of(b, 0)->first_failed_ms == 5500);
    assert_false(ledger_read(&ledger, 12)); /* in work all the time */
    d = take_in(13, 1);
    assert_false(ledger_read(&ledger, 14));
    assert_false(ledger_has_unread(&ledger));
    assert_false(ledger_is_rereading(&ledger));
    finish(&entries[0]);
    finish(b);
    finish(&entries[2]);
    finish(d);
    assert_true(commit() == 15);
}

static void ledger__is_not_moved_past_what_was_dropped(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c = take_in(12, 1);

    assert_true(ledger_drop(&ledger, b));
    finish(a);
    finish(c);
    assert_true(commit() == 11);
    assert_true(is_done(12));
    assert_true(ledger_rewind(&ledger) == 11);
    assert_true(ledger_prepare(&ledger, ALL) == false);
    finish(take_in(11, 1));
    assert_true(commit() == 13);
    assert_false(ledger_read(&ledger, 12));
}

/* A seek that has not happened yet: what comes was on its way before it. */
static void ledger__waits_for_what_was_dropped_whatever_else_comes(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 1);

    assert_true(ledger_drop(&ledger, a));
    assert_true(ledger_drop(&ledger, b));
    assert_true(ledger_rewind(&ledger) == 10);
    finish(take_in(12, 1));
    assert_true(commit() == 10);
    assert_true(ledger_read(&ledger, 10));
    finish(add(10, 1));
    assert_true(commit() == 11);
    finish(take_in(11, 1));
    assert_true(commit() == 13);
}

static void ledger__forgets_what_a_second_reading_passes_by(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c = take_in(12, 1);

    assert_true(ledger_drop(&ledger, a));
    assert_true(ledger_drop(&ledger, b));
    assert_true(ledger_drop(&ledger, c));
    assert_true(ledger_rewind(&ledger) == 10);
    finish(take_in(10, 1));
    finish(take_in(12, 1)); /* 11 has gone (compaction) */
    assert_true(commit() == 13);
}

/* One that is given up again as soon as it has come is not gone. */
static void ledger__forgets_no_record_that_is_dropped_again(void **state)
{
    struct ledger_entry *a = take_in(10, 1);

    take_in(13, 1);
    for (int i = 0; i < 10; i++) {
        assert_true(ledger_drop(&ledger, a));
        assert_true(ledger_rewind(&ledger) == 10);
        a = take_in(10, 1);
        assert_false(ledger_read(&ledger, 13));
    }
    assert_true(ledger_drop(&ledger, a));
    assert_true(ledger_has_unread(&ledger));
}

static void ledger__gives_up_a_record_that_no_reading_meets(void **state)
{
    struct ledger_entry *a = take_in(10, 1);

    take_in(13, 1);
    take_in(14, 1);
    assert_true(ledger_drop(&ledger, a));
    for (int i = 0; i < 4; i++) {
        assert_true(ledger_has_unread(&ledger));
        assert_true(ledger_rewind(&ledger) == 10);
        assert_false(ledger_read(&ledger, 13));
        assert_false(ledger_read(&ledger, 14));
    }
    assert_false(ledger_has_unread(&ledger));
}

static void ledger__may_drop_while_a_commit_is_under_way(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 2);
    struct ledger_entry *c = take_in(12, 1);

    finish(a);
    finish(c);
    assert_true(prepare(ALL));
    assert_true(ledger_drop(&ledger, b));
    assert_true(ledger_rewind(&ledger) == 11);
    b = take_in(11, 2);
    finish(b);
    ledger_committed(&ledger);
    check_complete(a);
    check_complete(c);
    assert_null(ledger_take_complete(&ledger));
    assert_true(commit() == 13);
    check_complete(b);
}

/* What is in work above may have been begun, wherever is read again. */
static void ledger__knows_what_was_dispatched_in_spite_of_a_rewind(void **state)
{
    struct ledger_entry *a;

    take_in(10, 1);
    a = take_in(11, 1);
    take_in(12, 1);
    finish(take_in(20, 1));
    assert_true(ledger_drop(&ledger, a));
    ledger_rewind(&ledger);
    assert_true(commit() == 10);
    assert_true(said.dispatched == 21);
}

static void ledger__keeps_what_was_dispatched_by_an_earlier_one(void **state)
{
    take_in(10, 1);
    finish_part(take_in(11, 2), 0);
    take_in(30, 1);
    assert_true(commit() == 10);
    restart();
    take_in(10, 1);
    finish(take_in(11, 1));
    assert_true(commit() == 10);
    assert_true(said.dispatched == 31);
}

/* --- at most ----------------------------------------------------------------
 */

static void ledger__claims_at_max_so_many_parts(void **state)
{
    struct ledger_entry *all[5];
    size_t claimed = 0;

    for (size_t i = 0; i < 5; i++) {
        all[i] = take_in((int64_t)i, 2);
        finish(all[i]);
    }
    assert_true(prepare(5));
    for (size_t i = 0; i < 5; i++) {
        claimed += count_state(all[i], SLOT_IN_COMMIT);
    }
    assert_int_equal(claimed, 4); /* whole records only */
    assert_true(said.watermark == 2);
    ledger_committed(&ledger);
    assert_true(commit() == 5);
}

static void ledger__claims_one_record_whatever_its_size(void **state)
{
    struct ledger_entry *a = take_in(10, 8);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c = take_in(12, 2);

    finish(a);
    finish(b);
    finish_part(c, 0);
    assert_true(prepare(3));
    assert_int_equal(count_state(a, SLOT_IN_COMMIT), 8);
    assert_int_equal(count_state(b, SLOT_IN_COMMIT), 0);
    assert_int_equal(count_state(c, SLOT_IN_COMMIT), 0);
    assert_true(said.watermark == 11);
    ledger_committed(&ledger);
    check_complete(a);
}

static void ledger__claims_single_parts_with_what_is_left(void **state)
{
    struct ledger_entry *a = take_in(10, 8);
    struct ledger_entry *b = take_in(11, 1);
    struct ledger_entry *c = take_in(12, 5);

    for (size_t i = 0; i < 7; i++) {
        finish_part(a, i);
    }
    finish(b);
    finish_part(c, 3);
    assert_true(prepare(4));
    assert_int_equal(count_state(b, SLOT_IN_COMMIT), 1);
    assert_int_equal(count_state(a, SLOT_IN_COMMIT), 3);
    assert_int_equal(count_state(c, SLOT_IN_COMMIT), 0);
    ledger_committed(&ledger);
    assert_true(prepare(5));
    assert_int_equal(count_state(a, SLOT_IN_COMMIT), 4);
    assert_int_equal(count_state(c, SLOT_IN_COMMIT), 1);
    ledger_committed(&ledger);
}

static void ledger__claims_nothing_when_that_is_the_max(void **state)
{
    struct ledger_entry *a = take_in(10, 2);

    finish(a);
    assert_false(ledger_prepare(&ledger, 0));
    assert_false(ledger_entry_has(a, SLOT_IN_COMMIT));
    assert_true(commit() == 11);
}

/* --- cost -------------------------------------------------------------------
 */

#define HELD 10000

/* Records that are held, in memory that may not be looked at now */
struct held {
    struct ledger_entry entry;
    struct ledger_slot slot;
};
static struct held *held;

static void hold_many(int64_t first_offset)
{
    held = mmap(NULL, HELD * sizeof(*held), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(held != MAP_FAILED);
    for (size_t i = 0; i < HELD; i++) {
        assert_true(ledger_read(&ledger, first_offset + (int64_t)i));
        ledger_entry_init(&held[i].entry, first_offset + (int64_t)i, NULL);
        held[i].slot = (struct ledger_slot){.id = 1};
        ledger_entry_add_slot(&held[i].entry, &held[i].slot);
        ledger_add(&ledger, &held[i].entry);
    }
}

static void protect_held(int protection)
{
    assert_int_equal(mprotect(held, HELD * sizeof(*held), protection), 0);
}

/* A commit costs what it commits: of ten thousand records that are held it looks
 * at none, but for those beside the ones that it removes. */
static void ledger__looks_at_nothing_that_a_commit_does_not_concern(
    void **state)
{
    take_in(0, 1);
    hold_many(1);
    take_in(HELD + 1, 1); /* two between them and the rest */
    fail_part(take_in(HELD + 2, 2), 0, 3, 5000);
    protect_held(PROT_NONE);
    for (int64_t offset = HELD + 3; offset < HELD + 100; offset++) {
        struct ledger_entry *whole = take_in(offset, 1);

        finish(whole);
        finish_part(take_in(++offset, 2), 1);
        assert_true(prepare(ALL));
        ledger_aborted(&ledger);
        assert_true(commit() == 0);
        check_complete(whole);
        assert_int_equal(said.attempts_count, 1);
    }
    assert_true(commit() == -1);
    protect_held(PROT_READ | PROT_WRITE);
    while (ledger_take(&ledger) != NULL) {
    }
    munmap(held, HELD * sizeof(*held));
}

/* --- room -------------------------------------------------------------------
 */

/* Whole records out of order reach so far, and no further. */
static void ledger__waits_with_what_is_out_of_reach(void **state)
{
    size_t done = 0;

    take_in(100, 1);
    for (int64_t offset = 101; offset < 100 + LEDGER_WINDOW; offset++) {
        finish(take_in(offset, 1));
    }
    assert_true(ledger_span(&ledger) == LEDGER_WINDOW);
    assert_true(commit() == 100);
    while (ledger_take_complete(&ledger) != NULL) {
        done++;
    }
    assert_in_range(done, LEDGER_WINDOW - 500, LEDGER_WINDOW - 1);
    assert_true(ledger_entry_has(&entries[LEDGER_WINDOW - 1], SLOT_FINISHED));
    assert_true(commit() == -1);
    finish(&entries[0]);
    assert_true(commit() == 100 + LEDGER_WINDOW);
}

static uint32_t mix(uint32_t n)
{
    n = (n ^ n >> 16) * 0x45D9F3BU;
    n = (n ^ n >> 16) * 0x45D9F3BU;
    return n ^ n >> 16;
}

/* The window is full, nothing finishes in order, and everything says as much
 * as it can. */
static void ledger__has_room_for_whatever_it_claims(void **state)
{
    size_t claimed = 0;

    for (int64_t i = 0; i < LEDGER_WINDOW; i++) {
        struct ledger_entry *entry = take_in(100 + i, 1 + (size_t)(i % 5));

        fail_part(entry, 0, 1000000, 1767323045000);
    }
    for (uint32_t round = 1; round < 30; round++) {
        for (uint32_t i = 1; i < LEDGER_WINDOW; i++) {
            size_t part = mix(i + round) % MAX_PARTS;

            if (mix(i ^ round) % 17 == 0 && part < entries[i].slot_count &&
                slot_of(&entries[i], part)->state == SLOT_OPEN) {
                finish_part(&entries[i], part);
            }
        }
        assert_true(prepare(500));
        assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
        ledger_committed(&ledger);
    }
    for (size_t i = 0; i < LEDGER_WINDOW; i++) {
        claimed += ledger_entry_has(&entries[i], SLOT_COMMITTED);
        finish(&entries[i]);
    }
    assert_true(claimed > 1000);
    while (prepare(500)) {
        assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
        ledger_committed(&ledger);
    }
    assert_true(kept_offset == 100 + LEDGER_WINDOW);
}

/* A run of more than 127 is a byte longer: the worst that can happen to single
 * parts that were claimed when there was just room for them. */
static void ledger__has_room_for_runs_that_grow(void **state)
{
    const int64_t group = 144;

    for (int64_t i = 0; i < LEDGER_WINDOW; i++) {
        take_in(100 + i, 4);
    }
    for (int64_t i = 1; i < LEDGER_WINDOW; i++) {
        int64_t at = i % group;

        if (at % 16 != 0 && at != 127) {
            finish(&entries[i]);
        }
    }
    assert_true(commit() == 100);
    for (int64_t i = 1; i < LEDGER_WINDOW; i++) {
        if (i % group % 16 == 0 && i % group < 120) {
            finish_part(&entries[i], 0);
            finish_part(&entries[i], 1);
            finish_part(&entries[i], 2);
            (void)commit();
            assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
        }
    }
    for (int64_t i = 127; i < LEDGER_WINDOW; i += group) {
        finish(&entries[i]);
    }
    assert_true(commit() == 100);
    assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
}

/* Single parts wait when there is no room; whole records do not. */
static void ledger__claims_whole_records_when_parts_find_no_room(void **state)
{
    size_t waiting = 0;

    for (int64_t i = 0; i < 8000; i++) {
        struct ledger_entry *entry = take_in(i, 2);

        finish_part(entry, mix((uint32_t)i) % 2);
    }
    while (commit() >= 0) {
        assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
    }
    for (size_t i = 0; i < 8000; i++) {
        waiting += ledger_entry_has(&entries[i], SLOT_FINISHED);
    }
    assert_true(waiting > 1000);
    finish(&entries[7999]);
    assert_true(commit() == 0);
    check_complete(&entries[7999]);
    for (size_t i = 0; i < 8000; i++) {
        finish(&entries[i]);
    }
    assert_true(commit() == 8000);
    check_text("all", kept_text.data, "");
}

/* A broker with a smaller offset.metadata.max.bytes, down to nothing */
static void ledger__has_less_to_say_when_it_was_shortened(void **state)
{
    size_t max = PROGRESS_MAX_TEXT;

    for (int64_t i = 0; i < 1000; i++) {
        struct ledger_entry *entry = take_in(i, 2);

        fail_part(entry, 0, 3, 5000);
        if (i % 3 == 2) {
            finish(entry);
        } else if (i % 3 == 1) {
            finish_part(entry, 1);
        }
    }
    while (max > 0) {
        if (prepare(ALL)) {
            assert_true(kept_text.len <= max);
            ledger_aborted(&ledger);
        }
        ledger_shorten(&ledger);
        max /= 2;
    }
    assert_false(ledger_prepare(&ledger, ALL)); /* only in order from now on */
    take_in(1000, 0);
    finish(&entries[0]);
    finish(&entries[1]);
    assert_true(commit() == 3);
    check_text("nothing", kept_text.data, "");
    check_complete(&entries[0]);
    for (size_t i = 3; i < 1000; i++) {
        finish(&entries[i]);
    }
    assert_true(commit() == 1001);
    ledger_shorten(&ledger);
}

/* What was promised to another broker is said in full, and no more than that.
 */
static void ledger__breaks_no_promise_when_it_was_shortened(void **state)
{
    take_in(10, 2);
    for (int64_t i = 11; i < 1000; i++) {
        struct ledger_entry *entry = take_in(i, 2);

        fail_part(entry, 0, 3, 5000);
        if (mix((uint32_t)i) % 2 == 0) {
            finish(entry);
        }
    }
    assert_true(commit() == 10);
    for (size_t max = PROGRESS_MAX_TEXT; max > 100; max /= 2) {
        ledger_shorten(&ledger);
    }
    finish(&entries[0]);
    assert_true(commit() > 10);
    assert_true(kept_text.len > 100);
    assert_int_equal(said.attempts_count, 0);
    for (int64_t i = kept_offset; i < 1000; i++) {
        assert_int_equal(is_done(i), mix((uint32_t)i) % 2 == 0);
    }
}

/* The rule that the simulation breaks, to see whether it would notice */
static void ledger__can_be_made_to_forget(void **state)
{
    take_in(10, 1);
    finish(take_in(11, 1));
    broken_rule = "drop-metadata";
    assert_true(commit() == 10);
    check_text("nothing", kept_text.data, "");
}

#define LEDGER_TEST(function)                                                  \
    cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(ledger__knows_nothing_when_it_is_born),
        LEDGER_TEST(ledger__begins_where_it_is_told_to_or_at_the_first_record),
        LEDGER_TEST(ledger__cannot_be_restored_from_what_is_not_its_own),
        LEDGER_TEST(ledger__takes_a_record_in_only_once),
        LEDGER_TEST(ledger__is_not_held_up_by_gaps),
        LEDGER_TEST(ledger__takes_no_memory_for_gaps),
        LEDGER_TEST(ledger__commits_in_any_order),
        LEDGER_TEST(ledger__goes_on_where_it_stopped),
        LEDGER_TEST(ledger__commits_single_parts),
        LEDGER_TEST(ledger__passes_what_owes_nothing),
        LEDGER_TEST(ledger__says_nothing_of_what_owes_nothing),
        LEDGER_TEST(ledger__has_what_was_finished_in_between_wait),
        LEDGER_TEST(ledger__tries_again_what_was_aborted),
        LEDGER_TEST(ledger__says_so_when_there_is_nothing_to_say),
        LEDGER_TEST(ledger__gives_all_entries_back_at_its_end),
        LEDGER_TEST(ledger__remembers_attempts),
        LEDGER_TEST(ledger__says_which_may_have_arrived),
        LEDGER_TEST(ledger__keeps_marks_of_what_is_planned_anew),
        LEDGER_TEST(ledger__passes_attempts_on),
        LEDGER_TEST(ledger__says_nothing_of_attempts_that_are_claimed),
        LEDGER_TEST(ledger__can_read_what_it_said_of_attempts),
        LEDGER_TEST(ledger__reads_again_what_was_dropped),
        LEDGER_TEST(ledger__is_not_moved_past_what_was_dropped),
        LEDGER_TEST(ledger__waits_for_what_was_dropped_whatever_else_comes),
        LEDGER_TEST(ledger__forgets_what_a_second_reading_passes_by),
        LEDGER_TEST(ledger__forgets_no_record_that_is_dropped_again),
        LEDGER_TEST(ledger__gives_up_a_record_that_no_reading_meets),
        LEDGER_TEST(ledger__may_drop_while_a_commit_is_under_way),
        LEDGER_TEST(ledger__knows_what_was_dispatched_in_spite_of_a_rewind),
        LEDGER_TEST(ledger__keeps_what_was_dispatched_by_an_earlier_one),
        LEDGER_TEST(ledger__claims_at_max_so_many_parts),
        LEDGER_TEST(ledger__claims_one_record_whatever_its_size),
        LEDGER_TEST(ledger__claims_single_parts_with_what_is_left),
        LEDGER_TEST(ledger__claims_nothing_when_that_is_the_max),
        LEDGER_TEST(ledger__looks_at_nothing_that_a_commit_does_not_concern),
        LEDGER_TEST(ledger__waits_with_what_is_out_of_reach),
        LEDGER_TEST(ledger__has_room_for_whatever_it_claims),
        LEDGER_TEST(ledger__has_room_for_runs_that_grow),
        LEDGER_TEST(ledger__claims_whole_records_when_parts_find_no_room),
        LEDGER_TEST(ledger__has_less_to_say_when_it_was_shortened),
        LEDGER_TEST(ledger__breaks_no_promise_when_it_was_shortened),
        LEDGER_TEST(ledger__can_be_made_to_forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
