#include "asserts.h"
#include "pipeline/pipeline_internal.h"

#define MOST 4

static struct settings settings = {.delivery = {.max_records = 100}};
static struct pipeline pipeline = {.options = {.settings = &settings}};

struct fixture {
    struct host host;
    struct lane lane;
    struct delivery deliveries[10];
};

static void open_lane(struct fixture *fixture, size_t waiting)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->host.pipeline = &pipeline;
    lane_init(&fixture->lane, NULL, MOST);
    fixture->lane.host = &fixture->host;
    for (size_t i = 0; i < waiting; i++) {
        lane_push(&fixture->lane, &fixture->deliveries[i]);
    }
}

static void lane__gives_in_order_of_arrival(void **state)
{
    struct fixture fixture;

    open_lane(&fixture, 3);
    assert_int_equal(fixture.lane.waiting_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(lane_next(&fixture.lane, 0), &fixture.deliveries[i]);
        assert_int_equal(fixture.lane.running, i + 1);
        assert_int_equal(fixture.lane.waiting_count, 2 - i);
    }
    assert_null(lane_next(&fixture.lane, 0));
    assert_int_equal(fixture.lane.running, 3);
}

static void lane__gives_no_more_than_may_run(void **state)
{
    struct fixture fixture;

    open_lane(&fixture, 6);
    for (size_t i = 0; i < MOST; i++) {
        assert_non_null(lane_next(&fixture.lane, 0));
    }
    assert_null(lane_next(&fixture.lane, 0));
    assert_int_equal(fixture.lane.running, MOST);
    fixture.lane.running--;
    assert_ptr_equal(lane_next(&fixture.lane, 0), &fixture.deliveries[MOST]);
}

static void lane__lets_anybody_leave(void **state)
{
    struct fixture fixture;

    open_lane(&fixture, 3);
    lane_remove(&fixture.lane, &fixture.deliveries[1]);
    assert_int_equal(fixture.lane.waiting_count, 2);
    assert_ptr_equal(lane_next(&fixture.lane, 0), &fixture.deliveries[0]);
    assert_ptr_equal(lane_next(&fixture.lane, 0), &fixture.deliveries[2]);
    assert_null(lane_next(&fixture.lane, 0));
}

/* What happens to the credentials: r refused, a accepted; upper case where
 * something is said of it. */
static void lane__is_held_after_three_refusals_in_a_row(void **state)
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

        open_lane(&fixture, 0);
        for (const char *at = table[i].happens; *at != '\0'; at++) {
            bool said = *at == 'r' || *at == 'R'
                            ? lane_refused(&fixture.lane, 60000)
                            : lane_accepted(&fixture.lane);

            check(table[i].happens, said == (*at == 'R' || *at == 'A'));
        }
        check(table[i].happens, fixture.lane.held == table[i].held);
    }
}

static void hold(struct lane *lane, uint64_t until)
{
    for (int i = 0; i < 3; i++) {
        lane_refused(lane, until);
    }
    assert_true(lane->held);
}

static void lane__tries_one_at_a_time_while_it_is_held(void **state)
{
    struct fixture fixture;
    struct lane *lane = &fixture.lane;

    open_lane(&fixture, 5);
    hold(lane, 1000);
    assert_null(lane_next(lane, 0));
    assert_null(lane_next(lane, 999));
    assert_ptr_equal(lane_next(lane, 1000), &fixture.deliveries[0]);
    assert_null(lane_next(lane, 1000));
    assert_null(lane_next(lane, 100000));
    /* It is refused as well. */
    lane_refused(lane, 61000);
    lane->running--;
    assert_null(lane_next(lane, 60999));
    assert_ptr_equal(lane_next(lane, 61000), &fixture.deliveries[1]);
}

/* Those that were under way when it was held */
static void lane__tries_nothing_while_something_still_runs(void **state)
{
    struct fixture fixture;
    struct lane *lane = &fixture.lane;

    open_lane(&fixture, 5);
    lane_next(lane, 0);
    lane_next(lane, 0);
    hold(lane, 1000);
    assert_null(lane_next(lane, 2000));
    lane->running--;
    assert_null(lane_next(lane, 2000));
    lane->running--;
    assert_non_null(lane_next(lane, 2000));
}

static void lane__goes_on_when_one_is_accepted(void **state)
{
    struct fixture fixture;
    struct lane *lane = &fixture.lane;

    open_lane(&fixture, 6);
    hold(lane, 1000);
    lane_next(lane, 1000);
    assert_true(lane_accepted(lane));
    for (size_t i = 1; i < MOST; i++) {
        assert_non_null(lane_next(lane, 1000));
    }
    assert_null(lane_next(lane, 1000));
}

