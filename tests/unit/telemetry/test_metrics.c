/* The exposition format 0.0.4, as far as it is used. */

#include "asserts.h"
#include "waybill/metrics.h"

static const struct histogram_bounds bounds = {3, {0.05, 1, 10}};

static void metrics__escapes_what_the_format_says(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    const struct metric_label labels[] = {{"a", "x\\y\"z\n"}, {"b", ""}};

    metrics_begin(&out, "n_total", "counter", "Says \"it\" \\ in\ntwo.");
    metrics_append(&out, "n_total", labels, 2, 3);
    assert_string_equal(out.data, "# HELP n_total Says \"it\" \\\\ in\\ntwo.\n"
                                  "# TYPE n_total counter\n"
                                  "n_total{a=\"x\\\\y\\\"z\\n\",b=\"\"} 3\n");
}

static void metrics__writes_large_counts_and_small_fractions_plainly(
    void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    metrics_append(&out, "n", NULL, 0, 0);
    metrics_append(&out, "n", NULL, 0, 123456789012);
    metrics_append(&out, "n", NULL, 0, 1767323045.678);
    metrics_append(&out, "n", NULL, 0, 0.05);
    assert_string_equal(out.data, "n 0\nn 123456789012\nn 1767323045.678\n"
                                  "n 0.05\n");
}

static void histogram__counts_a_bound_with_what_is_below_it(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    const struct metric_label label = {"r", "ghcr"};
    struct histogram histogram;

    histogram_init(&histogram, &bounds);
    histogram_observe(&histogram, 0.05);
    histogram_observe(&histogram, 0.06);
    histogram_observe(&histogram, 1);
    histogram_observe(&histogram, 11);
    metrics_append_histogram(&out, "t", &label, 1, &histogram);
    assert_string_equal(out.data, "t_bucket{r=\"ghcr\",le=\"0.05\"} 1\n"
                                  "t_bucket{r=\"ghcr\",le=\"1\"} 3\n"
                                  "t_bucket{r=\"ghcr\",le=\"10\"} 3\n"
                                  "t_bucket{r=\"ghcr\",le=\"+Inf\"} 4\n"
                                  "t_sum{r=\"ghcr\"} 12.11\n"
                                  "t_count{r=\"ghcr\"} 4\n");
}

static void histogram__is_complete_while_nothing_was_seen(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct histogram histogram;

    histogram_init(&histogram, &bounds);
    metrics_append_histogram(&out, "t", NULL, 0, &histogram);
    assert_string_equal(out.data, "t_bucket{le=\"0.05\"} 0\n"
                                  "t_bucket{le=\"1\"} 0\n"
                                  "t_bucket{le=\"10\"} 0\n"
                                  "t_bucket{le=\"+Inf\"} 0\n"
                                  "t_sum 0\n"
                                  "t_count 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics__escapes_what_the_format_says),
        cmocka_unit_test(
            metrics__writes_large_counts_and_small_fractions_plainly),
        cmocka_unit_test(histogram__counts_a_bound_with_what_is_below_it),
        cmocka_unit_test(histogram__is_complete_while_nothing_was_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
