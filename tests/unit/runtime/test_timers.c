/* Many timers at once, which are armed, moved and disarmed in any order */

#include "asserts.h"
#include "fake_clock.h"
#include "waybill/loop.h"
#include "waybill/random.h"

#define MANY 500

struct item {
    struct timer timer;
    uint64_t due_ms; /* 0: not armed */
};

static struct fake_time now;
static struct clock fake = FAKE_CLOCK(&now);
static struct loop *loop;
static struct item items[MANY];
static uint64_t last; /* due time of the one that ran before */
static size_t armed;

static void on_due(void *payload)
{
    struct item *item = payload;

    assert_true(item->due_ms > 0);
    assert_true(item->due_ms <= now.monotonic);
    assert_true(item->due_ms >= last);
    last = item->due_ms;
    item->due_ms = 0;
    armed--;
}

static int begin(void **state)
{
    now = (struct fake_time){1000, 5000};
    loop = loop_new(&fake);
    armed = 0;
    memset(items, 0, sizeof(items));
    for (size_t i = 0; i < MANY; i++) {
        timer_init(&items[i].timer, on_due, &items[i]);
    }
    return 0;
}

static int finish(void **state)
{
    loop_free(loop);
    return 0;
}

static void arm(struct item *item, uint64_t ms)
{
    armed += item->due_ms == 0;
    item->due_ms = now.monotonic + ms;
    loop_arm(loop, &item->timer, ms);
}

static void disarm(struct item *item)
{
    armed -= item->due_ms > 0;
    item->due_ms = 0;
    loop_disarm(loop, &item->timer);
}

/* The next due timer, found by a linear search */
static uint64_t naive_deadline(void)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < MANY; i++) {
        if (items[i].due_ms > 0 && items[i].due_ms < next) {
            next = items[i].due_ms;
        }
    }
    return next;
}

/* All timers that are due now run in the order of their times, and no others.
 */
static void check_turn(void)
{
    uint64_t due;

    last = 0;
    while (loop_turn(loop, false)) {
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_true(items[i].due_ms == 0 || items[i].due_ms > now.monotonic);
        assert_int_equal(timer_is_armed(&items[i].timer), items[i].due_ms > 0);
    }
    assert_int_equal(loop_next_deadline(loop, &due), armed > 0);
    assert_true(armed == 0 || due == naive_deadline());
}

static void timers__run_by_their_times(void **state)
{
    struct random random;

    random_seed(&random, 1);
    for (size_t i = 0; i < MANY; i++) {
        arm(&items[i], 1 + random_below(&random, 100));
    }
    now.monotonic += 200;
    check_turn();
    assert_int_equal(armed, 0);
}

static void timers__keep_their_order_whichever_is_taken_out(void **state)
{
    struct random random;

    random_seed(&random, 2);
    for (int step = 0; step < 20000; step++) {
        struct item *item = &items[random_below(&random, MANY)];

        if (random_below(&random, 3) == 0) {
            disarm(item);
        } else {
            arm(item, 1 + random_below(&random, 300));
        }
        if (random_below(&random, 20) == 0) {
            now.monotonic += random_below(&random, 40);
            check_turn();
        }
    }
    now.monotonic += 1000;
    check_turn();
    assert_int_equal(armed, 0);
}

#define TIMERS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMERS_TEST(timers__run_by_their_times),
        TIMERS_TEST(timers__keep_their_order_whichever_is_taken_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
