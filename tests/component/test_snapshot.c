/* snapshot.h where the brokers refuse, against librdkafka's mock cluster;
 * what it reads is tested on Kafka itself. */

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "asserts.h"
#include "waybill/snapshot.h"

#define API_OFFSET_FETCH 9

static void a_refusal_of_offsets_names_their_group(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(host, 1);
    struct queue_options options = {
        .brokers = rd_kafka_mock_cluster_bootstraps(mock),
        .group = "readers",
        .topic = "events",
    };
    struct snapshot_commit commit;
    struct snapshot *snapshot;
    struct error err;

    rd_kafka_mock_topic_create(mock, options.topic, 1, 1);
    assert_int_equal(snapshot_open(&options, &snapshot, &err), 0);
    rd_kafka_mock_push_request_errors(
        mock, API_OFFSET_FETCH, 1,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_int_equal(snapshot_committed(snapshot, arena, &commit, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECTED);
    assert_string_equal(err.message, "the offsets of group 'readers': Broker: "
                                     "Group authorization failed");
    snapshot_free(snapshot);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_of_offsets_names_their_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
