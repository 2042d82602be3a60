#include "ledger_world.h"

/* What the ledger keeps of unfinished deliveries: the number of attempts, and
 * offsets that must be read again */

/* --- attempts ---------------------------------------------------------------
 */

static void ledger__remembers_attempts(void **state)
{
    struct ledger_entry *a = take_in(10, 3);
    struct ledger_entry *b = take_in(11, 2);

    fail_part(a, 0, 3, 5000);
    fail_part(a, 2, 4, 6000);
    fail_part(b, 1, 0, 7000); /* never failed */
    fail_part(b, 0, 2, 0);    /* time unknown */
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

/* A mark is a reason to commit, and so is the removal of one that was
 * committed. */
static void ledger__says_which_may_have_arrived(void **state)
{
    struct ledger_entry *a = take_in(10, 2);

    assert_false(prepare(100));
    ledger_mark(slot_of(a, 0));
    assert_int_equal(slot_of(a, 0)->mark, MARK_NEW);
    assert_true(prepare(100));
    describe();
    ledger_mark(slot_of(a, 1)); /* for the next owner */
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

/* Also finished deliveries: without a commit they are repeated. */
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

/* Those of records that were not read again yet are committed again. */
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
    assert_true(prepare(1)); /* 10 alone; finished records have to wait. */
    assert_true(said.watermark == 11);
    assert_int_equal(said.attempts_count, 1);
    ledger_committed(&ledger);
}

/* A record that waits far after a gap must not make the metadata undecodable.
 */
static void ledger__can_read_what_it_said_of_attempts(void **state)
{
    take_in(10, 1);
    finish(take_in(11, 1));
    fail_part(take_in(70000, 1), 0, 1, 5000);
    fail_part(take_in(10000000000, 1), 0, 1, 5000);
    assert_true(commit() == 10);
    assert_int_equal(said.attempts_count, 2);
    restart();
    assert_true(ledger_read(&ledger, 10));
}

/* --- shedding ---------------------------------------------------------------
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
    fail_part(b, 1, 4, 6500); /* and then it succeeded */
    finish_part(b, 1);
    assert_true(commit() == 10);
    assert_true(ledger_shed(&ledger, d));
    assert_true(ledger_shed(&ledger, b));
    assert_true(ledger_needs_rewind(&ledger));
    assert_false(ledger_is_rereading(&ledger));
    assert_true(ledger_rewind(&ledger) == 11);
    assert_true(ledger_needs_rewind(&ledger)); /* until it is read */
    assert_true(ledger_is_rereading(&ledger));

    assert_true(ledger_read(&ledger, 11));
    assert_true(ledger_is_delivery_done(&ledger, 11, 2));
    b = add(11, 1);
    assert_int_equal(slot_of(b, 0)->attempts, 3);
    assert_true(slot_of(b, 0)->first_failed_ms == 5500);
    assert_false(ledger_read(&ledger, 12)); /* in work all the time */
    d = take_in(13, 1);
    assert_false(ledger_read(&ledger, 14));
    assert_false(ledger_needs_rewind(&ledger));
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

    assert_true(ledger_shed(&ledger, b));
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

/* The seek has not happened yet: these records were fetched before it. */
static void ledger__waits_for_what_was_dropped_whatever_else_comes(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 1);

    assert_true(ledger_shed(&ledger, a));
    assert_true(ledger_shed(&ledger, b));
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

    assert_true(ledger_shed(&ledger, a));
    assert_true(ledger_shed(&ledger, b));
    assert_true(ledger_shed(&ledger, c));
    assert_true(ledger_rewind(&ledger) == 10);
    finish(take_in(10, 1));
    finish(take_in(12, 1)); /* 11 was deleted (compaction) */
    assert_true(commit() == 13);
}

