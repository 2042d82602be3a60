#include "kafka/anchor.h"

#include <string.h>

#include "asserts.h"

/* Whether a partition belongs to the topic that was read before */

static struct anchor_record record(int64_t offset, const char *value)
{
    return (struct anchor_record){
        .offset = offset,
        .timestamp_ms = 1000 + offset,
        .key = bytes_of("key"),
        .value = bytes_of(value),
    };
}

/* Reads up to offset 7, starting at offset 5. */
static struct anchor read_some(void)
{
    struct anchor anchor;

    anchor_reset(&anchor);
    anchor_assign(&anchor, 5);
    anchor.doubtful = false; /* it was read at once */
    for (int64_t offset = 5; offset <= 7; offset++) {
        struct anchor_record next = record(offset, "old");

        assert_true(anchor_on_record(&anchor, &next));
    }
    return anchor;
}

static bool sees(struct anchor *anchor, struct anchor_record next)
{
    return anchor_on_record(anchor, &next);
}

static void the_same_record_read_again_is_no_evidence(void **state)
{
    struct anchor anchor = read_some();

    assert_int_equal(anchor_suspect(&anchor), ANCHOR_READ_AGAIN);
    assert_int_equal(anchor.offset, 7);
    /* It was delivered before. */
    assert_false(sees(&anchor, record(7, "old")));
    assert_false(anchor.replaced);
    assert_false(anchor.verifying);
    assert_true(sees(&anchor, record(8, "old")));
    assert_int_equal(anchor.offset, 8);
}

static void another_record_at_the_same_offset_is_of_another_topic(void **state)
{
    struct anchor_record others[] = {record(7, "new"), record(7, "old"),
                                     record(7, "old"), record(7, "old")};

    others[1].timestamp_ms++;
    others[2].key = bytes_of("another key");
    others[3].value = bytes_of(NULL);
    for (size_t i = 0; i < 4; i++) {
        struct anchor anchor = read_some();

        assert_false(sees(&anchor, others[i]));
        assert_true(anchor.replaced);
        /* Nothing of the new topic is delivered before it is assigned anew. */
        assert_false(sees(&anchor, record(8, "new")));
        assert_int_equal(anchor_suspect(&anchor), ANCHOR_NO_CHECK);
        anchor_reset(&anchor);
        anchor_assign(&anchor, -1);
        assert_true(sees(&anchor, record(0, "new")));
    }
}

static void long_records_differ_by_their_length_and_their_ends(void **state)
{
    char old[4096];
    char text[4096];
    const size_t places[] = {0, 511, sizeof(old) - 512, sizeof(old) - 1};

    memset(old, 'x', sizeof(old));
    for (size_t i = 0; i < 4; i++) {
        struct anchor anchor;
        struct anchor_record next = record(3, NULL);

        anchor_reset(&anchor);
        next.value = (struct bytes){(const unsigned char *)old, sizeof(old)};
        assert_true(sees(&anchor, next));
        assert_false(sees(&anchor, next));
        assert_false(anchor.replaced);
        memcpy(text, old, sizeof(old));
        text[places[i]] = 'y';
        next.value.data = (const unsigned char *)text;
        assert_false(sees(&anchor, next));
        assert_true(anchor.replaced);
    }
}

static void a_gap_is_evidence_only_if_the_topic_was_missing(void **state)
{
    struct anchor compacted = read_some();
    struct anchor replaced = read_some();

    anchor_suspect(&compacted);
    assert_true(sees(&compacted, record(9, "old")));
    replaced.missing = true;
    anchor_suspect(&replaced);
    assert_false(sees(&replaced, record(9, "new")));
    assert_true(replaced.replaced);
}

static void a_missing_topic_may_come_back_as_it_was(void **state)
{
    struct anchor anchor = read_some();

    anchor.missing = true;
    anchor_suspect(&anchor);
    assert_false(sees(&anchor, record(7, "old")));
    assert_false(anchor.missing);
    assert_true(sees(&anchor, record(9, "old")));
}

static void an_offset_out_of_range_is_evidence_after_a_missing_topic(
    void **state)
{
    struct anchor anchor = read_some();

    assert_false(anchor_on_out_of_range(&anchor));
    assert_false(anchor.replaced);
    anchor.missing = true;
    assert_true(anchor_on_out_of_range(&anchor));
    assert_true(anchor.replaced);
}

