/* What the deliveries of one record wait for */

#include "service_world.h"
#include "waybill/status_record.h"

static struct arena *arena;
static struct status_deliveries deliveries;

static void begin_ready(void)
{
    begin_of(100);
    arena = NULL;
    fake_queue()->state = (struct kafka_state){true, true};
    fake_assign(0, -1, "");
}

static void done(void)
{
    arena_free(arena);
    end();
}

/* Returns the first delivery; `count` is what is expected. */
static const struct status_delivery *look(int64_t offset, size_t count)
{
    const struct position position = {FAKE_TOPIC, 0, offset};

    arena_free(arena);
    arena = arena_new();
    service_get_deliveries(service, &position, arena, &deliveries);
    assert_int_equal(deliveries.count, count);
    return deliveries.all;
}

static void record__is_known_while_it_is_in_memory(void **state)
{
    const struct position elsewhere[] = {
        {FAKE_TOPIC, 1, 7}, {"out", 0, 7}, {FAKE_TOPIC, 0, 8}};

    begin_ready();
    record(7, "one");
    world_pass(&world, 5000);
    look(7, 1);
    assert_true(deliveries.is_in_memory);
    assert_true(deliveries.age_ms == 5000);
    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        service_get_deliveries(service, &elsewhere[i], arena, &deliveries);
        assert_false(deliveries.is_in_memory);
    }
    fake_succeed(fake_running_one("one"));
    commit_all();
    look(7, 0);
    assert_false(deliveries.is_in_memory);
    done();
}

static void delivery__waits_for_its_attempt_and_then_for_its_commit(
    void **state)
{
    const struct status_delivery *one;

    begin_ready();
    record(7, "both");
    one = look(7, 2);
    assert_int_equal(one[0].wait, WAIT_ATTEMPT);
    assert_int_equal(one[0].attempts, 1);
    assert_null(one[0].reason);
    fake_succeed(fake_running_one("both-one"));
    world_turn(&world);
    look(7, 2);
    for (size_t i = 0; i < 2; i++) {
        bool is_far = strcmp(deliveries.all[i].registration, "far") == 0;

        assert_int_equal(deliveries.all[i].wait,
                         is_far ? WAIT_ATTEMPT : WAIT_COMMIT);
    }
    commit();
    one = look(7, 1); /* the committed one is not listed */
    assert_string_equal(one->registration, "far");
    assert_string_equal(delivery_wait_name(one->wait), "attempt_in_flight");
    done();
}

static void delivery__waits_for_the_end_of_its_backoff(void **state)
{
    const struct status_delivery *one;

    begin_ready();
    record(7, "one");
    fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    world_turn(&world);
    one = look(7, 1);
    assert_int_equal(one->wait, WAIT_BACKOFF);
    assert_true(one->next_ms > 0);
    assert_non_null(one->reason);
    done();
}

static void delivery__waits_for_an_endpoint_that_is_down(void **state)
{
    const struct status_delivery *one;

    begin_ready();
    for (int64_t i = 0; i < 6; i++) {
        record(i, "one");
    }
    while (fake_running("one") > 0) {
        fake_fail(fake_running_one("one"), ERROR_UNREACHABLE, 0, 0);
    }
    one = look(3, 1);
    assert_int_equal(one->wait, WAIT_DOWN);
    assert_string_equal(one->endpoint, "h1");
    assert_true(one->since_ms > 0);
    assert_true(one->next_ms >= one->since_ms);
    done();
}

static void delivery__waits_for_credentials_that_are_accepted(void **state)
{
    const struct status_delivery *one;

    begin_ready();
    for (int64_t i = 0; i < 5; i++) {
        record(i, "one");
    }
    while (fake_running("one") > 0) {
        fake_fail(fake_running_one("one"), ERROR_AUTH, 401, 0);
    }
    one = look(4, 1);
    assert_int_equal(one->wait, WAIT_HOLD);
    assert_true(one->since_ms > 0);
    assert_non_null(one->reason);
    done();
}

static void delivery__waits_until_the_requested_pause_is_over(void **state)
{
    const struct status_delivery *one;

    begin_ready();
    record(7, "far");
    fake_fail(fake_running_one("far"), ERROR_RATE_LIMITED, 429, 30000);
    world_turn(&world);
    one = look(7, 1);
    assert_int_equal(one->wait, WAIT_PAUSE);
    assert_true(one->next_ms >= one->since_ms + 29000);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__is_known_while_it_is_in_memory),
        cmocka_unit_test(
            delivery__waits_for_its_attempt_and_then_for_its_commit),
        cmocka_unit_test(delivery__waits_for_the_end_of_its_backoff),
        cmocka_unit_test(delivery__waits_for_an_endpoint_that_is_down),
        cmocka_unit_test(delivery__waits_for_credentials_that_are_accepted),
        cmocka_unit_test(delivery__waits_until_the_requested_pause_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
