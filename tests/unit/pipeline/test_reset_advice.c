#include "pipeline/reset_advice.h"

#include "asserts.h"

/* The offset to continue from, after records were deleted unread */

static const struct kafka_options options = {
    .brokers = "b:9092",
    .group = "g",
    .topic = "in",
};

static void check_advice(const char *label, const int64_t done[], size_t count,
                         int64_t first, const char *const parts[])
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct progress progress = {.watermark = 100, .dispatched = 200};

    for (size_t i = 0; i < count; i++) {
        offset_set_add(&progress.done, done[i]);
    }
    append_reset_advice(&progress, &options, 3, first, &out);
    for (size_t i = 0; parts[i] != NULL; i++) {
        check_contains(label, out.data, parts[i]);
    }
    progress_release(&progress);
}

static void it_is_the_first_offset_if_nothing_is_done_after_it(void **state)
{
    const int64_t done[] = {101, 105};
    const char *const parts[] = {
        "Up to 48 offsets were deleted before delivery, from 100 on", "Continue at offset 150",
        "kafka-consumer-groups.sh --bootstrap-server b:9092 --group g --topic "
        "in:3 --reset-offsets --to-offset 150 --execute",
        "Nothing is delivered twice", NULL};

    check_advice("none", done, ARRAY_SIZE(done), 150, parts);
}

static void it_is_after_what_is_done_already(void **state)
{
    const int64_t done[] = {149, 150, 151, 152};
    const char *const parts[] = {"Continue at offset 153",
                                 "Nothing is delivered twice", NULL};

    check_advice("a run", done, ARRAY_SIZE(done), 150, parts);
}

static void both_choices_are_named_if_none_is_perfect(void **state)
{
    const int64_t done[] = {150, 152, 155};
    const char *const parts[] = {"Continue at offset 151", "of 2 records",
                                 "Offset 156 repeats none", NULL};

    check_advice("gaps", done, ARRAY_SIZE(done), 150, parts);
}

static void a_delivery_that_is_done_counts(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct progress progress = {.watermark = 100, .dispatched = 200};

    progress_add_delivery(&progress, 7, 160);
    append_reset_advice(&progress, &options, 3, 150, &out);
    check_contains("part", out.data, "Continue at offset 150");
    check_contains("part", out.data, "Offset 161 repeats none");
    progress_release(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_first_offset_if_nothing_is_done_after_it),
        cmocka_unit_test(it_is_after_what_is_done_already),
        cmocka_unit_test(both_choices_are_named_if_none_is_perfect),
        cmocka_unit_test(a_delivery_that_is_done_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
