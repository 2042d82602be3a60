#include "asserts.h"
#include "runtime/timers.h"
#include "waybill/random.h"

#define MANY 500

static void timers__come_out_by_their_time(void **state)
{
    struct timers timers = {0};
    struct timer all[MANY] = {{0}};
    struct random random;
    uint64_t last = 0;

    random_seed(&random, 1);
    assert_null(timers_first(&timers));
    for (size_t i = 0; i < MANY; i++) {
        all[i].due_ms = random_below(&random, 100);
        timers_add(&timers, &all[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        struct timer *first = timers_first(&timers);

        assert_non_null(first);
        assert_true(first->due_ms >= last);
        last = first->due_ms;
        timers_remove(&timers, first);
        assert_int_equal(first->slot, 0);
    }
    assert_null(timers_first(&timers));
    timers_release(&timers);
}

static void check_heap(const struct timers *timers)
{
    for (size_t slot = 1; slot <= timers->count; slot++) {
        const struct timer *timer = timers->heap[slot - 1];

        assert_int_equal(timer->slot, slot);
        if (slot > 1) {
            assert_true(timers->heap[slot / 2 - 1]->due_ms <= timer->due_ms);
        }
    }
}

static void timers__stay_a_heap_whichever_is_taken_out(void **state)
{
    struct timers timers = {0};
    struct timer all[64] = {{0}};
    struct random random;
    size_t armed = 0;

    random_seed(&random, 2);
    for (int step = 0; step < 20000; step++) {
        struct timer *timer = &all[random_below(&random, ARRAY_SIZE(all))];

        if (timer->slot > 0) {
            timers_remove(&timers, timer);
            armed--;
        } else {
            timer->due_ms = random_below(&random, 50);
            timers_add(&timers, timer);
            armed++;
        }
        assert_int_equal(timers.count, armed);
        check_heap(&timers);
    }
    timers_release(&timers);
    assert_int_equal(timers.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers__come_out_by_their_time),
        cmocka_unit_test(timers__stay_a_heap_whichever_is_taken_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
