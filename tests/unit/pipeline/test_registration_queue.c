#include "asserts.h"
#include "pipeline/scheduler.h"

#define MOST 4

struct fixture {
    struct scheduler scheduler;
    struct endpoint endpoint;
    struct registration_queue queue;
    struct delivery deliveries[10];
};

static void open_queue(struct fixture *fixture, size_t backlog)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->endpoint.scheduler = &fixture->scheduler;
    registration_queue_init(&fixture->queue, NULL, MOST);
    fixture->queue.endpoint = &fixture->endpoint;
    for (size_t i = 0; i < backlog; i++) {
        registration_queue_push(&fixture->queue, &fixture->deliveries[i]);
    }
}

/* The next one that may begin, which then does */
static struct delivery *begin_next(struct registration_queue *queue,
                                   uint64_t now_ms)
{
    struct delivery *delivery = registration_queue_next(queue, now_ms);

    if (delivery != NULL) {
        registration_queue_begin(queue);
    }
    return delivery;
}

static void registration_queue__gives_in_order_of_arrival(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 3);
    assert_int_equal(fixture.queue.backlog_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[i]);
        assert_int_equal(fixture.queue.in_flight, i + 1);
        assert_int_equal(fixture.queue.backlog_count, 2 - i);
    }
    assert_null(begin_next(&fixture.queue, 0));
    assert_int_equal(fixture.queue.in_flight, 3);
}

static void registration_queue__gives_no_more_than_may_begin(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 6);
    for (size_t i = 0; i < MOST; i++) {
        assert_non_null(begin_next(&fixture.queue, 0));
    }
    assert_null(begin_next(&fixture.queue, 0));
    assert_int_equal(fixture.queue.in_flight, MOST);
    registration_queue_end(&fixture.queue);
    assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[MOST]);
}

static void registration_queue__lets_anybody_leave(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 3);
    registration_queue_remove(&fixture.queue, &fixture.deliveries[1]);
    assert_int_equal(fixture.queue.backlog_count, 2);
    assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[0]);
    assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[2]);
    assert_null(begin_next(&fixture.queue, 0));
}

/* What happens to the credentials: r refused, a accepted; upper case where
 * something is said of it. */
static void registration_queue__is_held_after_three_refusals_in_a_row(
    void **state)
{
    static const struct {
        const char *happens;
        bool held;
    } table[] = {
        {"", false},       {"a", false},      {"r", false},
        {"rr", false},     {"rrR", true},     {"rrRrrr", true},
        {"rra", false},    {"rrarr", false},  {"rrarrR", true},
        {"rrRA", false},   {"rrRrA", false},  {"rrRAaa", false},
        {"rrRAr", false},  {"rrRArr", false}, {"rrRArrR", true},
        {"rarara", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct fixture fixture;

        open_queue(&fixture, 0);
        for (const char *at = table[i].happens; *at != '\0'; at++) {
            bool said = *at == 'r' || *at == 'R'
                            ? registration_queue_refused(&fixture.queue, 60000)
                            : registration_queue_accepted(&fixture.queue);

            check(table[i].happens, said == (*at == 'R' || *at == 'A'));
        }
        check(table[i].happens, fixture.queue.held == table[i].held);
    }
}

static void hold(struct registration_queue *queue, uint64_t until)
{
    for (int i = 0; i < 3; i++) {
        registration_queue_refused(queue, until);
    }
    assert_true(queue->held);
}

static void registration_queue__tries_one_at_a_time_while_it_is_held(
    void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 5);
    hold(queue, 1000);
    assert_null(begin_next(queue, 0));
    assert_null(begin_next(queue, 999));
    assert_ptr_equal(begin_next(queue, 1000), &fixture.deliveries[0]);
    assert_null(begin_next(queue, 1000));
    assert_null(begin_next(queue, 100000));
    /* It is refused as well. */
    registration_queue_refused(queue, 61000);
    registration_queue_end(queue);
    assert_null(begin_next(queue, 60999));
    assert_ptr_equal(begin_next(queue, 61000), &fixture.deliveries[1]);
}

/* Those that were under way when it was held */
static void registration_queue__tries_nothing_while_something_is_in_flight(
    void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 5);
    begin_next(queue, 0);
    begin_next(queue, 0);
    hold(queue, 1000);
    assert_null(begin_next(queue, 2000));
    registration_queue_end(queue);
    assert_null(begin_next(queue, 2000));
    registration_queue_end(queue);
    assert_non_null(begin_next(queue, 2000));
}

static void registration_queue__goes_on_when_one_is_accepted(void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 6);
    hold(queue, 1000);
    begin_next(queue, 1000);
    assert_true(registration_queue_accepted(queue));
    for (size_t i = 1; i < MOST; i++) {
        assert_non_null(begin_next(queue, 1000));
    }
    assert_null(begin_next(queue, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration_queue__gives_in_order_of_arrival),
        cmocka_unit_test(registration_queue__gives_no_more_than_may_begin),
        cmocka_unit_test(registration_queue__lets_anybody_leave),
        cmocka_unit_test(
            registration_queue__is_held_after_three_refusals_in_a_row),
        cmocka_unit_test(
            registration_queue__tries_one_at_a_time_while_it_is_held),
        cmocka_unit_test(
            registration_queue__tries_nothing_while_something_is_in_flight),
        cmocka_unit_test(registration_queue__goes_on_when_one_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
