#include "asserts.h"
#include "pipeline/policy.h"

static size_t take_all(struct budget *budget, uint64_t now)
{
    size_t taken = 0;

    while (taken < 100 && budget_take(budget, now)) {
        taken++;
    }
    return taken;
}

/* Starts at 1000 with an empty budget. */
static struct budget empty(void)
{
    struct budget budget;

    budget_init(&budget, 1000);
    take_all(&budget, 1000);
    return budget;
}

static void budget__begins_with_twenty(void **state)
{
    struct budget budget;

    budget_init(&budget, 1000);
    assert_int_equal(take_all(&budget, 1000), 20);
}

static void budget__gets_one_each_second(void **state)
{
    static const struct {
        const char *label;
        uint64_t later;
        size_t taken;
    } table[] = {
        {"at once", 0, 0},
        {"almost a second", 999, 0},
        {"a second", 1000, 1},
        {"almost two", 1999, 1},
        {"nineteen", 19500, 19},
        {"as many as it holds", 20000, 20},
        {"no more than it holds", 21000, 20},
        {"after a year", 31536000000, 20},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct budget budget = empty();

        check_number(table[i].label, take_all(&budget, 1000 + table[i].later),
                     table[i].taken);
    }
}

static void budget__gets_one_for_ten_first_attempts(void **state)
{
    static const struct {
        const char *label;
        size_t attempts;
        size_t taken;
    } table[] = {
        {"none", 0, 0},    {"nine", 9, 0},       {"eleven", 11, 1},
        {"some", 105, 10}, {"many", 100000, 20},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct budget budget = empty();

        for (size_t n = 0; n < table[i].attempts; n++) {
            budget_earn(&budget);
        }
        check_number(table[i].label, take_all(&budget, 1000), table[i].taken);
    }
}

/* A request that is denied costs nothing. */
static void budget__starves_nobody_who_asks_often(void **state)
{
    struct budget budget = empty();
    size_t taken = 0;

    for (uint64_t now = 1000; now <= 61000; now++) {
        taken += budget_take(&budget, now);
    }
    assert_in_range(taken, 59, 60);
}

/* Retries that are allowed in an hour without first attempts */
static void budget__bounds_what_a_host_in_trouble_bears(void **state)
{
    struct budget budget;
    size_t taken = 0;

    budget_init(&budget, 0);
    for (uint64_t now = 0; now < 3600000; now += 100) {
        taken += take_all(&budget, now);
    }
    assert_in_range(taken, 3600, 3620);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget__begins_with_twenty),
        cmocka_unit_test(budget__gets_one_each_second),
        cmocka_unit_test(budget__gets_one_for_ten_first_attempts),
        cmocka_unit_test(budget__starves_nobody_who_asks_often),
        cmocka_unit_test(budget__bounds_what_a_host_in_trouble_bears),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