static void records_before_the_anchor_are_read_on_to_it(void **state)
{
    struct anchor anchor = read_some();

    anchor.last = -1; /* rewound */
    assert_true(sees(&anchor, record(5, "old")));
    assert_int_equal(anchor_suspect(&anchor), ANCHOR_READ_ON);
    assert_true(sees(&anchor, record(6, "old")));
    assert_int_equal(anchor.offset, 7);
    assert_true(anchor.verifying);
    assert_false(sees(&anchor, record(7, "new")));
}

static void without_a_record_the_committed_offset_tells(void **state)
{
    struct anchor anchor;

    anchor_reset(&anchor);
    anchor_assign(&anchor, 5);
    assert_int_equal(anchor_suspect(&anchor), ANCHOR_ASK_COMMITTED);
    anchor_on_committed(&anchor, 5);
    assert_false(anchor.replaced);
    anchor_suspect(&anchor);
    anchor_on_committed(&anchor, -1);
    assert_true(anchor.replaced);
}

static void the_committed_offset_tells_nothing_else(void **state)
{
    struct anchor read = read_some();
    struct anchor fresh;

    anchor_on_committed(&read, -1);
    assert_false(read.replaced);
    anchor_reset(&fresh);
    anchor_assign(&fresh, -1);
    assert_int_equal(anchor_suspect(&fresh), ANCHOR_NO_CHECK);
    anchor_on_committed(&fresh, -1);
    assert_false(fresh.replaced);
}

static void a_record_from_the_beginning_ends_that_the_topic_is_missing(
    void **state)
{
    struct anchor anchor;

    anchor_reset(&anchor);
    anchor.missing = true; /* a late report about the former topic */
    assert_true(sees(&anchor, record(0, "new")));
    assert_false(anchor.missing);
}

static void the_first_record_leaves_the_topic_doubtful(void **state)
{
    struct anchor same;
    struct anchor other;

    anchor_reset(&same);
    anchor_assign(&same, 5);
    assert_true(sees(&same, record(5, "old")));
    assert_true(same.doubtful);
    other = same;
    anchor_on_committed(&same, 5);
    assert_false(same.doubtful);
    assert_false(same.replaced);
    anchor_on_committed(&other, -1);
    assert_true(other.replaced);
}

static void a_confirmed_topic_is_doubtful_again_when_it_is_suspected(
    void **state)
{
    struct anchor anchor;

    anchor_reset(&anchor);
    anchor_assign(&anchor, 5);
    anchor_on_committed(&anchor, 5);
    assert_false(anchor.doubtful);
    anchor.missing = true;
    assert_int_equal(anchor_suspect(&anchor), ANCHOR_ASK_COMMITTED);
    assert_true(anchor.doubtful);
    anchor_on_committed(&anchor, 5);
    assert_false(anchor.missing);
    assert_true(sees(&anchor, record(5, "old")));
    anchor_on_committed(&anchor, -1); /* the anchor tells now */
    assert_false(anchor.replaced);
}

static void an_assignment_without_an_offset_forgets_the_anchor(void **state)
{
    struct anchor kept = read_some();
    struct anchor forgotten = read_some();

    anchor_assign(&kept, 8);
    assert_int_equal(kept.offset, 7);
    anchor_assign(&kept, 0);
    assert_int_equal(kept.offset, 7);
    forgotten.missing = true;
    anchor_assign(&forgotten, -1);
    assert_int_equal(forgotten.offset, -1);
    assert_false(forgotten.missing);
    assert_true(sees(&forgotten, record(0, "new")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_record_read_again_is_no_evidence),
        cmocka_unit_test(another_record_at_the_same_offset_is_of_another_topic),
        cmocka_unit_test(long_records_differ_by_their_length_and_their_ends),
        cmocka_unit_test(a_gap_is_evidence_only_if_the_topic_was_missing),
        cmocka_unit_test(a_missing_topic_may_come_back_as_it_was),
        cmocka_unit_test(
            an_offset_out_of_range_is_evidence_after_a_missing_topic),
        cmocka_unit_test(records_before_the_anchor_are_read_on_to_it),
        cmocka_unit_test(without_a_record_the_committed_offset_tells),
        cmocka_unit_test(the_committed_offset_tells_nothing_else),
        cmocka_unit_test(
            a_record_from_the_beginning_ends_that_the_topic_is_missing),
        cmocka_unit_test(the_first_record_leaves_the_topic_doubtful),
        cmocka_unit_test(
            a_confirmed_topic_is_doubtful_again_when_it_is_suspected),
        cmocka_unit_test(an_assignment_without_an_offset_forgets_the_anchor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
