#include "asserts.h"

#include <unistd.h>

#include "fake_clock.h"
#include "waybill/loop.h"

/* The callbacks that ran, in order, as letters */
static char journal[256];
static size_t written;

struct world {
    struct fake_time time;
    struct clock clock;
    struct loop *loop;
};

static int begin(void **state)
{
    static struct world world;

    world = (struct world){.time = {1000, 5000}};
    world.clock = (struct clock)FAKE_CLOCK(&world.time);
    world.loop = loop_new(&world.clock);
    memset(journal, 0, sizeof(journal));
    written = 0;
    *state = &world;
    return 0;
}

static int finish(void **state)
{
    struct world *world = *state;

    loop_free(world->loop);
    return 0;
}

static void note(char letter)
{
    journal[written++] = letter;
}

struct item {
    char letter;
    struct timer timer;
    struct task task;
    struct loop *loop;
    struct item *other;
    uint64_t again_ms;
};

static void write_letter(void *payload)
{
    note(((struct item *)payload)->letter);
}

static void new_item(struct item *item, char letter, struct loop *loop,
                     loop_fn *fn)
{
    *item = (struct item){.letter = letter, .loop = loop};
    timer_init(&item->timer, fn, item);
    task_init(&item->task, fn, item);
}

/* --- time ----------------------------------------------------------------- */

static void loop__takes_its_time_from_the_clock(void **state)
{
    struct world *world = *state;

    assert_int_equal(loop_now(world->loop), 1000);
    world->time.monotonic = 1234;
    assert_int_equal(loop_now(world->loop), 1234);
    assert_ptr_equal(loop_clock(world->loop), &world->clock);
}

static void loop__runs_timers_when_they_are_due_and_in_that_order(void **state)
{
    struct world *world = *state;
    struct item items[3];

    for (size_t i = 0; i < 3; i++) {
        new_item(&items[i], (char)('a' + i), world->loop, write_letter);
    }
    loop_arm(world->loop, &items[0].timer, 30);
    loop_arm(world->loop, &items[1].timer, 10);
    loop_arm(world->loop, &items[2].timer, 20);
    assert_false(loop_turn(world->loop, false));
    world->time.monotonic = 1009;
    assert_false(loop_turn(world->loop, false));
    world->time.monotonic = 1010;
    assert_true(loop_turn(world->loop, false));
    assert_string_equal(journal, "b");
    assert_false(timer_is_armed(&items[1].timer));
    world->time.monotonic = 2000;
    assert_true(loop_turn(world->loop, false));
    assert_string_equal(journal, "bca");
    assert_false(loop_turn(world->loop, false));
}

static void loop__moves_a_timer_that_is_armed_again(void **state)
{
    struct world *world = *state;
    struct item a;
    uint64_t due = 0;

    new_item(&a, 'a', world->loop, write_letter);
    loop_arm(world->loop, &a.timer, 10);
    loop_arm(world->loop, &a.timer, 500);
    assert_true(loop_next_deadline(world->loop, &due));
    assert_int_equal(due, 1500);
    loop_arm(world->loop, &a.timer, 5);
    assert_true(loop_next_deadline(world->loop, &due));
    assert_int_equal(due, 1005);
    world->time.monotonic = 3000;
    loop_turn(world->loop, false);
    loop_turn(world->loop, false);
    assert_string_equal(journal, "a");
}

static void loop__forgets_a_timer_that_is_disarmed(void **state)
{
    struct world *world = *state;
    struct item a;
    uint64_t due = 77;

    new_item(&a, 'a', world->loop, write_letter);
    loop_disarm(world->loop, &a.timer);
    loop_arm(world->loop, &a.timer, 0);
    assert_true(timer_is_armed(&a.timer));
    loop_disarm(world->loop, &a.timer);
    loop_disarm(world->loop, &a.timer);
    assert_false(timer_is_armed(&a.timer));
    assert_false(loop_next_deadline(world->loop, &due));
    assert_int_equal(due, 77);
    assert_false(loop_turn(world->loop, false));
    assert_string_equal(journal, "");
}

static void disarm_other(void *payload)
{
    struct item *item = payload;

    note(item->letter);
    loop_disarm(item->loop, &item->other->timer);
}

static void loop__lets_one_timer_disarm_another_of_the_same_turn(void **state)
{
    struct world *world = *state;
    struct item a;
    struct item b;

    new_item(&a, 'a', world->loop, disarm_other);
    new_item(&b, 'b', world->loop, write_letter);
    a.other = &b;
    loop_arm(world->loop, &a.timer, 1);
    loop_arm(world->loop, &b.timer, 2);
    world->time.monotonic = 2000;
    loop_turn(world->loop, false);
    assert_string_equal(journal, "a");
}

