#include "asserts.h"
#include "pipeline/policy.h"

static struct limiter of(size_t max)
{
    struct limiter limiter;

    limiter_init(&limiter, max);
    return limiter;
}

/* Starts as many attempts as are allowed. */
static size_t room(const struct limiter *limiter)
{
    size_t running = 0;

    while (limiter_admits(limiter, running)) {
        running++;
    }
    return running;
}

/* All slots are in use, and attempts succeed one after the other. */
static void succeed(struct limiter *limiter, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        limiter_succeeded(limiter, room(limiter));
    }
}

static void limiter__begins_with_eight_or_less(void **state)
{
    static const struct {
        const char *label;
        size_t max;
        size_t first;
    } table[] = {
        {"one", 1, 1},  {"seven", 7, 7},  {"eight", 8, 8},
        {"nine", 9, 8}, {"usual", 32, 8}, {"many", 1000, 8},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct limiter limiter = of(table[i].max);

        check_number(table[i].label, room(&limiter), table[i].first);
    }
}

static void limiter__grows_by_one_for_each_success_at_first(void **state)
{
    struct limiter limiter = of(32);

    for (size_t i = 8; i < 32; i++) {
        assert_int_equal(room(&limiter), i);
        succeed(&limiter, 1);
    }
    assert_int_equal(room(&limiter), 32);
}

static void limiter__grows_no_further_than_its_cap(void **state)
{
    static const size_t caps[] = {1, 8, 12, 100};

    for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
        struct limiter limiter = of(caps[i]);

        succeed(&limiter, 500);
        assert_int_equal(room(&limiter), caps[i]);
        /* And in small steps, too */
        limiter_overloaded(&limiter, 0);
        succeed(&limiter, 20000);
        assert_int_equal(room(&limiter), caps[i]);
    }
}

/* Successes below the limit say nothing about what the host sustains. */
static void limiter__does_not_grow_while_it_holds_nobody_back(void **state)
{
    struct limiter limiter = of(32);

    for (size_t running = 1; running < 8; running++) {
        limiter_succeeded(&limiter, running);
    }
    assert_int_equal(room(&limiter), 8);
    limiter_succeeded(&limiter, 8);
    assert_int_equal(room(&limiter), 9);
}

static void limiter__grows_by_one_for_each_round_after_a_cut(void **state)
{
    struct limiter limiter = of(100);

    succeed(&limiter, 100);
    limiter_overloaded(&limiter, 0);
    for (size_t i = 50; i < 60; i++) {
        assert_int_equal(room(&limiter), i);
        succeed(&limiter, i);
        /* 1/n, n times over, with n growing on the way, is a little less. */
        assert_in_range(room(&limiter), i, i + 1);
        succeed(&limiter, room(&limiter) == i ? 1 : 0);
        assert_int_equal(room(&limiter), i + 1);
    }
}

static void limiter__is_halved_once_a_second(void **state)
{
    static const struct {
        const char *label;
        uint64_t at;
        size_t room;
    } table[] = {
        {"the first", 5000, 16},
        {"those that were sent together", 5000, 16},
        {"a little later", 5400, 16},
        {"just before the second is over", 5999, 16},
        {"the next", 6000, 8},
        {"counted from that one", 6999, 8},
        {"and again", 7000, 4},
        {"after a long time", 1000000, 2},
    };
    struct limiter limiter = of(32);

    succeed(&limiter, 100);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        limiter_overloaded(&limiter, table[i].at);
        check_number(table[i].label, room(&limiter), table[i].room);
    }
}

/* A clock that starts at 0 has no previous second. */
static void limiter__is_cut_at_any_time(void **state)
{
    static const uint64_t times[] = {0, 1, 999, 1000, UINT64_MAX};

    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct limiter limiter = of(32);

        limiter_overloaded(&limiter, times[i]);
        assert_int_equal(room(&limiter), 4);
    }
}

static void limiter__always_lets_one_run(void **state)
{
    static const size_t caps[] = {1, 2, 3, 5, 32};

    for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
        struct limiter limiter = of(caps[i]);

        for (uint64_t second = 0; second < 20; second++) {
            limiter_overloaded(&limiter, second * 1000);
            assert_true(room(&limiter) >= 1);
        }
        assert_int_equal(room(&limiter), 1);
    }
}

/* It grows again from one at a time. */
static void limiter__comes_back_from_its_floor(void **state)
{
    struct limiter limiter = of(32);

    for (uint64_t second = 0; second < 20; second++) {
        limiter_overloaded(&limiter, second * 1000);
    }
    succeed(&limiter, 1);
    assert_int_equal(room(&limiter), 2);
    succeed(&limiter, 1000);
    assert_int_equal(room(&limiter), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limiter__begins_with_eight_or_less),
        cmocka_unit_test(limiter__grows_by_one_for_each_success_at_first),
        cmocka_unit_test(limiter__grows_no_further_than_its_cap),
        cmocka_unit_test(limiter__does_not_grow_while_it_holds_nobody_back),
        cmocka_unit_test(limiter__grows_by_one_for_each_round_after_a_cut),
        cmocka_unit_test(limiter__is_halved_once_a_second),
        cmocka_unit_test(limiter__is_cut_at_any_time),
        cmocka_unit_test(limiter__always_lets_one_run),
        cmocka_unit_test(limiter__comes_back_from_its_floor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
