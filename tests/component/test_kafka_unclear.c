/* kafka.h: transactions whose result is not known at first */

#include "kafka_world.h"

/* --- failures that the mock broker cannot cause ------------------------------
 */

/* The linker replaces the functions of librdkafka by these (--wrap). */
rd_kafka_error_t *__real_rd_kafka_commit_transaction(rd_kafka_t *client,
                                                     int timeout_ms);
rd_kafka_error_t *__wrap_rd_kafka_commit_transaction(rd_kafka_t *client,
                                                     int timeout_ms);
int __real_rd_kafka_error_is_retriable(const rd_kafka_error_t *error);
int __wrap_rd_kafka_error_is_retriable(const rd_kafka_error_t *error);
rd_kafka_resp_err_t __real_rd_kafka_committed(
    rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions,
    int timeout_ms);
rd_kafka_resp_err_t __wrap_rd_kafka_committed(
    rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions,
    int timeout_ms);
rd_kafka_resp_err_t __real_rd_kafka_assignment(
    rd_kafka_t *client, rd_kafka_topic_partition_list_t **partitions);
rd_kafka_resp_err_t __wrap_rd_kafka_assignment(
    rd_kafka_t *client, rd_kafka_topic_partition_list_t **partitions);
rd_kafka_error_t *__real_rd_kafka_init_transactions(rd_kafka_t *client,
                                                    int timeout_ms);
rd_kafka_error_t *__wrap_rd_kafka_init_transactions(rd_kafka_t *client,
                                                    int timeout_ms);

static int failing_commits; /* the number of calls that are still to fail */
static int failing_queries;
static bool is_nothing_assigned;
static int started_producers;

rd_kafka_error_t *__wrap_rd_kafka_commit_transaction(rd_kafka_t *client,
                                                     int timeout_ms)
{
    if (failing_commits > 0) {
        failing_commits--;
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT,
                                  "the response is late");
    }
    return __real_rd_kafka_commit_transaction(client, timeout_ms);
}

int __wrap_rd_kafka_error_is_retriable(const rd_kafka_error_t *error)
{
    return rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           __real_rd_kafka_error_is_retriable(error);
}

rd_kafka_resp_err_t __wrap_rd_kafka_committed(
    rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions,
    int timeout_ms)
{
    if (failing_queries > 0) {
        failing_queries--;
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    return __real_rd_kafka_committed(client, partitions, timeout_ms);
}

rd_kafka_resp_err_t __wrap_rd_kafka_assignment(
    rd_kafka_t *client, rd_kafka_topic_partition_list_t **partitions)
{
    if (is_nothing_assigned) {
        *partitions = rd_kafka_topic_partition_list_new(0);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return __real_rd_kafka_assignment(client, partitions);
}

rd_kafka_error_t *__wrap_rd_kafka_init_transactions(rd_kafka_t *client,
                                                    int timeout_ms)
{
    started_producers++;
    return __real_rd_kafka_init_transactions(client, timeout_ms);
}

/* --- tests ------------------------------------------------------------------
 */

/* The position of partition 0 that another client has committed before the
 * test. The mock does not store the offsets of transactions, so this remains
 * the committed position, whatever the transaction does. */
static void commit_before(int64_t offset, const char *metadata)
{
    const char *const pairs[] = {"bootstrap.servers", world.cluster.brokers,
                                 "group.id", "group", NULL};
    rd_kafka_t *client = new_client(RD_KAFKA_CONSUMER, pairs);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *position =
        rd_kafka_topic_partition_list_add(list, EVENTS, 0);

    position->offset = offset;
    position->metadata = strdup(metadata);
    position->metadata_size = strlen(metadata);
    assert_int_equal(rd_kafka_commit(client, list, 0),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

/* append_offset() writes "so far". */
static void commit_one(int64_t offset)
{
    struct member *member = &world.member;
    struct kafka_batch *batch = kafka_batch_new();
    struct message message = {.topic = OUTCOMES, .value = bytes_of("value")};

    kafka_batch_add_message(batch, &message);
    append_offset(batch, 0, offset);
    member->committed = false;
    kafka_commit(member->queue, batch);
    await(member, is_committed);
}

static const struct failure fenced = {
    "EndTxn", API_END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1};

/* The producer is fenced when it ends the transaction, and its successor asks
 * what is committed. */
static void lose_producer_during_commit(const char *committed_metadata)
{
    write_numbers(&world.cluster, 0, 40);
    commit_before(7, committed_metadata);
    join_whole();
    assert_int_equal(world.member.begins[0], 7);
    inject(&world.cluster, &fenced);
    commit_one(7);
}

/* Deliveries that finish above an open record change the metadata alone. */
static void a_commit_is_not_known_by_its_offset_alone(void **state)
{
    lose_producer_during_commit("before");
    assert_int_equal(world.member.result, KAFKA_ABORTED);
}

static void a_commit_that_stands_there_was_made(void **state)
{
    lose_producer_during_commit("so far");
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

/* As long as the result is not known, any answer would be a guess. */
static void a_commit_is_asked_for_until_there_is_an_answer(void **state)
{
    failing_queries = 2;
    lose_producer_during_commit("so far");
    assert_int_equal(failing_queries, 0);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

/* The new owner has committed there. */
static void a_partition_of_another_member_decides_nothing(void **state)
{
    write_numbers(&world.cluster, 0, 40);
    commit_before(7, "so far");
    join_whole();
    inject(&world.cluster, &fenced);
    is_nothing_assigned = true;
    commit_one(7);
    is_nothing_assigned = false;
    assert_int_equal(world.member.result, KAFKA_ABORTED);
}

/* An abort would discard what the broker may have committed already. */
static void a_commit_without_an_answer_is_repeated(void **state)
{
    join_whole();
    failing_commits = 3;
    commit_one(3);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
    assert_int_equal(failing_commits, 0);
}

/* The request may still arrive, and would then be a part of the next
 * transaction. */
static void a_producer_without_an_answer_is_replaced(void **state)
{
    static const struct failure lost = {"AddOffsetsToTxn", API_ADD_OFFSETS,
                                        RD_KAFKA_RESP_ERR__TRANSPORT, 1};

    join_whole();
    commit_one(3);
    started_producers = 0;
    commit_one(4);
    assert_int_equal(started_producers, 0);
    inject(&world.cluster, &lost);
    commit_one(5);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
    assert_int_equal(started_producers, 0);
    commit_one(6);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
    assert_int_equal(started_producers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KAFKA_TEST(a_commit_is_not_known_by_its_offset_alone),
        KAFKA_TEST(a_commit_that_stands_there_was_made),
        KAFKA_TEST(a_commit_is_asked_for_until_there_is_an_answer),
        KAFKA_TEST(a_partition_of_another_member_decides_nothing),
        KAFKA_TEST(a_commit_without_an_answer_is_repeated),
        KAFKA_TEST(a_producer_without_an_answer_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
