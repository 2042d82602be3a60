#include "dead_letter_list.h"
#include "replay/track.h"

/* Dead letters at these offsets, all waiting and matching */
static void fill(struct track *track, struct dead_letter *dead_letters,
                 const int64_t *offsets, size_t count, int64_t end)
{
    *track = (struct track){.end = end,
                            .scanned_to = -1,
                            .dead_letters = dead_letters,
                            .count = count};
    for (size_t i = 0; i < count; i++) {
        dead_letters[i] =
            (struct dead_letter){.offset = offsets[i], .matches = true};
    }
}

static int64_t encode(const struct track *track, struct str *text)
{
    struct error err = ERROR_UNTOUCHED;
    int64_t offset = -1;

    assert_int_equal(track_encode(track, &offset, text, &err), 0);
    assert_untouched(&err);
    return offset;
}

static const int64_t offsets[] = {10, 12, 14, 20, 30};

static void track__begins_at_the_first_that_is_open(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct dead_letter dead_letters[ARRAY_SIZE(offsets)];
    struct track track;

    fill(&track, dead_letters, offsets, ARRAY_SIZE(offsets), 40);
    assert_int_equal(encode(&track, &text), 10);
    assert_string_equal(text.data, "");
    dead_letters[0].copied = true;
    dead_letters[1].in_transaction = true;
    assert_int_equal(encode(&track, &text), 14);
    assert_string_equal(text.data, "");
    for (size_t i = 2; i < ARRAY_SIZE(offsets); i++) {
        dead_letters[i].state = DEAD_LETTER_REPLAYED;
    }
    assert_int_equal(encode(&track, &text), 40);
}

/* The recorded state of a dead letter is restored when it is read. */
static void track__comes_back_as_it_was(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct dead_letter dead_letters[ARRAY_SIZE(offsets)];
    struct dead_letter again[ARRAY_SIZE(offsets)];
    struct track track;
    struct track other;
    struct error err;
    int64_t offset;

    fill(&track, dead_letters, offsets, ARRAY_SIZE(offsets), 40);
    dead_letters[0].copied = true;
    dead_letters[2].copied = true;
    dead_letters[4].copied = true;
    offset = encode(&track, &text);
    assert_int_equal(offset, 12);
    fill(&other, again, offsets, ARRAY_SIZE(offsets), 45);
    assert_int_equal(progress_decode(offset, text.data, &other.progress, &err),
                     0);
    track_apply(&other);
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        assert_int_equal(again[i].state, dead_letters[i].copied
                                             ? DEAD_LETTER_REPLAYED
                                             : DEAD_LETTER_WAITING);
    }
    progress_release(&other.progress);
}

static void track__notes_only_what_has_been_reached(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct dead_letter dead_letters[ARRAY_SIZE(offsets)];
    struct track track;

    fill(&track, dead_letters, offsets, ARRAY_SIZE(offsets), 40);
    dead_letters[0].state = DEAD_LETTER_SUPERSEDED;
    dead_letters[1].state = DEAD_LETTER_DELIVERED;
    dead_letters[2].state = DEAD_LETTER_DELIVERED;
    dead_letters[2].matches = false;
    assert_int_equal(encode(&track, &text), 10);
    track.scanned_to = 11;
    assert_int_equal(encode(&track, &text), 12);
    track.scanned_to = INT64_MAX;
    assert_int_equal(encode(&track, &text), 14);
    dead_letters[3].state = DEAD_LETTER_QUARANTINED;
    assert_int_equal(encode(&track, &text), 14);
}

/* Each dead letter is in a transaction of its own, followed by a marker. */
static void track__needs_little_room_for_what_stands_together(void **state)
{
    enum { COUNT = 30000 };
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct dead_letter *dead_letters = calloc(COUNT, sizeof(*dead_letters));
    struct track track = {
        .end = 2 * COUNT, .dead_letters = dead_letters, .count = COUNT};

    for (int i = 0; i < COUNT; i++) {
        dead_letters[i].offset = 2 * (int64_t)i;
        dead_letters[i].copied = i > 0;
    }
    assert_int_equal(encode(&track, &text), 0);
    assert_true(text.len > 0 && text.len < 100);
    free(dead_letters);
}

static void track__says_when_there_is_no_room(void **state)
{
    enum { COUNT = 60000 };
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct dead_letter *dead_letters = calloc(COUNT, sizeof(*dead_letters));
    struct track track = {
        .end = COUNT, .dead_letters = dead_letters, .count = COUNT};
    struct error err;
    int64_t offset = -5;

    for (int i = 0; i < COUNT; i++) {
        dead_letters[i].offset = i;
        dead_letters[i].copied = i % 3 == 1;
    }
    assert_int_equal(track_encode(&track, &offset, &text, &err), -1);
    assert_error_kind(&err, ERROR_REJECTED);
    assert_message_contains(&err, "oldest ones first");
    assert_int_equal(offset, -5);
    /* Far apart */
    dead_letters[1] = (struct dead_letter){.offset = 1LL << 40, .copied = true};
    dead_letters[0].copied = false;
    track.count = 2;
    track.end = (1LL << 40) + 1;
    assert_int_equal(track_encode(&track, &offset, &text, &err), -1);
    assert_message_contains(&err, "oldest ones first");
    free(dead_letters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(track__begins_at_the_first_that_is_open),
        cmocka_unit_test(track__comes_back_as_it_was),
        cmocka_unit_test(track__notes_only_what_has_been_reached),
        cmocka_unit_test(track__needs_little_room_for_what_stands_together),
        cmocka_unit_test(track__says_when_there_is_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