static void arm_again(void *payload)
{
    struct item *item = payload;

    note(item->letter);
    loop_arm(item->loop, &item->timer, item->again_ms);
}

static void loop__ends_its_turn_though_a_timer_arms_itself_for_now(void **state)
{
    struct world *world = *state;
    struct item a;

    new_item(&a, 'a', world->loop, arm_again);
    loop_arm(world->loop, &a.timer, 0);
    loop_turn(world->loop, false);
    assert_string_equal(journal, "a");
    loop_turn(world->loop, false);
    assert_string_equal(journal, "aa");
    loop_disarm(world->loop, &a.timer);
}

/* As in the simulator: no sleep, and the clock is set to the next timer. */
static void loop__runs_a_day_in_virtual_time(void **state)
{
    struct world *world = *state;
    struct item a;
    size_t turns = 0;
    uint64_t due;

    new_item(&a, '.', world->loop, arm_again);
    a.again_ms = 3600 * 1000;
    loop_arm(world->loop, &a.timer, 0);
    while (world->time.monotonic < 24 * 3600 * 1000) {
        while (loop_turn(world->loop, false)) {
            turns++;
        }
        assert_true(loop_next_deadline(world->loop, &due));
        assert_true(due > world->time.monotonic);
        world->time.monotonic = due;
    }
    assert_int_equal(turns, 24);
    loop_disarm(world->loop, &a.timer);
}

/* --- tasks ---------------------------------------------------------------- */

static void loop__runs_tasks_in_the_order_they_were_deferred(void **state)
{
    struct world *world = *state;
    struct item a;
    struct item b;

    new_item(&a, 'a', world->loop, write_letter);
    new_item(&b, 'b', world->loop, write_letter);
    loop_defer(world->loop, &b.task);
    loop_defer(world->loop, &a.task);
    loop_defer(world->loop, &b.task);
    assert_string_equal(journal, "");
    assert_true(loop_turn(world->loop, false));
    assert_string_equal(journal, "ba");
    assert_false(loop_turn(world->loop, false));
    loop_defer(world->loop, &b.task);
    loop_turn(world->loop, false);
    assert_string_equal(journal, "bab");
}

static void defer_other(void *payload)
{
    struct item *item = payload;

    note(item->letter);
    loop_defer(item->loop, &item->other->task);
}

static void loop__runs_in_the_next_turn_what_a_task_defers(void **state)
{
    struct world *world = *state;
    struct item a;
    struct item b;

    new_item(&a, 'a', world->loop, defer_other);
    new_item(&b, 'b', world->loop, defer_other);
    a.other = &b;
    b.other = &b;
    loop_defer(world->loop, &a.task);
    loop_turn(world->loop, false);
    assert_string_equal(journal, "a");
    loop_turn(world->loop, false);
    assert_string_equal(journal, "ab");
    loop_turn(world->loop, false);
    assert_string_equal(journal, "abb");
    loop_cancel(world->loop, &b.task);
}

static void loop__runs_in_the_next_turn_what_a_timer_defers(void **state)
{
    struct world *world = *state;
    struct item a;
    struct item b;

    new_item(&a, 'a', world->loop, defer_other);
    new_item(&b, 'b', world->loop, write_letter);
    a.other = &b;
    loop_arm(world->loop, &a.timer, 0);
    loop_turn(world->loop, false);
    assert_string_equal(journal, "a");
    loop_turn(world->loop, false);
    assert_string_equal(journal, "ab");
}

static void loop__forgets_a_task_that_is_cancelled(void **state)
{
    struct world *world = *state;
    struct item items[4];

    /* The first, one in the middle, the last */
    for (size_t gone = 0; gone < 3; gone++) {
        memset(journal, 0, sizeof(journal));
        written = 0;
        for (size_t i = 0; i < 3; i++) {
            new_item(&items[i], (char)('a' + i), world->loop, write_letter);
            loop_defer(world->loop, &items[i].task);
        }
        loop_cancel(world->loop, &items[gone].task);
        loop_cancel(world->loop, &items[gone].task);
        new_item(&items[3], 'd', world->loop, write_letter);
        loop_defer(world->loop, &items[3].task);
        loop_turn(world->loop, false);
        assert_string_equal(journal, gone == 0   ? "bcd"
                                     : gone == 1 ? "acd"
                                                 : "abd");
    }
}

static void cancel_other(void *payload)
{
    struct item *item = payload;

    note(item->letter);
    loop_cancel(item->loop, &item->other->task);
}

