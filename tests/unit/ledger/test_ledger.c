#include "ledger_world.h"

/* --- reading ----------------------------------------------------------------
 */

static void ledger__knows_nothing_when_it_is_born(void **state)
{
    assert_false(ledger_prepare(&ledger, ALL));
    assert_null(ledger_take(&ledger));
    assert_null(ledger_take_complete(&ledger));
    assert_true(ledger_span(&ledger) == 0);
    assert_false(ledger_needs_rewind(&ledger));
    assert_false(ledger_is_delivery_done(&ledger, 5, 1));
    assert_false(ledger_has_deliveries_done(&ledger, 5));
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
    assert_true(commit() == 25); /* the gap is part of the same run */
    assert_int_equal(said.done.count, 1);
    finish(b);
    assert_true(commit() == 4000000001);
    check_complete(a);
    check_complete(c);
    check_complete(b);
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
    assert_true(progress_has_delivery(&said, 2, 2000000000001));
}

/* --- finished deliveries ---------------------------------------------------
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

    assert_false(ledger_has_deliveries_done(&ledger, 10));
    finish_part(a, 1);
    finish_part(b, 1);
    assert_true(commit() == 10);
    assert_null(ledger_take_complete(&ledger));
    assert_int_equal(count_state(a, SLOT_COMMITTED), 1);
    assert_true(progress_has_delivery(&said, 2, 10));
    assert_true(progress_has_delivery(&said, 2, 11));
    assert_false(progress_has_delivery(&said, 1, 10));
    assert_true(ledger_has_deliveries_done(&ledger, 10));
    assert_true(ledger_is_delivery_done(&ledger, 10, 2));
    assert_false(ledger_is_delivery_done(&ledger, 10, 1));

    restart();
    assert_true(ledger_has_deliveries_done(&ledger, 11));
    assert_true(ledger_is_delivery_done(&ledger, 10, 2));
    assert_false(ledger_is_delivery_done(&ledger, 10, 3));
    assert_true(ledger_read(&ledger, 10));
    a = add_from(10, 3, 2); /* 3 and 4 were not finished. */
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

/* However far away: it must not be read again after a restart. */
static void ledger__says_what_owes_nothing(void **state)
{
    take_in(10, 2);
    take_in(30, 0);
    take_in(10000000000, 0);
    finish_part(&entries[0], 0);
    assert_true(commit() == 10);
    assert_true(said.done.count == 1 && said.done.runs[0].from == 11);
    assert_true(offset_set_end(&said.done) == 10000000001);
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
    assert_false(ledger_is_delivery_done(&ledger, 10, 1));
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
        LEDGER_TEST(ledger__says_what_owes_nothing),
        LEDGER_TEST(ledger__has_what_was_finished_in_between_wait),
        LEDGER_TEST(ledger__tries_again_what_was_aborted),
        LEDGER_TEST(ledger__says_so_when_there_is_nothing_to_say),
        LEDGER_TEST(ledger__gives_all_entries_back_at_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
