#include "asserts.h"
#include "waybill/alloc.h"
#include "waybill/offset_set.h"
#include "waybill/random.h"

static void add_run(struct offset_set *set, int64_t from, int64_t end)
{
    for (int64_t offset = from; offset < end; offset++) {
        offset_set_add(set, offset);
    }
}

static void offset_set__is_empty_when_it_is_zero(void **state)
{
    CLEANUP(offset_set_release) struct offset_set set = {0};
    CLEANUP(offset_set_release) struct offset_set copy;

    assert_false(offset_set_has(&set, 0));
    assert_false(offset_set_has(&set, 1000));
    assert_true(offset_set_end(&set) == 0);
    assert_true(offset_set_next(&set, 42) == INT64_MAX);
    assert_true(offset_set_bits(&set, 42) == 0);
    offset_set_forget_below(&set, 1000);
    assert_false(offset_set_has(&set, 1000));
    offset_set_copy(&copy, &set);
    assert_true(offset_set_end(&copy) == 0);
    assert_null(copy.runs);
}

/* Alone, and next to a lower one, in the same word or far away */
static void offset_set__has_what_was_added_and_nothing_else(void **state)
{
    static const int64_t members[] = {
        0, 1, 62, 63, 64, 65, 127, 128, 8191, 16383, 5000000001, INT64_MAX / 2,
    };

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        CLEANUP(offset_set_release) struct offset_set set = {0};

        offset_set_add(&set, members[i]);
        offset_set_add(&set, members[i]);
        assert_true(offset_set_has(&set, members[i]));
        assert_false(offset_set_has(&set, members[i] - 1));
        assert_false(offset_set_has(&set, members[i] + 1));
        assert_false(offset_set_has(&set, members[i] - 64));
        assert_false(offset_set_has(&set, members[i] + 64));
        assert_true(offset_set_end(&set) == members[i] + 1);
    }
}

static void offset_set__grows_in_both_directions(void **state)
{
    CLEANUP(offset_set_release) struct offset_set set = {0};

    offset_set_add(&set, 1000);
    offset_set_add(&set, 3000);
    offset_set_add(&set, 999);
    offset_set_add(&set, 64);
    offset_set_add(&set, 63);
    for (int64_t offset = 0; offset < 4000; offset++) {
        bool member = offset == 63 || offset == 64 || offset == 999 ||
                      offset == 1000 || offset == 3000;

        check_number("has", offset_set_has(&set, offset), member);
    }
    assert_true(offset_set_end(&set) == 3001);
}

static void offset_set__finds_the_next_member(void **state)
{
    CLEANUP(offset_set_release) struct offset_set set = {0};
    static const int64_t cases[][2] = {
        {0, 100},   {99, 100},  {100, 100},       {127, 127},        {128, 128},
        {399, 399}, {400, 401}, {402, 402},       {403, 447},        {447, 447},
        {448, 900}, {900, 900}, {901, INT64_MAX}, {5000, INT64_MAX},
    };

    add_run(&set, 100, 400);
    add_run(&set, 401, 403);
    add_run(&set, 447, 448);
    add_run(&set, 900, 901);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_number("next", offset_set_next(&set, cases[i][0]), cases[i][1]);
    }
}

/* Also if they begin before the first word, or end after the last */
static void offset_set__shows_the_bits_from_any_offset_on(void **state)
{
    CLEANUP(offset_set_release) struct offset_set set = {0};

    add_run(&set, 64, 128);
    offset_set_add(&set, 130);
    for (int64_t from = 0; from < 200; from++) {
        uint64_t expected = 0;

        for (int64_t at = from; at < from + 64; at++) {
            expected |= (uint64_t)offset_set_has(&set, at) << (at - from);
        }
        assert_true(offset_set_bits(&set, from) == expected);
    }
}

static void offset_set__forgets_what_is_below(void **state)
{
    static const int64_t cases[] = {0,   1,   99,  100, 101, 127,   128,
                                    129, 191, 192, 199, 200, 201,   255,
                                    256, 257, 319, 320, 321, 100000};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(offset_set_release) struct offset_set set = {0};
        int64_t from = cases[i];

        add_run(&set, 100, 201);
        add_run(&set, 319, 320);
        offset_set_forget_below(&set, from);
        for (int64_t offset = 0; offset < 400; offset++) {
            bool member = (offset >= 100 && offset < 201) || (offset == 319);

            check_number("has", offset_set_has(&set, offset),
                         member && offset >= from);
        }
        check_number("end", offset_set_end(&set), from < 320 ? 320 : 0);
        /* and continues */
        offset_set_add(&set, from + 5);
        offset_set_add(&set, 330);
        assert_true(offset_set_has(&set, from + 5));
        assert_true(offset_set_has(&set, 330));
        assert_false(offset_set_has(&set, 331));
    }
}

