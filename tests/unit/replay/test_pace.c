#include "dead_letter_list.h"

static void window__says_nothing_of_a_few(void **state)
{
    struct window window = {0};

    for (size_t i = 0; i < WINDOW_MIN - 1; i++) {
        window_add(&window, true);
        assert_false(window_exceeds(&window, 50));
    }
    window_add(&window, true);
    assert_true(window_exceeds(&window, 50));
    assert_false(window_exceeds(&window, 100));
}

static void window__forgets_what_is_long_ago(void **state)
{
    struct window window = {0};

    for (size_t i = 0; i < 30; i++) {
        window_add(&window, true);
    }
    for (size_t i = 0; i < 30; i++) {
        window_add(&window, false);
    }
    /* Of the last 50, 20 have failed. */
    assert_int_equal(window.failures, 20);
    assert_false(window_exceeds(&window, 40));
    assert_true(window_exceeds(&window, 39));
    assert_true(window_exceeds(&window, 0));
    for (size_t i = 0; i < WINDOW_SIZE; i++) {
        window_add(&window, false);
    }
    assert_false(window_exceeds(&window, 0));
}

static void time_left__follows_the_pace_so_far(void **state)
{
    static const struct {
        const char *label;
        size_t done;
        size_t total;
        uint64_t elapsed_ms;
        int64_t left;
    } rows[] = {
        {"nothing yet", 0, 100, 5000, -1}, {"too early", 10, 100, 999, -1},
        {"a tenth", 10, 100, 1000, 9000},  {"half", 50, 100, 60000, 60000},
        {"all", 100, 100, 60000, 0},       {"all, at once", 5, 5, 10, 0},
        {"nothing to do", 0, 0, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_number(rows[i].label,
                     replay_time_left_ms(rows[i].done, rows[i].total,
                                         rows[i].elapsed_ms),
                     rows[i].left);
    }
}

static void due__spreads_records_over_the_second(void **state)
{
    assert_int_equal(replay_due_ms(0, 100), 0);
    assert_int_equal(replay_due_ms(1, 100), 10);
    assert_int_equal(replay_due_ms(250, 100), 2500);
    assert_int_equal(replay_due_ms(1, 1), 1000);
    assert_int_equal(replay_due_ms(12345, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window__says_nothing_of_a_few),
        cmocka_unit_test(window__forgets_what_is_long_ago),
        cmocka_unit_test(time_left__follows_the_pace_so_far),
        cmocka_unit_test(due__spreads_records_over_the_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
