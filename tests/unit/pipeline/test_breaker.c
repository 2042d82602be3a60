#include "asserts.h"
#include "pipeline/policy.h"

/* Enough repetitions for random values to reach their bounds */
#define TRIES 300

static const uint64_t pauses[2] = {500, 30000};

static struct random seeded(uint64_t seed)
{
    struct random random;

    random_seed(&random, seed);
    return random;
}

static void fail_times(struct breaker *breaker, unsigned times, uint64_t now,
                       struct random *random)
{
    for (unsigned i = 0; i < times; i++) {
        breaker_failed(breaker, now, pauses, random);
    }
}

/* Fails until it is open, and then in every probe, up to that level. */
static struct breaker opened_to(unsigned level, uint64_t now,
                                const uint64_t bounds[2], struct random *random)
{
    struct breaker breaker = {0};

    while (!breaker.open) {
        breaker_failed(&breaker, now, bounds, random);
    }
    while (breaker.level < level) {
        breaker_probed(&breaker, false, now, bounds, random);
    }
    return breaker;
}

static void breaker__opens_with_the_fifth_failure_in_a_row(void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = {0};

    for (int i = 1; i <= 4; i++) {
        assert_false(breaker_failed(&breaker, 100, pauses, &random));
        assert_false(breaker.open);
    }
    assert_true(breaker_failed(&breaker, 100, pauses, &random));
    assert_true(breaker.open);
    assert_int_equal(breaker.level, 1);
    assert_true(breaker.probe_ms > 100);
}

static void breaker__forgets_failures_with_a_success(void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = {0};

    for (int i = 0; i < 10; i++) {
        fail_times(&breaker, 4, 0, &random);
        assert_false(breaker.open);
        breaker_succeeded(&breaker);
    }
    fail_times(&breaker, 4, 0, &random);
    assert_false(breaker.open);
}

/* Attempts in flight fail as well: this counts as one opening. */
static void breaker__is_opened_once(void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = opened_to(1, 0, pauses, &random);
    uint64_t probe = breaker.probe_ms;

    for (uint64_t now = 1; now < 100; now++) {
        assert_false(breaker_failed(&breaker, now, pauses, &random));
    }
    assert_int_equal(breaker.level, 1);
    assert_true(breaker.probe_ms == probe);
}

static void breaker__is_closed_by_a_probe_and_reopened_by_one_failure(
    void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = opened_to(1, 0, pauses, &random);

    for (unsigned level = 2; level < 6; level++) {
        breaker_probed(&breaker, true, 1000, pauses, &random);
        assert_false(breaker.open);
        assert_true(breaker_failed(&breaker, 2000, pauses, &random));
        assert_true(breaker.open);
        assert_int_equal(breaker.level, level);
    }
}

static void breaker__needs_five_again_after_a_success(void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = opened_to(3, 0, pauses, &random);

    breaker_probed(&breaker, true, 0, pauses, &random);
    breaker_succeeded(&breaker);
    assert_int_equal(breaker.level, 0);
    fail_times(&breaker, 4, 0, &random);
    assert_false(breaker.open);
    fail_times(&breaker, 1, 0, &random);
    assert_true(breaker.open);
    assert_int_equal(breaker.level, 1);
}

/* A request that was sent before it opened may still succeed. */
static void breaker__is_closed_by_a_success_without_a_probe(void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = opened_to(2, 0, pauses, &random);

    breaker_succeeded(&breaker);
    assert_false(breaker.open);
    assert_int_equal(breaker.level, 0);
}

static void breaker__stays_open_when_a_probe_fails(void **state)
{
    struct random random = seeded(1);
    struct breaker breaker = opened_to(1, 0, pauses, &random);

    breaker_probed(&breaker, false, 5000, pauses, &random);
    assert_true(breaker.open);
    assert_int_equal(breaker.level, 2);
    assert_true(breaker.probe_ms > 5000);
}

struct pause {
    const char *label;
    uint64_t bounds[2];
    unsigned level;
    uint64_t bound;
};

static const struct pause table[] = {
    {"the first", {500, 30000}, 1, 500},
    {"twice that", {500, 30000}, 2, 1000},
    {"and again", {500, 30000}, 3, 2000},
    {"the last below the cap", {500, 30000}, 6, 16000},
    {"the cap", {500, 30000}, 7, 30000},
    {"no more than the cap", {500, 30000}, 8, 30000},
    {"after years", {500, 30000}, 4000, 30000},
    {"a cap below the first", {1000, 200}, 1, 200},
    {"a cap below the first, later", {1000, 200}, 9, 200},
    {"no growth", {700, 700}, 5, 700},
    {"a millisecond", {1, 3600000}, 1, 1},
    {"from a millisecond to an hour", {1, 3600000}, 64, 3600000},
};

static void breaker__pauses_for_half_of_a_bound_that_grows(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct pause *row = &table[i];
        uint64_t min = UINT64_MAX;
        uint64_t max = 0;

        for (uint64_t seed = 0; seed < TRIES; seed++) {
            struct random random = seeded(seed);
            struct breaker breaker =
                opened_to(row->level, 1000, row->bounds, &random);
            uint64_t pause = breaker.probe_ms - 1000;

            min = pause < min ? pause : min;
            max = pause > max ? pause : max;
        }
        check(row->label, min > row->bound / 2);
        check(row->label, max <= row->bound + 1);
        /* It is distributed over its range. */
        check(row->label, min <= row->bound / 2 + 1 + row->bound / 10);
        check(row->label, max >= row->bound - row->bound / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaker__opens_with_the_fifth_failure_in_a_row),
        cmocka_unit_test(breaker__forgets_failures_with_a_success),
        cmocka_unit_test(breaker__is_opened_once),
        cmocka_unit_test(
            breaker__is_closed_by_a_probe_and_reopened_by_one_failure),
        cmocka_unit_test(breaker__needs_five_again_after_a_success),
        cmocka_unit_test(breaker__is_closed_by_a_success_without_a_probe),
        cmocka_unit_test(breaker__stays_open_when_a_probe_fails),
        cmocka_unit_test(breaker__pauses_for_half_of_a_bound_that_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
