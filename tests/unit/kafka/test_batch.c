/* The content of a batch, and how its position is recognized. */

#include "asserts.h"
#include "kafka/batch.h"

/* A commit that leaves the offset where it was differs only by its metadata. If
 * the offset alone decided whether a transaction was committed, outcomes would
 * be lost. */
static void batch__position_is_recognized_by_offset_and_metadata(void **state)
{
    const struct kafka_position position = {.offset = 7, .metadata = "abc"};

    assert_true(batch_position_is(&position, 7, bytes_of("abc")));
    assert_false(batch_position_is(&position, 8, bytes_of("abc")));
    assert_false(batch_position_is(&position, 7, bytes_of("abd")));
    assert_false(batch_position_is(&position, 7, bytes_of("ab")));
    assert_false(batch_position_is(&position, 7, bytes_of("abcd")));
    assert_false(batch_position_is(&position, 7, bytes_of(NULL)));
}

static void batch__position_without_metadata_is_recognized(void **state)
{
    const struct kafka_position position = {.offset = 7, .metadata = ""};

    assert_true(batch_position_is(&position, 7, bytes_of("")));
    assert_true(batch_position_is(&position, 7, bytes_of(NULL)));
    assert_false(batch_position_is(&position, 7, bytes_of("a")));
}

static void batch__keeps_which_messages_are_isolated(void **state)
{
    struct kafka_batch *batch = kafka_batch_new();
    const struct message message = {.topic = "t"};

    for (int i = 0; i < 5; i++) {
        kafka_batch_add_message(batch, &message);
        if (i == 1 || i == 4) {
            kafka_batch_isolate(batch);
        }
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(batch_is_isolated(batch, i), i == 1 || i == 4);
    }
    kafka_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch__position_is_recognized_by_offset_and_metadata),
        cmocka_unit_test(batch__position_without_metadata_is_recognized),
        cmocka_unit_test(batch__keeps_which_messages_are_isolated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
