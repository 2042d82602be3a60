/* snapshot.h with brokers that refuse requests, in librdkafka's mock cluster.
 * Reading is tested with a real Kafka. */

#include "kafka_world.h"
#include "waybill/snapshot.h"

#define API_OFFSET_FETCH 9

static void a_refusal_of_offsets_names_their_group(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct kafka_options options = {
        .brokers = world.cluster.brokers,
        .group = "readers",
        .topic = EVENTS,
    };
    struct snapshot_commit commits[PARTITIONS];
    struct snapshot *snapshot;
    struct error err;

    assert_int_equal(snapshot_open(&options, &snapshot, &err), 0);
    inject(&world.cluster,
           &(struct failure){"", API_OFFSET_FETCH,
                             RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1});
    assert_int_equal(snapshot_committed(snapshot, arena, commits, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECTED);
    assert_true(strncmp(err.message, "group 'readers': ", 17) == 0);
    assert_non_null(strstr(err.message, "--operation Read --group readers"));
    snapshot_free(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KAFKA_TEST(a_refusal_of_offsets_names_their_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