static void loop__lets_one_task_cancel_another_of_the_same_turn(void **state)
{
    struct world *world = *state;
    struct item a;
    struct item b;

    new_item(&a, 'a', world->loop, cancel_other);
    new_item(&b, 'b', world->loop, write_letter);
    a.other = &b;
    loop_defer(world->loop, &a.task);
    loop_defer(world->loop, &b.task);
    assert_true(loop_turn(world->loop, false));
    assert_false(loop_turn(world->loop, false));
    assert_string_equal(journal, "a");
}

static void cancel_and_defer(void *payload)
{
    struct item *item = payload;

    note(item->letter);
    loop_cancel(item->loop, &item->other->task);
    loop_defer(item->loop, &item->other->other->task);
}

/* No other task runs in place of the cancelled one. */
static void loop__keeps_for_the_next_turn_what_is_deferred_beside_a_cancel(
    void **state)
{
    struct world *world = *state;
    struct item a;
    struct item b;
    struct item c;

    new_item(&a, 'a', world->loop, cancel_and_defer);
    new_item(&b, 'b', world->loop, write_letter);
    new_item(&c, 'c', world->loop, write_letter);
    a.other = &b;
    b.other = &c;
    loop_defer(world->loop, &a.task);
    loop_defer(world->loop, &b.task);
    loop_turn(world->loop, false);
    assert_string_equal(journal, "a");
    loop_turn(world->loop, false);
    assert_string_equal(journal, "ac");
}

/* --- descriptors ---------------------------------------------------------- */

struct pipe_end {
    int fds[2];
    struct loop *loop;
    unsigned events;
    int calls;
    bool unwatch;
};

static void on_pipe(void *payload, int fd, unsigned events)
{
    struct pipe_end *end = payload;
    char byte;

    end->calls++;
    end->events = events;
    if (end->unwatch) {
        loop_unwatch(end->loop, fd);
    } else if (events & LOOP_IN) {
        assert_int_equal(read(fd, &byte, 1), 1);
    }
}

static void open_pipe(struct pipe_end *end, struct loop *loop)
{
    *end = (struct pipe_end){.loop = loop};
    assert_int_equal(pipe(end->fds), 0);
}

static void close_pipe(const struct pipe_end *end)
{
    close(end->fds[0]);
    close(end->fds[1]);
}

static void loop__tells_when_a_descriptor_is_ready(void **state)
{
    struct world *world = *state;
    struct pipe_end end;

    open_pipe(&end, world->loop);
    loop_watch(world->loop, end.fds[0], LOOP_IN, on_pipe, &end);
    assert_false(loop_turn(world->loop, false));
    assert_int_equal(write(end.fds[1], "xy", 2), 2);
    assert_true(loop_turn(world->loop, false));
    assert_int_equal(end.calls, 1);
    assert_true(end.events & LOOP_IN);
    /* Level-triggered: one byte is left. */
    assert_true(loop_turn(world->loop, true));
    assert_int_equal(end.calls, 2);
    assert_false(loop_turn(world->loop, false));
    loop_unwatch(world->loop, end.fds[0]);
    close_pipe(&end);
}

static void loop__is_silent_about_what_is_not_watched_any_more(void **state)
{
    struct world *world = *state;
    struct pipe_end end;

    open_pipe(&end, world->loop);
    end.unwatch = true;
    loop_unwatch(world->loop, end.fds[0]);
    loop_unwatch(world->loop, 1000000);
    loop_watch(world->loop, end.fds[0], LOOP_IN, on_pipe, &end);
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    assert_true(loop_turn(world->loop, false));
    assert_false(loop_turn(world->loop, false));
    assert_int_equal(end.calls, 1);
    loop_watch(world->loop, end.fds[0], LOOP_IN, on_pipe, &end);
    assert_true(loop_turn(world->loop, false));
    assert_int_equal(end.calls, 2);
    close_pipe(&end);
}

static void loop__changes_what_it_waits_for(void **state)
{
    struct world *world = *state;
    struct pipe_end first;
    struct pipe_end second;

    open_pipe(&first, world->loop);
    open_pipe(&second, world->loop);
    loop_watch(world->loop, first.fds[1], LOOP_IN, on_pipe, &first);
    assert_false(loop_turn(world->loop, false));
    loop_watch(world->loop, first.fds[1], LOOP_OUT, on_pipe, &second);
    assert_true(loop_turn(world->loop, false));
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.events, LOOP_OUT);
    loop_watch(world->loop, first.fds[1], LOOP_IN, on_pipe, &second);
    assert_false(loop_turn(world->loop, false));
    loop_unwatch(world->loop, first.fds[1]);
    close_pipe(&first);
    close_pipe(&second);
}