/* The whole life of a partition: one bit for each of its offsets would be more
 * memory than there is, also within gaps of compaction. */
static void offset_set__takes_no_memory_for_what_is_forgotten(void **state)
{
    CLEANUP(offset_set_release) struct offset_set set = {0};

    for (int64_t i = 1; i < 1000; i++) {
        int64_t offset = i << 40;

        add_run(&set, offset, offset + 300);
        offset_set_forget_below(&set, offset + 200);
        assert_true(offset_set_end(&set) == offset + 300);
        offset_set_forget_below(&set, offset + 400);
    }
}

static void offset_set__copies_are_independent(void **state)
{
    CLEANUP(offset_set_release) struct offset_set set = {0};
    CLEANUP(offset_set_release) struct offset_set copy;

    add_run(&set, 100, 300);
    offset_set_copy(&copy, &set);
    offset_set_add(&set, 500);
    offset_set_add(&copy, 30);
    offset_set_add(&copy, 700);
    assert_false(offset_set_has(&copy, 500));
    assert_false(offset_set_has(&set, 700));
    assert_false(offset_set_has(&set, 30));
    assert_true(offset_set_has(&copy, 30));
    assert_true(offset_set_has(&copy, 299));
    assert_true(offset_set_end(&set) == 501);
    assert_true(offset_set_end(&copy) == 701);
}

static void offset_set__is_empty_when_it_was_released(void **state)
{
    struct offset_set set = {0};

    add_run(&set, 100, 300);
    offset_set_release(&set);
    assert_false(offset_set_has(&set, 100));
    assert_true(offset_set_end(&set) == 0);
    offset_set_release(&set);
}

/* --- against an array of bools ----------------------------------------------
 */

#define UNIVERSE 2000

static int64_t naive_end(const bool *member)
{
    int64_t end = UNIVERSE;

    while (end > 0 && !member[end - 1]) {
        end--;
    }
    return end;
}

static int64_t naive_next(const bool *member, int64_t from)
{
    while (from < UNIVERSE && !member[from]) {
        from++;
    }
    return from < UNIVERSE ? from : INT64_MAX;
}

static void offset_set__is_what_an_array_would_be(void **state)
{
    struct random random;

    random_seed(&random, 1);
    for (int round = 0; round < 20; round++) {
        CLEANUP(offset_set_release) struct offset_set set = {0};
        bool member[UNIVERSE] = {false};

        for (int step = 0; step < 300; step++) {
            int64_t at = (int64_t)random_below(&random, UNIVERSE);
            int64_t length = (int64_t)random_below(&random, 100);

            if (random_below(&random, 30) == 0) {
                offset_set_forget_below(&set, at / 2);
                memset(member, 0, (size_t)(at / 2) * sizeof(member[0]));
            }
            length = length < UNIVERSE - at ? length : UNIVERSE - at;
            add_run(&set, at, at + length);
            memset(member + at, true, (size_t)length * sizeof(member[0]));
            at = (int64_t)random_below(&random, UNIVERSE);
            assert_true(offset_set_next(&set, at) == naive_next(member, at));
            assert_true(offset_set_end(&set) == naive_end(member));
        }
        for (int64_t offset = 0; offset < UNIVERSE; offset++) {
            assert_true(offset_set_has(&set, offset) == member[offset]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offset_set__is_empty_when_it_is_zero),
        cmocka_unit_test(offset_set__has_what_was_added_and_nothing_else),
        cmocka_unit_test(offset_set__grows_in_both_directions),
        cmocka_unit_test(offset_set__finds_the_next_member),
        cmocka_unit_test(offset_set__shows_the_bits_from_any_offset_on),
        cmocka_unit_test(offset_set__forgets_what_is_below),
        cmocka_unit_test(offset_set__takes_no_memory_for_what_is_forgotten),
        cmocka_unit_test(offset_set__copies_are_independent),
        cmocka_unit_test(offset_set__is_empty_when_it_was_released),
        cmocka_unit_test(offset_set__is_what_an_array_would_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