/* A record that is shed again as soon as it was read is not deleted. */
static void ledger__forgets_no_record_that_is_dropped_again(void **state)
{
    struct ledger_entry *a = take_in(10, 1);

    take_in(13, 1);
    for (int i = 0; i < 10; i++) {
        assert_true(ledger_shed(&ledger, a));
        assert_true(ledger_rewind(&ledger) == 10);
        a = take_in(10, 1);
        assert_false(ledger_read(&ledger, 13));
    }
    assert_true(ledger_shed(&ledger, a));
    assert_true(ledger_needs_rewind(&ledger));
}

static void ledger__gives_up_a_record_that_no_reading_meets(void **state)
{
    struct ledger_entry *a = take_in(10, 1);

    take_in(13, 1);
    take_in(14, 1);
    assert_true(ledger_shed(&ledger, a));
    for (int i = 0; i < 4; i++) {
        assert_true(ledger_needs_rewind(&ledger));
        assert_true(ledger_rewind(&ledger) == 10);
        assert_false(ledger_read(&ledger, 13));
        assert_false(ledger_read(&ledger, 14));
    }
    assert_false(ledger_needs_rewind(&ledger));
}

static void ledger__may_drop_while_a_commit_is_under_way(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b = take_in(11, 2);
    struct ledger_entry *c = take_in(12, 1);

    finish(a);
    finish(c);
    assert_true(prepare(ALL));
    assert_true(ledger_shed(&ledger, b));
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

/* Deliveries of higher offsets may have begun, wherever reading restarts. */
static void ledger__knows_what_was_dispatched_in_spite_of_a_rewind(void **state)
{
    struct ledger_entry *a;

    take_in(10, 1);
    a = take_in(11, 1);
    take_in(12, 1);
    finish(take_in(20, 1));
    assert_true(ledger_shed(&ledger, a));
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

/* Also directly after the first offset */
static void ledger__forgets_what_is_gone_after_offset_0(void **state)
{
    struct ledger_entry *a = take_in(0, 1);
    struct ledger_entry *b = take_in(1, 1);

    take_in(2, 1);
    assert_true(ledger_shed(&ledger, a));
    assert_true(ledger_shed(&ledger, b));
    assert_true(ledger_rewind(&ledger) == 0);
    assert_true(ledger_read(&ledger, 0));
    assert_true(ledger_needs_rewind(&ledger));
    assert_false(ledger_read(&ledger, 2)); /* 1 does not exist any more */
    assert_false(ledger_needs_rewind(&ledger));
}

static void ledger__skips_what_is_known_between_dropped_records(void **state)
{
    struct ledger_entry *a = take_in(10, 1);
    struct ledger_entry *b;

    for (int i = 11; i < 20; i++) {
        take_in(i, 1);
    }
    b = take_in(20, 1);
    take_in(21, 1);
    take_in(22, 1);
    take_in(23, 1);
    assert_true(ledger_skip_known(&ledger, 1) == -1); /* nothing is reread */
    assert_true(ledger_shed(&ledger, a));
    assert_true(ledger_shed(&ledger, b));
    assert_true(ledger_rewind(&ledger) == 10);
    assert_true(ledger_skip_known(&ledger, 1) == -1); /* not read yet */
    assert_true(ledger_read(&ledger, 10));
    assert_true(ledger_skip_known(&ledger, 10) == -1); /* there are too few */
    assert_true(ledger_skip_known(&ledger, 9) == 20);
    assert_true(ledger_is_rereading(&ledger));
    assert_true(ledger_read(&ledger, 20));
    assert_false(ledger_needs_rewind(&ledger));
    assert_true(ledger_skip_known(&ledger, 3) == 24);
    assert_false(ledger_is_rereading(&ledger));
    assert_true(ledger_skip_known(&ledger, 1) == -1);
    assert_true(ledger_read(&ledger, 24));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        LEDGER_TEST(ledger__forgets_what_is_gone_after_offset_0),
        LEDGER_TEST(ledger__keeps_what_was_dispatched_by_an_earlier_one),
        LEDGER_TEST(ledger__skips_what_is_known_between_dropped_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