/* libcurl and c-ares do that. */
static void loop__watches_a_number_that_came_back_without_a_word(void **state)
{
    struct world *world = *state;
    struct pipe_end old;
    struct pipe_end end;

    open_pipe(&old, world->loop);
    loop_watch(world->loop, old.fds[0], LOOP_IN, on_pipe, &old);
    close_pipe(&old);
    open_pipe(&end, world->loop);
    assert_int_equal(end.fds[0], old.fds[0]);
    loop_watch(world->loop, end.fds[0], LOOP_IN | LOOP_OUT, on_pipe, &end);
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    assert_true(loop_turn(world->loop, false));
    assert_int_equal(end.calls, 1);
    assert_int_equal(old.calls, 0);
    loop_unwatch(world->loop, end.fds[0]);
    close_pipe(&end);
}

static void close_other(void *payload, int fd, unsigned events)
{
    struct pipe_end *end = payload;

    end->calls++;
    loop_unwatch(end->loop, end[end->unwatch ? 1 : -1].fds[0]);
    loop_unwatch(end->loop, fd);
}

static void loop__calls_nobody_who_was_unwatched_in_the_same_turn(void **state)
{
    struct world *world = *state;
    struct pipe_end ends[2];

    open_pipe(&ends[0], world->loop);
    open_pipe(&ends[1], world->loop);
    ends[0].unwatch = true; /* the first closes the second, or vice versa */
    for (size_t i = 0; i < 2; i++) {
        loop_watch(world->loop, ends[i].fds[0], LOOP_IN, close_other, &ends[i]);
        assert_int_equal(write(ends[i].fds[1], "x", 1), 1);
    }
    loop_turn(world->loop, false);
    loop_turn(world->loop, false);
    assert_int_equal(ends[0].calls + ends[1].calls, 1);
    close_pipe(&ends[0]);
    close_pipe(&ends[1]);
}

/* --- running -------------------------------------------------------------- */

static void stop_after_three(void *payload)
{
    struct item *item = payload;

    note(item->letter);
    if (written == 3) {
        loop_stop(item->loop);
    } else {
        loop_arm(item->loop, &item->timer, 2);
    }
}

static void loop__runs_until_it_is_stopped(void **state)
{
    struct loop *loop = loop_new(clock_system());
    uint64_t before = loop_now(loop);
    struct item a;

    new_item(&a, 'a', loop, stop_after_three);
    loop_arm(loop, &a.timer, 2);
    loop_run(loop);
    assert_string_equal(journal, "aaa");
    assert_true(loop_now(loop) >= before + 6);
    assert_true(loop_now(loop) < before + 5000);
    loop_free(loop);
}

static void loop__does_not_sleep_while_a_task_waits(void **state)
{
    struct loop *loop = loop_new(clock_system());
    uint64_t before = loop_now(loop);
    struct item a;
    struct item b;
    struct item far;

    new_item(&a, 'a', loop, defer_other);
    new_item(&b, 'b', loop, write_letter);
    new_item(&far, 'f', loop, write_letter);
    a.other = &b;
    loop_arm(loop, &far.timer, 60000);
    loop_defer(loop, &a.task);
    loop_turn(loop, true);
    loop_turn(loop, true);
    assert_string_equal(journal, "ab");
    assert_true(loop_now(loop) < before + 5000);
    loop_disarm(loop, &far.timer);
    loop_free(loop);
}

static void loop__may_be_nothing_when_it_is_freed(void **state)
{
    loop_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loop__takes_its_time_from_the_clock),
        TEST(loop__runs_timers_when_they_are_due_and_in_that_order),
        TEST(loop__moves_a_timer_that_is_armed_again),
        TEST(loop__forgets_a_timer_that_is_disarmed),
        TEST(loop__lets_one_timer_disarm_another_of_the_same_turn),
        TEST(loop__ends_its_turn_though_a_timer_arms_itself_for_now),
        TEST(loop__runs_a_day_in_virtual_time),
        TEST(loop__runs_tasks_in_the_order_they_were_deferred),
        TEST(loop__runs_in_the_next_turn_what_a_task_defers),
        TEST(loop__runs_in_the_next_turn_what_a_timer_defers),
        TEST(loop__forgets_a_task_that_is_cancelled),
        TEST(loop__lets_one_task_cancel_another_of_the_same_turn),
        TEST(loop__keeps_for_the_next_turn_what_is_deferred_beside_a_cancel),
        TEST(loop__tells_when_a_descriptor_is_ready),
        TEST(loop__is_silent_about_what_is_not_watched_any_more),
        TEST(loop__changes_what_it_waits_for),
        TEST(loop__watches_a_number_that_came_back_without_a_word),
        TEST(loop__calls_nobody_who_was_unwatched_in_the_same_turn),
        TEST(loop__runs_until_it_is_stopped),
        TEST(loop__does_not_sleep_while_a_task_waits),
        TEST(loop__may_be_nothing_when_it_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
