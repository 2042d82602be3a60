#include "kafka/fencing.h"

#include "asserts.h"

/* The reason why a producer was fenced, and when it is a condition */

static const struct kafka_options own = {.group = "g"};
static const struct kafka_options shared = {.group = "g",
                                            .transactional_id = "slot-0"};

static struct error note(struct fencing *fencing,
                         const struct kafka_options *options, uint64_t now_ms)
{
    struct error err;

    error_set(&err, ERROR_UNAVAILABLE, "committing: fenced");
    fencing_note(fencing, options, now_ms, &err);
    return err;
}

static size_t judge(const struct fencing *fencing,
                    const struct kafka_options *options, uint64_t now_ms)
{
    struct condition_list list = {0};
    size_t count;

    fencing_judge(fencing, options, now_ms, &list);
    count = list.count;
    condition_list_release(&list);
    return count;
}

static void the_message_names_the_probable_cause(void **state)
{
    struct fencing fencing = {0};
    struct error err = note(&fencing, &shared, 1000);

    check_contains("shared", err.message, "committing: fenced (another");
    check_contains("shared", err.message, "'slot-0', kafka.transactional_id");
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    err = note(&fencing, &own, 2000);
    check_contains("own", err.message, "took more than 10 s");
}

static void an_id_that_is_shared_is_a_condition_while_it_goes_on(void **state)
{
    struct fencing fencing = {0};

    assert_int_equal(judge(&fencing, &shared, 500), 0);
    note(&fencing, &shared, 1000);
    assert_int_equal(judge(&fencing, &shared, 1500), 0);
    note(&fencing, &shared, 2000);
    assert_int_equal(judge(&fencing, &shared, 2500), 1);
    assert_int_equal(judge(&fencing, &own, 2500), 0);
    assert_int_equal(judge(&fencing, &shared, 601000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_names_the_probable_cause),
        cmocka_unit_test(an_id_that_is_shared_is_a_condition_while_it_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
