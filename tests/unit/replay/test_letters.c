#include "letters.h"

static const struct replay_policy policy = {
    .group = "g", .max_replays = 5, .limit = SIZE_MAX};

static enum letter_state state_at(const struct letters *letters,
                                  int32_t partition, int64_t offset)
{
    const struct dead_letter *letter = letters_find(letters, partition, offset);

    assert_non_null(letter);
    return letter->state;
}

static void letters__are_found_where_they_stand(void **state)
{
    CLEANUP(release_letters) struct letters *letters = letters_new();
    struct sample sample;

    letters_sort(letters);
    assert_null(letters_find(letters, 0, 0));
    sample_init(&sample);
    letters_put(letters, &sample, 1, 5);
    letters_put(letters, &sample, 0, 9);
    letters_put(letters, &sample, 1, 3);
    letters_sort(letters);
    assert_int_equal(letters->all[0].offset, 9);
    assert_int_equal(letters->all[1].offset, 3);
    assert_int_equal(letters_find(letters, 1, 5)->offset, 5);
    assert_null(letters_find(letters, 0, 5));
}

static void letters__keep_the_newest_of_a_delivery(void **state)
{
    CLEANUP(release_letters) struct letters *letters = letters_new();
    struct sample sample;

    sample_init(&sample);
    letters_put(letters, &sample, 0, 1);
    sample_set(&sample, "waybill-last-failure", "2026-01-02T03:05:00.000Z");
    letters_put(letters, &sample, 1, 0);
    sample_set(&sample, "waybill-last-failure", "2026-01-02T03:06:00.000Z");
    letters_put(letters, &sample, 0, 7);
    /* Another attachment is another delivery, and so is another record. */
    sample_set(&sample, "waybill-attachment", "ghcr:w2");
    letters_put(letters, &sample, 0, 2);
    sample_set(&sample, "waybill-offset", "43");
    letters_put(letters, &sample, 0, 3);
    letters_sort(letters);
    letters_supersede(letters);
    assert_int_equal(state_at(letters, 0, 1), LETTER_SUPERSEDED);
    assert_int_equal(state_at(letters, 1, 0), LETTER_SUPERSEDED);
    assert_int_equal(state_at(letters, 0, 7), LETTER_WAITING);
    assert_int_equal(state_at(letters, 0, 2), LETTER_WAITING);
    assert_int_equal(state_at(letters, 0, 3), LETTER_WAITING);
    assert_ptr_equal(letters_find(letters, 0, 1)->newer,
                     letters_find(letters, 0, 7));
    assert_ptr_equal(letters_find(letters, 1, 0)->newer,
                     letters_find(letters, 0, 7));
}

static void letters__count_more_replays_as_newer(void **state)
{
    CLEANUP(release_letters) struct letters *letters = letters_new();
    struct sample sample;

    sample_init(&sample);
    letters_put(letters, &sample, 0, 9);
    sample_add(&sample, "waybill-replays", "1");
    letters_put(letters, &sample, 0, 1);
    letters_sort(letters);
    letters_supersede(letters);
    assert_int_equal(state_at(letters, 0, 9), LETTER_SUPERSEDED);
    assert_int_equal(state_at(letters, 0, 1), LETTER_WAITING);
}

static void letters__that_cannot_be_read_supersede_nothing(void **state)
{
    CLEANUP(release_letters) struct letters *letters = letters_new();
    struct sample sample;

    sample_init(&sample);
    sample_set(&sample, "waybill-offset", NULL);
    letters_put(letters, &sample, 0, 1);
    letters_put(letters, &sample, 0, 2);
    letters_sort(letters);
    letters_supersede(letters);
    letters_set_apart(letters, &policy);
    letters_choose(letters, &policy);
    for (size_t i = 0; i < letters->count; i++) {
        assert_int_equal(letters->all[i].state, LETTER_UNREADABLE);
        assert_false(letters->all[i].chosen);
    }
}

static void letters__are_set_apart(void **state)
{
    CLEANUP(release_letters) struct letters *letters = letters_new();
    struct replay_policy force = policy;
    struct sample sample;

    sample_init(&sample);
    sample_add(&sample, "waybill-replays", "4");
    letters_put(letters, &sample, 0, 1);
    sample_set(&sample, "waybill-offset", "43");
    sample_set(&sample, "waybill-replays", "5");
    letters_put(letters, &sample, 0, 2);
    sample_set(&sample, "waybill-group", "another");
    letters_put(letters, &sample, 0, 3);
    sample_set(&sample, "waybill-group", NULL);
    letters_put(letters, &sample, 0, 4);
    letters_sort(letters);
    force.force = true;
    letters_set_apart(letters, &force);
    assert_int_equal(state_at(letters, 0, 2), LETTER_WAITING);
    letters_set_apart(letters, &policy);
    assert_int_equal(state_at(letters, 0, 1), LETTER_WAITING);
    assert_int_equal(state_at(letters, 0, 2), LETTER_QUARANTINED);
    assert_int_equal(state_at(letters, 0, 3), LETTER_FOREIGN);
    assert_int_equal(state_at(letters, 0, 4), LETTER_FOREIGN);
}

static void letters__are_chosen_by_age_up_to_the_limit(void **state)
{
    CLEANUP(release_letters) struct letters *letters = letters_new();
    struct replay_policy two = policy;
    struct sample sample;

    sample_init(&sample);
    letters_put(letters, &sample, 0, 1);
    sample_set(&sample, "waybill-offset", "1");
    sample_set(&sample, "waybill-last-failure", "2026-01-02T03:00:00.000Z");
    letters_put(letters, &sample, 0, 2);
    sample_set(&sample, "waybill-offset", "2");
    sample_set(&sample, "waybill-last-failure", "2026-01-02T02:00:00.000Z");
    letters_put(letters, &sample, 1, 1);
    sample_set(&sample, "waybill-offset", "3");
    sample_set(&sample, "waybill-last-failure", "2026-01-02T01:00:00.000Z");
    letters_put(letters, &sample, 1, 2);
    letters_sort(letters);
    letters_find(letters, 1, 2)->matches = false;
    two.limit = 2;
    letters_choose(letters, &two);
    assert_false(letters_find(letters, 0, 1)->chosen);
    assert_true(letters_find(letters, 0, 2)->chosen);
    assert_true(letters_find(letters, 1, 1)->chosen);
    assert_false(letters_find(letters, 1, 2)->chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters__are_found_where_they_stand),
        cmocka_unit_test(letters__keep_the_newest_of_a_delivery),
        cmocka_unit_test(letters__count_more_replays_as_newer),
        cmocka_unit_test(letters__that_cannot_be_read_supersede_nothing),
        cmocka_unit_test(letters__are_set_apart),
        cmocka_unit_test(letters__are_chosen_by_age_up_to_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