struct crowd {
    const char *label;
    size_t load; /* of 100 */
    double rate; /* a second */
    bool held;
    bool open; /* its host's breaker */
    bool parked;
    size_t slow; /* lanes */
    bool crowding;
    bool unparks;
};

static const struct crowd crowds[] = {
    {"empty", .load = 0},
    {"half", .load = 50},
    {"more than half, and it takes long", .load = 51, .crowding = true},
    {"more than half, and soon done", .load = 51, .rate = 26},
    {"all, and not soon done", .load = 100, .rate = 49, .crowding = true},
    {"half, and it takes long", .load = 50, .rate = 0.1},
    {"its part, one of two that are slow", .load = 25, .slow = 2},
    {"more than that, and it takes long", .load = 26, .slow = 2,
     .crowding = true},
    {"more than that, and soon done", .load = 26, .rate = 13, .slow = 2},
    {"parked, one of two, and half its part is left", .load = 12,
     .parked = true, .slow = 2, .unparks = true},
    {"parked, one of two, and more is left", .load = 13, .parked = true,
     .slow = 2},
    {"held", .load = 1, .held = true, .crowding = true},
    {"down", .load = 1, .open = true, .crowding = true},
    {"parked, and much is left", .load = 26, .parked = true},
    {"parked, and a quarter is left", .load = 25, .parked = true,
     .unparks = true},
    {"parked, and nothing is left", .load = 0, .parked = true, .unparks = true},
    {"parked and crowding", .load = 60, .parked = true, .crowding = true},
    {"parked and held", .load = 1, .parked = true, .held = true,
     .crowding = true},
    {"parked and down", .load = 1, .parked = true, .open = true,
     .crowding = true},
    /* Somebody has to find out that it is over. */
    {"parked and held, and nobody is left to try", .load = 0, .parked = true,
     .held = true, .crowding = true, .unparks = true},
    {"parked and down, and nobody is left to try", .load = 0, .parked = true,
     .open = true, .crowding = true, .unparks = true},
};

static void lane__parks_what_crowds_and_wants_it_when_it_flows(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
        const struct crowd *row = &crowds[i];
        struct fixture fixture;
        struct lane *lane = &fixture.lane;

        open_lane(&fixture, 0);
        lane->load = row->load;
        lane->rate = row->rate;
        lane->held = row->held;
        lane->parked = row->parked;
        fixture.host.breaker.open = row->open;
        fixture.host.pipeline->slow = row->slow;
        check(row->label, lane_is_crowding(lane) == row->crowding);
        check(row->label, lane_wants_parked(lane) == row->unparks);
    }
}

/* The smallest that may be configured: shares are whole records. */
static void lane__of_a_service_that_holds_one_record(void **state)
{
    struct fixture fixture;

    open_lane(&fixture, 0);
    settings.delivery.max_records = 1;
    assert_false(lane_is_crowding(&fixture.lane));
    fixture.lane.load = 1;
    assert_true(lane_is_crowding(&fixture.lane));
    fixture.lane.parked = true;
    assert_false(lane_wants_parked(&fixture.lane));
    fixture.lane.load = 0;
    assert_true(lane_wants_parked(&fixture.lane));
    settings.delivery.max_records = 100;
}

static void lane__measures_what_it_does_in_a_second(void **state)
{
    struct fixture fixture;

    open_lane(&fixture, 0);
    fixture.lane.ended = 100;
    lane_tick(&fixture.lane);
    assert_true(fixture.lane.rate > 49 && fixture.lane.rate < 51);
    fixture.lane.ended = 100;
    lane_tick(&fixture.lane);
    assert_true(fixture.lane.rate > 74 && fixture.lane.rate < 76);
    for (int i = 0; i < 20; i++) {
        lane_tick(&fixture.lane);
    }
    assert_true(fixture.lane.rate < 1);
}

static int make_loop(void **state)
{
    pipeline.options.loop = loop_new(clock_system());
    return 0;
}

static int drop_loop(void **state)
{
    loop_free(pipeline.options.loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane__gives_in_order_of_arrival),
        cmocka_unit_test(lane__gives_no_more_than_may_run),
        cmocka_unit_test(lane__lets_anybody_leave),
        cmocka_unit_test(lane__is_held_after_three_refusals_in_a_row),
        cmocka_unit_test(lane__tries_one_at_a_time_while_it_is_held),
        cmocka_unit_test(lane__tries_nothing_while_something_still_runs),
        cmocka_unit_test(lane__goes_on_when_one_is_accepted),
        cmocka_unit_test(lane__parks_what_crowds_and_wants_it_when_it_flows),
        cmocka_unit_test(lane__of_a_service_that_holds_one_record),
        cmocka_unit_test(lane__measures_what_it_does_in_a_second),
    };

    return cmocka_run_group_tests(tests, make_loop, drop_loop);
}
