#include "dead_letter_list.h"

static const struct replay_policy policy = {
    .group = "g", .max_replays = 5, .limit = SIZE_MAX};

static enum dead_letter_state state_at(const struct dead_letter_list *list,
                                  int32_t partition, int64_t offset)
{
    const struct dead_letter *dead_letter = dead_letter_list_find(list, partition, offset);

    assert_non_null(dead_letter);
    return dead_letter->state;
}

static void dead_letter_list__are_found_where_they_stand(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct sample sample;

    dead_letter_list_sort(list);
    assert_null(dead_letter_list_find(list, 0, 0));
    sample_init(&sample);
    dead_letter_list_put(list, &sample, 1, 5);
    dead_letter_list_put(list, &sample, 0, 9);
    dead_letter_list_put(list, &sample, 1, 3);
    dead_letter_list_sort(list);
    assert_int_equal(list->all[0].offset, 9);
    assert_int_equal(list->all[1].offset, 3);
    assert_int_equal(dead_letter_list_find(list, 1, 5)->offset, 5);
    assert_null(dead_letter_list_find(list, 0, 5));
}

static void dead_letter_list__keep_the_newest_of_a_delivery(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct sample sample;

    sample_init(&sample);
    dead_letter_list_put(list, &sample, 0, 1);
    sample_set(&sample, "waybill-last-failure", "2026-01-02T03:05:00.000Z");
    dead_letter_list_put(list, &sample, 1, 0);
    sample_set(&sample, "waybill-last-failure", "2026-01-02T03:06:00.000Z");
    dead_letter_list_put(list, &sample, 0, 7);
    /* Another attachment is another delivery, and so is another record. */
    sample_set(&sample, "waybill-attachment", "ghcr:w2");
    dead_letter_list_put(list, &sample, 0, 2);
    sample_set(&sample, "waybill-offset", "43");
    dead_letter_list_put(list, &sample, 0, 3);
    dead_letter_list_sort(list);
    dead_letter_list_supersede(list);
    assert_int_equal(state_at(list, 0, 1), DEAD_LETTER_SUPERSEDED);
    assert_int_equal(state_at(list, 1, 0), DEAD_LETTER_SUPERSEDED);
    assert_int_equal(state_at(list, 0, 7), DEAD_LETTER_WAITING);
    assert_int_equal(state_at(list, 0, 2), DEAD_LETTER_WAITING);
    assert_int_equal(state_at(list, 0, 3), DEAD_LETTER_WAITING);
    assert_ptr_equal(dead_letter_list_find(list, 0, 1)->newer,
                     dead_letter_list_find(list, 0, 7));
    assert_ptr_equal(dead_letter_list_find(list, 1, 0)->newer,
                     dead_letter_list_find(list, 0, 7));
}

static void dead_letter_list__count_more_replays_as_newer(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct sample sample;

    sample_init(&sample);
    dead_letter_list_put(list, &sample, 0, 9);
    sample_add(&sample, "waybill-replays", "1");
    dead_letter_list_put(list, &sample, 0, 1);
    dead_letter_list_sort(list);
    dead_letter_list_supersede(list);
    assert_int_equal(state_at(list, 0, 9), DEAD_LETTER_SUPERSEDED);
    assert_int_equal(state_at(list, 0, 1), DEAD_LETTER_WAITING);
}

static void dead_letter_list__that_cannot_be_read_supersede_nothing(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct sample sample;

    sample_init(&sample);
    sample_set(&sample, "waybill-offset", NULL);
    dead_letter_list_put(list, &sample, 0, 1);
    dead_letter_list_put(list, &sample, 0, 2);
    dead_letter_list_sort(list);
    dead_letter_list_supersede(list);
    dead_letter_list_exclude(list, &policy);
    dead_letter_list_choose(list, &policy);
    for (size_t i = 0; i < list->count; i++) {
        assert_int_equal(list->all[i].state, DEAD_LETTER_UNREADABLE);
        assert_false(list->all[i].chosen);
    }
}

static void dead_letter_list__are_set_apart(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct replay_policy force = policy;
    struct sample sample;

    sample_init(&sample);
    sample_add(&sample, "waybill-replays", "4");
    dead_letter_list_put(list, &sample, 0, 1);
    sample_set(&sample, "waybill-offset", "43");
    sample_set(&sample, "waybill-replays", "5");
    dead_letter_list_put(list, &sample, 0, 2);
    sample_set(&sample, "waybill-group", "another");
    dead_letter_list_put(list, &sample, 0, 3);
    sample_set(&sample, "waybill-group", NULL);
    dead_letter_list_put(list, &sample, 0, 4);
    dead_letter_list_sort(list);
    force.force = true;
    dead_letter_list_exclude(list, &force);
    assert_int_equal(state_at(list, 0, 2), DEAD_LETTER_WAITING);
    dead_letter_list_exclude(list, &policy);
    assert_int_equal(state_at(list, 0, 1), DEAD_LETTER_WAITING);
    assert_int_equal(state_at(list, 0, 2), DEAD_LETTER_QUARANTINED);
    assert_int_equal(state_at(list, 0, 3), DEAD_LETTER_FOREIGN);
    assert_int_equal(state_at(list, 0, 4), DEAD_LETTER_FOREIGN);
}

static void dead_letter_list__are_chosen_by_age_up_to_the_limit(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct replay_policy two = policy;
    struct sample sample;

    sample_init(&sample);
    dead_letter_list_put(list, &sample, 0, 1);
    sample_set(&sample, "waybill-offset", "1");
    sample_set(&sample, "waybill-last-failure", "2026-01-02T03:00:00.000Z");
    dead_letter_list_put(list, &sample, 0, 2);
    sample_set(&sample, "waybill-offset", "2");
    sample_set(&sample, "waybill-last-failure", "2026-01-02T02:00:00.000Z");
    dead_letter_list_put(list, &sample, 1, 1);
    sample_set(&sample, "waybill-offset", "3");
    sample_set(&sample, "waybill-last-failure", "2026-01-02T01:00:00.000Z");
    dead_letter_list_put(list, &sample, 1, 2);
    dead_letter_list_sort(list);
    dead_letter_list_find(list, 1, 2)->matches = false;
    two.limit = 2;
    dead_letter_list_choose(list, &two);
    assert_false(dead_letter_list_find(list, 0, 1)->chosen);
    assert_true(dead_letter_list_find(list, 0, 2)->chosen);
    assert_true(dead_letter_list_find(list, 1, 1)->chosen);
    assert_false(dead_letter_list_find(list, 1, 2)->chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_letter_list__are_found_where_they_stand),
        cmocka_unit_test(dead_letter_list__keep_the_newest_of_a_delivery),
        cmocka_unit_test(dead_letter_list__count_more_replays_as_newer),
        cmocka_unit_test(dead_letter_list__that_cannot_be_read_supersede_nothing),
        cmocka_unit_test(dead_letter_list__are_set_apart),
        cmocka_unit_test(dead_letter_list__are_chosen_by_age_up_to_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
