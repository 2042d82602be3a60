/* kafka.h: batches that are written, and their possible results */

#include "kafka_world.h"
#include "shard.h"

/* --- batches ---------------------------------------------------------------
 */

static void a_batch_is_written_as_it_was_handed_in(void **state)
{
    int counts[ROWS] = {0};

    join_whole();
    commit(&world.member);
    assert_string_equal(world.member.err.message, "");
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
    read_topic(&world.cluster, OUTCOMES, count_row, counts);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(counts[i], 1);
    }
}

static void a_batch_of_offsets_alone_is_committed(void **state)
{
    struct kafka_batch *batch = kafka_batch_new();

    join_whole();
    append_offset(batch, 0, 1);
    kafka_commit(world.member.queue, batch);
    await(&world.member, is_committed);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

/* Responses of a broker, and what may happen to a response on its way */
static const struct failure failures[] = {
    {"Produce: not the leader", API_PRODUCE,
     RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 3},
    {"Produce: too large", API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
     1},
    {"Produce: the connection goes", API_PRODUCE, RD_KAFKA_RESP_ERR__TRANSPORT,
     1},
    {"Produce: an old epoch", API_PRODUCE,
     RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1},
    {"AddPartitionsToTxn: the one before is not over", API_ADD_PARTITIONS,
     RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3},
    {"AddPartitionsToTxn: not allowed", API_ADD_PARTITIONS,
     RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1},
    {"AddPartitionsToTxn: fenced", API_ADD_PARTITIONS,
     RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1},
    {"AddOffsetsToTxn: the coordinator loads", API_ADD_OFFSETS,
     RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 3},
    {"AddOffsetsToTxn: another coordinator", API_ADD_OFFSETS,
     RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 2},
    {"AddOffsetsToTxn: the connection goes", API_ADD_OFFSETS,
     RD_KAFKA_RESP_ERR__TRANSPORT, 1},
    {"AddOffsetsToTxn: not allowed", API_ADD_OFFSETS,
     RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1},
    {"AddOffsetsToTxn: a bad state", API_ADD_OFFSETS,
     RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1},
    {"TxnOffsetCommit: another generation", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 1},
    {"TxnOffsetCommit: not a member", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1},
    {"TxnOffsetCommit: the coordinator loads", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2},
    {"TxnOffsetCommit: the connection goes", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR__TRANSPORT, 1},
    {"EndTxn: no coordinator", API_END_TXN,
     RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 3},
    {"EndTxn: the connection goes", API_END_TXN, RD_KAFKA_RESP_ERR__TRANSPORT,
     1},
    {"EndTxn: an old epoch", API_END_TXN,
     RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 1},
    {"EndTxn: a bad state", API_END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
     1},
};

/* Either the failure goes unnoticed, or the batch is reported as aborted; when
 * the same results are submitted again, they are written. One failure may abort
 * two batches: librdkafka 2.0.2 first renews its producer id ("skipped sequence
 * numbers"). */
static void commit_in_the_end(const char *name)
{
    const struct member *member = &world.member;

    for (int tries = 0; tries < 5; tries++) {
        commit(&world.member);
        if (member->result == KAFKA_COMMITTED) {
            return;
        }
        assert_true(member->err.message[0] != '\0');
        assert_int_equal(member->err.kind, ERROR_UNAVAILABLE);
    }
    fail_msg("%s: still aborted: %s", name, member->err.message);
}

static void check_failure(const struct failure *failure)
{
    const struct cluster *cluster = &world.cluster;
    int counts[ROWS] = {0};
    int before[ROWS] = {0};

    read_topic(cluster, OUTCOMES, count_row, before);
    inject(cluster, failure);
    commit_in_the_end(failure->name);
    rd_kafka_mock_clear_request_errors(cluster->mock, failure->api);
    read_topic(cluster, OUTCOMES, count_row, counts);
    for (size_t i = 0; i < ROWS; i++) {
        if (counts[i] <= before[i]) {
            fail_msg("%s: %s was not written", failure->name, rows[i].label);
        }
    }
}

/* One member processes all of them, as it would in production. */
static int open_shared(void **state)
{
    world_open(state);
    join_whole();
    return 0;
}

static void a_failure_of_the_brokers_is_overcome(void **state)
{
    const struct failure *failure = *state;

    check_failure(failure);
    /* A later member is not affected. */
    commit_in_the_end(failure->name);
}

struct refusal {
    const char *name;
    int16_t api;
    rd_kafka_resp_err_t code;
    enum kafka_verdict verdict;
};

static const struct refusal refusals[] = {
    {"a message", API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
     KAFKA_REJECTED},
    {"a timestamp", API_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
     KAFKA_REJECTED},
    {"a record", API_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, KAFKA_REJECTED},
    {"an error that nobody expects", API_PRODUCE,
     RD_KAFKA_RESP_ERR_POLICY_VIOLATION, KAFKA_REJECTED},
    {"the topic", API_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
     KAFKA_REJECTED},
    {"some topic", API_ADD_PARTITIONS,
     RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_REJECTED},
    {"metadata", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, KAFKA_METADATA_TOO_LARGE},
    {"the generation", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, KAFKA_ABORTED},
    {"the epoch", API_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
     KAFKA_ABORTED},
};

/* Four messages with the same key, and therefore in one partition; the last two
 * are isolated. */
static void commit_four(bool isolate)
{
    struct member *member = &world.member;
    static const unsigned char text[] = "text";
    struct kafka_batch *batch = kafka_batch_new();
    struct message message = {
        .topic = OUTCOMES, .key = {text, 4}, .value = {text, 4}};

    for (int i = 0; i < 4; i++) {
        kafka_batch_add_message(batch, &message);
        if (isolate && i >= 2) {
            kafka_batch_isolate(batch);
        }
    }
    append_offset(batch, 0, 7);
    member->committed = false;
    kafka_commit(member->queue, batch);
    await(member, is_committed);
}

/* librdkafka may lose the reason of a transaction that fails while its offsets
 * are being sent: the batch is then only aborted, and the next attempt tells
 * the reason. On a busy machine it may also send the first messages alone, and
 * only these are refused. */
static void refuse_four(const struct refusal *row)
{
    const struct member *member = &world.member;

    for (int tries = 0; tries < 5; tries++) {
        commit_in_the_end(row->name);
        inject(&world.cluster,
               &(struct failure){row->name, row->api, row->code, 1});
        commit_four(false);
        rd_kafka_mock_clear_request_errors(world.cluster.mock, row->api);
        if (strstr(member->err.message, "Erroneous state") == NULL &&
            member->rejection_count % 4 == 0) {
            return;
        }
    }
}

static void a_refusal_says_what_was_refused(void **state)
{
    join_whole();
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        const struct refusal *row = &refusals[i];

        refuse_four(row);
        if (world.member.result != row->verdict) {
            fail_msg("%s: verdict %d: %s", row->name, (int)world.member.result,
                     world.member.err.message);
        }
        assert_true(world.member.err.message[0] != '\0');
        assert_int_equal(world.member.rejection_count,
                         row->verdict == KAFKA_REJECTED ? 4 : 0);
        if (row->verdict == KAFKA_REJECTED) {
            assert_string_equal(world.member.rejection.code,
                                rd_kafka_err2name(row->code));
            assert_false(world.member.rejection.is_certain);
        }
    }
    /* The result of the last message is not reported for the next one. */
    commit_in_the_end("nothing");
}

