#include "asserts.h"
#include "waybill/random.h"

/* SplitMix64's reference implementation, seed 1234567 */
static void random__is_splitmix64(void **state)
{
    static const uint64_t expected[] = {
        6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
        4593380528125082431U, 16408922859458223821U};
    struct random random;

    random_seed(&random, 1234567);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_true(random_next(&random) == expected[i]);
    }
}

static void random__gives_the_same_run_for_the_same_seed(void **state)
{
    struct random one;
    struct random other;

    random_seed(&one, 7);
    random_seed(&other, 7);
    for (int i = 0; i < 100; i++) {
        assert_true(random_below(&one, 1000) == random_below(&other, 1000));
    }
}

static void random__stays_below_its_bound_and_reaches_all_of_it(void **state)
{
    struct random random;
    unsigned seen = 0;

    random_seed(&random, 1);
    for (int i = 0; i < 1000; i++) {
        uint64_t number = random_below(&random, 10);

        assert_true(number < 10);
        seen |= 1U << number;
    }
    assert_int_equal(seen, 0x3FF);
    assert_int_equal(random_below(&random, 0), 0);
    assert_int_equal(random_below(&random, 1), 0);
}

static void random__differs_from_start_to_start(void **state)
{
    struct random one;
    struct random other;

    random_seed_from_system(&one);
    random_seed_from_system(&other);
    assert_true(random_next(&one) != random_next(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random__is_splitmix64),
        cmocka_unit_test(random__gives_the_same_run_for_the_same_seed),
        cmocka_unit_test(random__stays_below_its_bound_and_reaches_all_of_it),
        cmocka_unit_test(random__differs_from_start_to_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
