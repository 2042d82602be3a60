#include "asserts.h"
#include "pipeline/samples.h"

static struct samples samples;
static struct service_counts counts;
static struct status_samples got;

static int begin(void **state)
{
    counts = (struct service_counts){0};
    samples_init(&samples, 5000);
    return 0;
}

static const struct status_sample *last(void)
{
    samples_get(&samples, &got);
    assert_true(got.count > 0);
    return &got.items[got.count - 1];
}

static void sample__is_taken_every_ten_seconds(void **state)
{
    samples_tick(&samples, &counts, 14999);
    samples_get(&samples, &got);
    assert_int_equal(got.count, 0);
    samples_tick(&samples, &counts, 15000);
    samples_tick(&samples, &counts, 24999);
    samples_get(&samples, &got);
    assert_int_equal(got.count, 1);
}

static void sample__holds_what_was_counted_in_its_interval(void **state)
{
    counts.consumed = 3;
    counts.deliveries[OUTCOME_SUCCEEDED] = 20;
    counts.deliveries[OUTCOME_FAILED] = 1;
    samples_tick(&samples, &counts, 15000);
    counts.consumed = 4;
    counts.deliveries[OUTCOME_SUCCEEDED] = 22;
    samples_tick(&samples, &counts, 25500);
    assert_int_equal(last()->consumed, 1);
    assert_int_equal(last()->succeeded, 2);
    assert_int_equal(last()->failed, 0);
    assert_int_equal(got.items[0].succeeded, 20);
    assert_int_equal(got.items[0].failed, 1);
}

static void sample__estimates_durations_to_one_sixteenth(void **state)
{
    static const uint64_t durations[] = {0,   1,    15,    16,     17,
                                         100, 1000, 12345, 999999, UINT32_MAX};

    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        uint64_t ms = durations[i];

        samples_observe(&samples, ms);
        samples_tick(&samples, &counts, 15000 + 10000 * i);
        assert_true(last()->median_ms + ms / 16 >= ms);
        assert_true(last()->median_ms <= ms + ms / 16);
        assert_int_equal(last()->p95_ms, last()->median_ms);
    }
}

static void sample__tells_the_usual_from_the_slowest(void **state)
{
    for (int i = 0; i < 90; i++) {
        samples_observe(&samples, 10);
    }
    for (int i = 0; i < 10; i++) {
        samples_observe(&samples, UINT64_MAX);
    }
    samples_tick(&samples, &counts, 15000);
    assert_int_equal(last()->median_ms, 10);
    assert_true(last()->p95_ms > UINT32_MAX / 16 * 15);
    samples_tick(&samples, &counts, 25000); /* they belonged to the first */
    assert_int_equal(last()->median_ms, 0);
}

static void samples__are_of_the_last_fifteen_minutes(void **state)
{
    for (uint64_t i = 1; i <= STATUS_SAMPLES + 5; i++) {
        counts.consumed += i;
        samples_tick(&samples, &counts, 5000 + i * STATUS_SAMPLE_MS);
    }
    assert_int_equal(last()->consumed, STATUS_SAMPLES + 5);
    assert_int_equal(got.count, STATUS_SAMPLES);
    assert_int_equal(got.items[0].consumed, 6);
}

static void samples__of_intervals_that_passed_unnoticed_are_empty(void **state)
{
    counts.consumed = 7;
    samples_tick(&samples, &counts, 35001);
    samples_get(&samples, &got);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.items[0].consumed, 7);
    assert_int_equal(got.items[2].consumed, 0);
    assert_true(samples.begin_ms == 35000);
}

static void samples__survive_a_year_without_a_tick(void **state)
{
    uint64_t year_ms = 365ULL * 86400 * 1000;

    samples_tick(&samples, &counts, year_ms + 1);
    samples_get(&samples, &got);
    assert_int_equal(got.count, STATUS_SAMPLES);
    assert_true(samples.begin_ms + STATUS_SAMPLE_MS > year_ms);
    assert_true(samples.begin_ms <= year_ms + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sample__is_taken_every_ten_seconds, begin),
        cmocka_unit_test_setup(sample__holds_what_was_counted_in_its_interval,
                               begin),
        cmocka_unit_test_setup(sample__estimates_durations_to_one_sixteenth,
                               begin),
        cmocka_unit_test_setup(sample__tells_the_usual_from_the_slowest, begin),
        cmocka_unit_test_setup(samples__are_of_the_last_fifteen_minutes, begin),
        cmocka_unit_test_setup(
            samples__of_intervals_that_passed_unnoticed_are_empty, begin),
        cmocka_unit_test_setup(samples__survive_a_year_without_a_tick, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
