#include "dead_letter_list.h"
#include "waybill/dead_letter_statistics.h"

static void statistics__count_what_matches(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct dead_letter_statistics statistics;
    struct sample sample;

    sample_init(&sample);
    dead_letter_list_put(list, &sample, 0, 1);
    sample_set(&sample, "waybill-error-class", "schema");
    sample_set(&sample, "waybill-error-code", NULL);
    sample_set(&sample, "waybill-last-failure", "2026-01-01T00:00:00.000Z");
    dead_letter_list_put(list, &sample, 0, 2);
    dead_letter_list_put(list, &sample, 0, 3);
    dead_letter_list_put(list, &sample, 0, 4);
    dead_letter_list_sort(list);
    list->all[3].matches = false;
    list->all[1].state = DEAD_LETTER_REPLAYED;
    dead_letter_list_count(list, &statistics);
    assert_int_equal(statistics.total, 3);
    assert_int_equal(statistics.states[DEAD_LETTER_WAITING], 2);
    assert_int_equal(statistics.states[DEAD_LETTER_REPLAYED], 1);
    assert_int_equal(statistics.classes.count, 2);
    assert_string_equal(statistics.classes.rows[0].text, "schema");
    assert_int_equal(statistics.classes.rows[0].count, 2);
    assert_null(statistics.codes.rows[0].text);
    assert_int_equal(statistics.integrations.rows[0].count, 3);
    assert_true(dead_letter_is_settled(&list->all[1]));
    assert_false(dead_letter_is_settled(&list->all[0]));
    assert_int_equal(statistics.oldest->offset, 2);
    assert_int_equal(statistics.newest->offset, 1);
    dead_letter_statistics_release(&statistics);
}

static void statistics__of_nothing_are_empty(void **state)
{
    CLEANUP(release_dead_letters) struct dead_letter_list *list = dead_letter_list_new();
    struct dead_letter_statistics statistics;

    dead_letter_list_sort(list);
    dead_letter_list_count(list, &statistics);
    assert_int_equal(statistics.total, 0);
    assert_null(statistics.oldest);
    dead_letter_statistics_release(&statistics);
}

static void tally__has_an_end(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct tally tally = {0};
    size_t sum = 0;

    for (int i = 0; i < 3000; i++) {
        tally_add(&tally, arena_printf(arena, "%d", i));
    }
    tally_sort(&tally);
    assert_true(tally.count <= 1001);
    assert_string_equal(tally.rows[0].text, "(others)");
    for (size_t i = 0; i < tally.count; i++) {
        sum += tally.rows[i].count;
    }
    assert_int_equal(sum, 3000);
    tally_release(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics__count_what_matches),
        cmocka_unit_test(statistics__of_nothing_are_empty),
        cmocka_unit_test(tally__has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
