#include <sys/mman.h>

#include "ledger_world.h"

/* The size of one commit, its cost, and what it omits */

/* --- the limit
 * ---------------------------------------------------------------- */

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

/* Records in memory that must not be accessed now */
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

/* The cost of a commit depends on its content: of ten thousand records in
 * memory it accesses none, except for the neighbors of those that it removes.
 */
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

/* --- space
 * -------------------------------------------------------------------- */

/* As many records, none of which has finished, can be in memory before reading
 * pauses: one bit of the metadata for each. */
#define WINDOW 16016

/* Everything that was read can be committed, including the last record, in
 * whatever order the records finish. */
static void ledger__commits_whatever_was_read_before_it_was_full(void **state)
{
    size_t done = 0;

    for (int64_t i = 0; !ledger_is_full(&ledger); i++) {
        take_in(100 + i, 1);
    }
    assert_true(ledger_span(&ledger) == WINDOW + 1);
    for (size_t i = 1; i < WINDOW; i += 2) {
        finish(&entries[i]);
    }
    assert_true(commit() == 100);
    while (ledger_take_complete(&ledger) != NULL) {
        done++;
    }
    assert_int_equal(done, WINDOW / 2);
    assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
    for (size_t i = 2; i <= WINDOW; i += 2) {
        finish(&entries[i]);
    }
    assert_true(commit() == 100);
    while (ledger_take_complete(&ledger) != NULL) {
        done++;
    }
    assert_int_equal(done, WINDOW);
    finish(&entries[0]);
    assert_true(commit() == 100 + WINDOW + 1);
}

/* With a broker that accepts next to no metadata, 128 records are read. */
static void ledger__is_read_a_little_without_metadata(void **state)
{
    for (size_t max = PROGRESS_MAX_TEXT; max > 0; max /= 2) {
        ledger_limit_metadata(&ledger, ledger.max_text / 2);
    }
    for (int64_t i = 0; !ledger_is_full(&ledger); i++) {
        take_in(100 + i, 1);
        assert_int_equal(ledger_has_room(&ledger), i < 128);
    }
    assert_true(ledger_span(&ledger) == 128 + 1);
    for (size_t i = 0; i <= 128; i++) {
        finish(&entries[i]);
    }
    assert_true(commit() == 100 + 128 + 1);
}

/* The memory of a completed record is reused for a later one. */
static struct ledger_entry *take_in_again(int64_t offset)
{
    entry_count = 1 + (size_t)(offset % 2000);
    return take_in(offset, 1);
}

static void finish_many(int64_t from, int64_t end, int64_t step)
{
    for (int64_t offset = from; offset < end; offset += step) {
        struct ledger_entry *entry = take_in_again(offset);

        assert_false(ledger_is_full(&ledger));
        finish(entry);
        if (offset % 994 == 0) {
            assert_true(commit() == 0);
            while (ledger_take_complete(&ledger) != NULL) {
            }
        }
    }
    (void)commit();
    while (ledger_take_complete(&ledger) != NULL) {
    }
}

/* One stuck record and millions of finished ones after it are a single run,
 * which takes no memory and survives a restart. */
static void ledger__is_not_filled_by_what_is_finished(void **state)
{
    take_in(0, 1);
    finish_many(1, 2000000, 1);
    assert_int_equal(ledger.committed.done.count, 1);
    assert_true(kept_text.len < 100);
    assert_true(ledger_span(&ledger) == 2000000);
    restart();
    assert_true(ledger_read(&ledger, 0));
    for (int64_t offset = 1; offset < 2000000; offset += 1001) {
        assert_false(ledger_read(&ledger, offset));
    }
    assert_true(ledger_read(&ledger, 2000000));
}

/* The same with transaction markers between the records */
static void ledger__is_not_filled_by_gaps(void **state)
{
    take_in(0, 1);
    finish_many(2, 200000, 2);
    assert_int_equal(ledger.committed.done.count, 1);
    assert_true(kept_text.len < 100);
}

