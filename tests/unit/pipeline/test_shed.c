#include "asserts.h"
#include "pipeline/scheduler.h"

/* Which records are shed to make room for others, and when they are read again
 */

static struct settings settings = {.delivery = {.max_records = 100}};
static struct pipeline_options options = {.settings = &settings};
static struct registration nowhere;

struct fixture {
    struct scheduler scheduler;
    struct endpoint endpoint;
    struct registration_queue queue;
    struct attachment_queue attachment;
};

static void open_queue(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->scheduler.options = &options;
    fixture->scheduler.queues = &fixture->queue;
    fixture->scheduler.queue_count = 1;
    fixture->endpoint.scheduler = &fixture->scheduler;
    fixture->scheduler.attachments = &fixture->attachment;
    fixture->scheduler.attachment_count = 1;
    registration_queue_init(&fixture->queue, &nowhere, 4, &fixture->attachment);
    fixture->queue.attachment_count = 1;
    attachment_queue_init(&fixture->attachment, NULL, &fixture->queue);
    fixture->queue.endpoint = &fixture->endpoint;
}

struct crowd {
    const char *label;
    size_t load; /* of 100 */
    double rate; /* a second */
    bool held;
    bool open; /* its endpoint's breaker */
    bool shed;
    size_t slow; /* queues */
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
    {"shed, one of two, and half its part is left", .load = 12, .shed = true,
     .slow = 2, .unparks = true},
    {"shed, one of two, and more is left", .load = 13, .shed = true, .slow = 2},
    {"held", .load = 1, .held = true, .crowding = true},
    {"down", .load = 1, .open = true, .crowding = true},
    {"shed, and much is left", .load = 26, .shed = true},
    {"shed, and a quarter is left", .load = 25, .shed = true, .unparks = true},
    {"shed, and nothing is left", .load = 0, .shed = true, .unparks = true},
    {"shed and crowding", .load = 60, .shed = true, .crowding = true},
    {"shed and held", .load = 1, .shed = true, .held = true, .crowding = true},
    {"shed and down", .load = 1, .shed = true, .open = true, .crowding = true},
    /* One record remains, to find out when it is over. */
    {"shed and held, and nobody is left to try", .load = 0, .shed = true,
     .held = true, .crowding = true, .unparks = true},
    {"shed and down, and nobody is left to try", .load = 0, .shed = true,
     .open = true, .crowding = true, .unparks = true},
};

static void shed__takes_what_crowds_and_wants_it_when_it_flows(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
        const struct crowd *row = &crowds[i];
        struct fixture fixture;
        struct registration_queue *queue = &fixture.queue;

        open_queue(&fixture);
        queue->load = row->load;
        queue->ended_per_s = row->rate;
        queue->held = row->held;
        fixture.attachment.has_shed = row->shed;
        fixture.endpoint.breaker.open = row->open;
        fixture.scheduler.slow = row->slow;
        check(row->label, shed_may_shed(&fixture.attachment) == row->crowding);
        check(row->label, shed_wants_back(&fixture.scheduler) == row->unparks);
    }
}

/* The smallest limit that can be configured: shares are whole records. */
static void shed__of_a_service_that_holds_one_record(void **state)
{
    struct fixture fixture;

    open_queue(&fixture);
    settings.delivery.max_records = 1;
    assert_false(shed_may_shed(&fixture.attachment));
    fixture.queue.load = 1;
    assert_true(shed_may_shed(&fixture.attachment));
    fixture.attachment.has_shed = true;
    assert_false(shed_wants_back(&fixture.scheduler));
    fixture.queue.load = 0;
    assert_true(shed_wants_back(&fixture.scheduler));
    settings.delivery.max_records = 100;
}

static void shed__measures_what_is_done_in_a_second(void **state)
{
    struct fixture fixture;

    open_queue(&fixture);
    fixture.queue.ended = 100;
    shed_tick(&fixture.scheduler);
    assert_true(fixture.queue.ended_per_s > 49 &&
                fixture.queue.ended_per_s < 51);
    fixture.queue.ended = 100;
    shed_tick(&fixture.scheduler);
    assert_true(fixture.queue.ended_per_s > 74 &&
                fixture.queue.ended_per_s < 76);
    for (int i = 0; i < 20; i++) {
        shed_tick(&fixture.scheduler);
    }
    assert_true(fixture.queue.ended_per_s < 1);
}

/* If nothing is delivered, shedding makes room for nobody. */
static void shed__is_worth_it_for_what_flows(void **state)
{
    struct fixture fixture;

    open_queue(&fixture);
    assert_true(shed_is_worth_it(&fixture.scheduler));
    fixture.queue.held = true;
    assert_false(shed_is_worth_it(&fixture.scheduler));
}

static int make_loop(void **state)
{
    options.loop = loop_new(clock_system());
    return 0;
}

static int drop_loop(void **state)
{
    loop_free(options.loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shed__takes_what_crowds_and_wants_it_when_it_flows),
        cmocka_unit_test(shed__is_worth_it_for_what_flows),
        cmocka_unit_test(shed__of_a_service_that_holds_one_record),
        cmocka_unit_test(shed__measures_what_is_done_in_a_second),
    };

    return cmocka_run_group_tests(tests, make_loop, drop_loop);
}