/* The messages before it were accepted, and those after it were not sent. */
static void an_isolated_message_is_judged_by_itself(void **state)
{
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP};

    join_whole();
    commit_in_the_end("before");
    rd_kafka_mock_push_request_errors_array(world.cluster.mock, API_PRODUCE,
                                            ARRAY_SIZE(codes), codes);
    commit_four(true);
    rd_kafka_mock_clear_request_errors(world.cluster.mock, API_PRODUCE);
    assert_int_equal(world.member.result, KAFKA_REJECTED);
    assert_int_equal(world.member.rejection_count, 1);
    assert_int_equal(world.member.rejection.message, 2);
    assert_true(world.member.rejection.is_certain);
    commit_in_the_end("after");
    commit_four(true);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

/* librdkafka itself rejects what is larger than its message.max.bytes. A
 * tombstone's dead letter may be too large by its key or headers alone. */
static void a_message_is_rejected_before_it_is_sent(void **state)
{
    static const unsigned char large[5000];
    struct kafka_batch *batch = kafka_batch_new();
    struct message message = {.topic = OUTCOMES, .value = {large, 10}};

    world.small_messages = true;
    join_whole();
    kafka_batch_add_message(batch, &message);
    message.key = (struct bytes){large, sizeof(large)};
    kafka_batch_add_message(batch, &message);
    kafka_commit(world.member.queue, batch);
    await(&world.member, is_committed);
    assert_int_equal(world.member.result, KAFKA_REJECTED);
    assert_int_equal(world.member.rejection_count, 1);
    assert_int_equal(world.member.rejection.message, 1);
    assert_true(world.member.rejection.is_certain);
    assert_string_equal(world.member.rejection.code, "MSG_SIZE_TOO_LARGE");
}

/* The commit may have succeeded, so aborting it and submitting the batch again
 * would write everything twice. */
static void a_commit_that_times_out_is_repeated(void **state)
{
    join_whole();
    commit_in_the_end("before");
    /* The calls of the producer time out after ten seconds. */
    rd_kafka_mock_broker_push_request_error_rtts(
        world.cluster.mock, 1, API_END_TXN, 1, (int)RD_KAFKA_RESP_ERR_NO_ERROR,
        10500);
    commit_four(false);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

static void a_producer_that_cannot_start_yet_starts_later(void **state)
{
    static const struct failure failure = {
        "InitProducerId", API_INIT_PRODUCER_ID,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 3};

    inject(&world.cluster, &failure);
    join_whole();
    check_failure(&failure);
}

static const struct CMUnitTest tests[] = {
    KAFKA_TEST(a_refusal_says_what_was_refused),
    KAFKA_TEST(an_isolated_message_is_judged_by_itself),
    KAFKA_TEST(a_message_is_rejected_before_it_is_sent),
    KAFKA_TEST(a_commit_that_times_out_is_repeated),
    KAFKA_TEST(a_batch_is_written_as_it_was_handed_in),
    KAFKA_TEST(a_batch_of_offsets_alone_is_committed),
    KAFKA_TEST(a_producer_that_cannot_start_yet_starts_later),
};

int main(void)
{
    struct CMUnitTest overcome[ARRAY_SIZE(failures)];
    int failed;

    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        overcome[i] = (struct CMUnitTest){
            .name = failures[i].name,
            .test_func = a_failure_of_the_brokers_is_overcome,
            .initial_state = (void *)&failures[i]};
    }
    failed = run_shard("batches", tests, ARRAY_SIZE(tests), NULL, NULL);
    return failed + run_shard("overcome", overcome, ARRAY_SIZE(overcome),
                              open_shared, world_close);
}