/* ... and where other events stand between them, which are skipped */
static void ledger__is_not_filled_by_what_is_skipped(void **state)
{
    take_in(0, 1);
    for (int64_t offset = 1; offset < 30000; offset++) {
        if (offset % 5 == 0) {
            entry_count = 1 + (size_t)(offset % 10);
            finish(take_in(offset, 1));
            (void)commit();
            while (ledger_take_complete(&ledger) != NULL) {
            }
        } else {
            assert_true(ledger_read(&ledger, offset));
            ledger_skip(&ledger, offset);
        }
    }
    assert_int_equal(ledger.committed.done.count, 1);
    assert_true(kept_text.len < 100);
    restart();
    assert_true(ledger_read(&ledger, 0));
    assert_false(ledger_read(&ledger, 1));
    assert_false(ledger_read(&ledger, 29995));
    assert_true(ledger_read(&ledger, 29996)); /* nothing was read after it */
}

/* The skipped offset covers nothing but itself. */
static void ledger__skips_no_record_that_is_open(void **state)
{
    struct ledger_entry *last;

    take_in(0, 1);
    assert_true(ledger_read(&ledger, 1));
    ledger_skip(&ledger, 1);
    take_in(2, 1);
    assert_true(ledger_read(&ledger, 3));
    ledger_skip(&ledger, 3);
    last = take_in(4, 1);
    ledger_skip(&ledger, 3); /* too late: ignored */
    finish(last);
    assert_true(commit() == 0);
    restart();
    assert_true(ledger_read(&ledger, 0));
    assert_true(ledger_read(&ledger, 1));
    assert_true(ledger_read(&ledger, 2));
    assert_false(ledger_read(&ledger, 3));
    assert_false(ledger_read(&ledger, 4));
}

/* Two deliveries each, one of which is finished first: nothing is kept of
 * complete records. */
static void ledger__keeps_nothing_of_single_parts_that_are_complete(
    void **state)
{
    take_in(0, 2);
    for (int64_t offset = 1; offset < 30000; offset++) {
        struct ledger_entry *entry;

        entry_count = 1 + (size_t)(offset % 10);
        entry = take_in(offset, 2);
        finish_part(entry, (size_t)(offset % 2));
        assert_true(commit() == 0);
        finish(entry);
        assert_true(commit() == 0);
        check_complete(entry);
    }
    assert_true(kept_text.len < 100);
    for (size_t i = 0; i < ledger.committed.delivery_count; i++) {
        assert_int_equal(ledger.committed.deliveries[i].done.count, 0);
    }
}

/* It is full when too much of it is stuck at too many offsets, and has room
 * again when a quarter of that is free. */
static void ledger__is_full_when_the_metadata_is(void **state)
{
    size_t stuck = 0;
    int64_t offset;

    for (offset = 0; !ledger_is_full(&ledger); offset++) {
        if (offset % 100 == 0) {
            entry_count = 3000 + stuck++;
            take_in(offset, 1);
        } else {
            finish(take_in_again(offset));
        }
        if (offset % 500 == 499) {
            assert_true(commit() == 0);
            while (ledger_take_complete(&ledger) != NULL) {
            }
            assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
        }
    }
    assert_in_range(stuck, 400, 1000);
    (void)commit();
    assert_false(ledger_has_room(&ledger));
    for (size_t i = 0; !ledger_has_room(&ledger); i++) {
        finish(&entries[3000 + i]);
        (void)commit();
        assert_in_range(i, 0, stuck / 2);
    }
    for (size_t i = 0; i < stuck; i++) {
        finish(&entries[3000 + i]);
    }
    assert_true(commit() == offset);
}

static uint32_t mix(uint32_t n)
{
    n = (n ^ n >> 16) * 0x45D9F3BU;
    n = (n ^ n >> 16) * 0x45D9F3BU;
    return n ^ n >> 16;
}

/* The window is full, nothing finishes in order, and all metadata has its
 * maximum size. */
