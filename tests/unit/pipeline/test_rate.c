#include "asserts.h"
#include "pipeline/policy.h"

/* An endpoint that accepts a limited rate and concurrency, and that responds
 * within ten milliseconds */
#define LATENCY_MS 10

struct model {
    double per_second; /* 0: any number */
    double burst;
    double tokens;
    uint64_t filled_ms;
    uint64_t pause_ms; /* requested with a refusal (Retry-After) */
};

/* The load of a sender with an endless backlog */
struct tally {
    size_t accepted;
    size_t refused;
};

static bool model_accepts(struct model *model, uint64_t now_ms)
{
    model->tokens +=
        (double)(now_ms - model->filled_ms) / 1000 * model->per_second;
    model->filled_ms = now_ms;
    if (model->tokens > model->burst) {
        model->tokens = model->burst;
    }
    if (model->per_second > 0 && model->tokens < 1) {
        return false;
    }
    model->tokens--;
    return true;
}

static struct tally send_for(struct rate *rate, struct model *model,
                             uint64_t *now_ms, uint64_t seconds)
{
    uint64_t until_ms = *now_ms + seconds * 1000;
    struct tally tally = {0};

    while (*now_ms < until_ms) {
        uint64_t begin_ms = rate_not_before_ms(rate, *now_ms);

        if (begin_ms > *now_ms) {
            *now_ms = begin_ms;
            continue;
        }
        rate_take(rate, false, *now_ms);
        *now_ms += LATENCY_MS;
        if (model_accepts(model, *now_ms)) {
            tally.accepted++;
            rate_accepted(rate, *now_ms);
        } else {
            tally.refused++;
            rate_refused(rate, *now_ms);
            *now_ms += model->pause_ms;
        }
    }
    return tally;
}

struct row {
    const char *label;
    struct model model;
    double max_refused; /* per cent, once it is known */
    double min_used;
};

static const struct row rows[] = {
    {"one a second", {1, 1, 0, 0, 0}, 3, 85},
    {"one a second, with a pause of a second", {1, 1, 0, 0, 1000}, 3, 85},
    {"one a second, with a pause of half a minute", {1, 1, 0, 0, 30000}, 3, 50},
    {"one a second, ten at once", {1, 10, 0, 0, 0}, 3, 85},
    {"one in three seconds", {1.0 / 3, 1, 0, 0, 0}, 8, 75},
    {"five a second", {5, 1, 0, 0, 0}, 3, 85},
    {"fifty a second", {50, 1, 0, 0, 0}, 3, 85},
    {"a hundred a minute", {100.0 / 60, 100, 0, 0, 20000}, 3, 75},
};

static void rate__finds_what_an_endpoint_takes(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        struct model model = row->model;
        struct rate rate = {0};
        uint64_t now_ms = 1000;
        struct tally tally;
        double refused;
        double used;

        send_for(&rate, &model, &now_ms, 120); /* it is learned */
        tally = send_for(&rate, &model, &now_ms, 3600);
        refused = 100.0 * (double)tally.refused /
                  (double)(tally.accepted + tally.refused);
        used = 100.0 * (double)tally.accepted / (row->model.per_second * 3600);
        check(row->label, refused <= row->max_refused);
        check(row->label, used >= row->min_used);
    }
}

/* At once it is sent what it accepts, and no more. */
static void rate__follows_an_endpoint_that_takes_less(void **state)
{
    struct model model = {20, 1, 0, 0, 0};
    struct rate rate = {0};
    uint64_t now_ms = 1000;
    struct tally tally;

    send_for(&rate, &model, &now_ms, 300);
    assert_true(rate_limit(&rate, now_ms) > 15);
    model.per_second = 1;
    send_for(&rate, &model, &now_ms, 60);
    assert_true(rate_limit(&rate, now_ms) < 2);
    tally = send_for(&rate, &model, &now_ms, 600);
    assert_in_range(tally.accepted, 480, 600);
    assert_in_range(tally.refused, 0, 24);
}

static void rate__is_lifted_when_an_endpoint_refuses_nothing_any_more(
    void **state)
{
    struct model model = {1, 1, 0, 0, 0};
    struct rate rate = {0};
    uint64_t now_ms = 1000;
    struct tally tally;

    send_for(&rate, &model, &now_ms, 300);
    assert_true(rate_limit(&rate, now_ms) > 0);
    model.per_second = 0;
    send_for(&rate, &model, &now_ms, 125);
    assert_true(rate_limit(&rate, now_ms) <= 0);
    tally = send_for(&rate, &model, &now_ms, 10);
    assert_true(tally.accepted > 900);
}

/* A single rejection may have many causes. */
static void rate__learns_nothing_from_a_single_refusal(void **state)
{
    struct rate rate = {0};

    rate_refused(&rate, 1000);
    rate_refused(&rate, 1001); /* sent together with the first one */
    rate_refused(&rate, 1999);
    assert_true(rate_limit(&rate, 2000) <= 0);
    assert_true(rate_not_before_ms(&rate, 2000) == 2000);
    rate_refused(&rate, 1000000); /* long after it */
    assert_true(rate_limit(&rate, 1000000) <= 0);
    rate_refused(&rate, 1002000);
    assert_true(rate_limit(&rate, 1002000) > 0);
    assert_true(rate_not_before_ms(&rate, 1002000) > 1002000);
}

/* An idle hour does not mean that the endpoint accepts one request an hour. */
static void rate__does_not_count_the_time_without_demand(void **state)
{
    struct model model = {10, 1, 0, 0, 0};
    struct rate rate = {0};
    uint64_t now_ms = 1000;

    send_for(&rate, &model, &now_ms, 60);
    for (int i = 0; i < 8; i++) {
        now_ms += 60000;
        rate_take(&rate, true, now_ms);
        rate_accepted(&rate, now_ms + LATENCY_MS);
    }
    rate_refused(&rate, now_ms + LATENCY_MS);
    assert_true(rate_limit(&rate, now_ms + LATENCY_MS) > 5);
}

/* However often it refuses, a limit that is too low is detected, too. */
static void rate__never_stops(void **state)
{
    struct rate rate = {0};
    uint64_t now_ms = 1000;

    for (int i = 0; i < 1000; i++) {
        now_ms = rate_not_before_ms(&rate, now_ms) + 1000;
        rate_take(&rate, false, now_ms);
        rate_refused(&rate, now_ms);
        assert_in_range(rate_not_before_ms(&rate, now_ms) - now_ms, 0, 11000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate__finds_what_an_endpoint_takes),
        cmocka_unit_test(rate__follows_an_endpoint_that_takes_less),
        cmocka_unit_test(
            rate__is_lifted_when_an_endpoint_refuses_nothing_any_more),
        cmocka_unit_test(rate__learns_nothing_from_a_single_refusal),
        cmocka_unit_test(rate__does_not_count_the_time_without_demand),
        cmocka_unit_test(rate__never_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