static void ledger__has_room_for_whatever_it_claims(void **state)
{
    size_t claimed = 0;

    for (int64_t i = 0; i < WINDOW; i++) {
        struct ledger_entry *entry = take_in(100 + i, 1 + (size_t)(i % 5));

        fail_part(entry, 0, 1000000, 1767323045000);
    }
    for (uint32_t round = 1; round < 30; round++) {
        for (uint32_t i = 1; i < WINDOW; i++) {
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
    for (size_t i = 0; i < WINDOW; i++) {
        claimed += ledger_entry_has(&entries[i], SLOT_COMMITTED);
        finish(&entries[i]);
    }
    assert_true(claimed > 1000);
    while (prepare(500)) {
        assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
        ledger_committed(&ledger);
    }
    assert_true(kept_offset == 100 + WINDOW);
}

/* A run of more than 127 takes one more byte: the worst case for single parts
 * that were claimed when there was just enough space for them. */
static void ledger__has_room_for_runs_that_grow(void **state)
{
    const int64_t group = 144;

    for (int64_t i = 0; i < WINDOW; i++) {
        take_in(100 + i, 4);
    }
    for (int64_t i = 1; i < WINDOW; i++) {
        int64_t at = i % group;

        if (at % 16 != 0 && at != 127) {
            finish(&entries[i]);
        }
    }
    assert_true(commit() == 100);
    for (int64_t i = 1; i < WINDOW; i++) {
        if (i % group % 16 == 0 && i % group < 120) {
            finish_part(&entries[i], 0);
            finish_part(&entries[i], 1);
            finish_part(&entries[i], 2);
            (void)commit();
            assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
        }
    }
    for (int64_t i = 127; i < WINDOW; i += group) {
        finish(&entries[i]);
    }
    assert_true(commit() == 100);
    assert_true(kept_text.len <= PROGRESS_MAX_TEXT);
}

/* Single parts wait if there is no space; whole records do not. */
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
        ledger_limit_metadata(&ledger, ledger.max_text / 2);
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
    ledger_limit_metadata(&ledger, ledger.max_text / 2);
}

/* Progress that was committed with another broker is encoded completely, and no
 * more than that. */
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
        ledger_limit_metadata(&ledger, ledger.max_text / 2);
    }
    finish(&entries[0]);
    assert_true(commit() > 10);
    assert_true(kept_text.len > 100);
    assert_int_equal(said.attempts_count, 0);
    for (int64_t i = kept_offset; i < 1000; i++) {
        assert_int_equal(is_done(i), mix((uint32_t)i) % 2 == 0);
    }
}

/* The rule that the simulation breaks, to test whether it would detect that */
static void ledger__can_be_made_to_forget(void **state)
{
    take_in(10, 1);
    finish(take_in(11, 1));
    broken_rule = "drop-metadata";
    assert_true(commit() == 10);
    check_text("nothing", kept_text.data, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(ledger__claims_at_max_so_many_parts),
        LEDGER_TEST(ledger__claims_one_record_whatever_its_size),
        LEDGER_TEST(ledger__claims_single_parts_with_what_is_left),
        LEDGER_TEST(ledger__claims_nothing_when_that_is_the_max),
        LEDGER_TEST(ledger__looks_at_nothing_that_a_commit_does_not_concern),
        LEDGER_TEST(ledger__commits_whatever_was_read_before_it_was_full),
        LEDGER_TEST(ledger__is_read_a_little_without_metadata),
        LEDGER_TEST(ledger__is_not_filled_by_what_is_finished),
        LEDGER_TEST(ledger__is_not_filled_by_gaps),
        LEDGER_TEST(ledger__is_not_filled_by_what_is_skipped),
        LEDGER_TEST(ledger__skips_no_record_that_is_open),
        LEDGER_TEST(ledger__keeps_nothing_of_single_parts_that_are_complete),
        LEDGER_TEST(ledger__is_full_when_the_metadata_is),
        LEDGER_TEST(ledger__has_room_for_whatever_it_claims),
        LEDGER_TEST(ledger__has_room_for_runs_that_grow),
        LEDGER_TEST(ledger__claims_whole_records_when_parts_find_no_room),
        LEDGER_TEST(ledger__has_less_to_say_when_it_was_shortened),
        LEDGER_TEST(ledger__breaks_no_promise_when_it_was_shortened),
        LEDGER_TEST(ledger__can_be_made_to_forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
