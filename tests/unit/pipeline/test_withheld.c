/* Records if Kafka rejects a message of a commit: the others are committed, and
 * the topics are not filled with aborted transactions. */

#include "capture.h"
#include "service_world.h"

#define SECOND ((uint64_t)1000)

/* A record that cannot be parsed: its outcome and its dead letter have no key.
 */
static void bad_record(int64_t offset)
{
    assert_true(fake_record(0, offset, "no JSON"));
}

static void finish(int64_t offset)
{
    record(offset, "one");
    fake_succeed(fake_running_one("one"));
}

static struct kafka_rejection rejection_of(size_t message, const char *code)
{
    return (struct kafka_rejection){
        .message = message,
        .partition = 0,
        .code = code,
        .reason = "as the test said",
        .is_topic_wide = strcmp(code, "TOPIC_AUTHORIZATION_FAILED") == 0,
        .may_need_key = strcmp(code, "INVALID_RECORD") == 0,
    };
}

static size_t withheld_records(void)
{
    size_t count = 0;

    for (size_t i = 0; i < STATUS_OUTPUTS; i++) {
        count += service->withholding.outputs[i].count;
    }
    return count;
}

/* Answers every commit for that long: a message of an offset in `bad` is
 * rejected, as is a batch with one that is not isolated. Returns how many were
 * rejected. */
static size_t answer_for(uint64_t ms, bool (*is_bad)(int64_t offset))
{
    size_t rejected = 0;

    for (uint64_t passed = 0; passed < ms; passed += 10) {
        struct kafka_rejection rejections[1000];
        size_t count = 0;
        bool is_certain = false;

        world_pass(&world, 10);
        if (!fake_queue()->committing) {
            continue;
        }
        for (size_t i = 0; i < fake_queue()->messages && !is_certain; i++) {
            const struct delivery *delivery = service->sent[i].delivery;

            if (!is_bad(delivery->record->input.offset)) {
                continue;
            }
            is_certain = fake_is_isolated(i);
            count = is_certain ? 0 : count;
            rejections[count] = rejection_of(i, "INVALID_TIMESTAMP");
            rejections[count++].is_certain = is_certain;
        }
        if (count > 0) {
            rejected++;
            fake_commit_is_rejected(rejections, count);
        } else {
            fake_commit_ends(KAFKA_COMMITTED);
        }
    }
    return rejected;
}

static bool is_none(int64_t offset)
{
    return false;
}

static bool is_zero(int64_t offset)
{
    return offset == 0;
}

static bool is_tenth(int64_t offset)
{
    return offset % 10 == 0;
}

/* --- one message -----------------------------------------------------------
 */

static void withheld__are_only_the_records_that_were_rejected(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    finish(0);
    finish(1);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 2);
    fake_message_is_rejected(0);
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_true(fake_queue()->positions[0].offset == 0);
    /* Later records are committed at once. */
    finish(2);
    commit();
    assert_int_equal(withheld_records(), 1);
    /* The topic accepts it in the end. */
    answer_for(2 * SECOND, is_none);
    assert_true(fake_queue()->positions[0].offset == 3);
    assert_int_equal(withheld_records(), 0);
    assert_int_equal(service_records(service), 0);
    end();
}

/* A dead letter and its outcome are committed together or not at all. */
static void withheld__are_the_outcome_and_its_dead_letter(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    bad_record(0);
    finish(1);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 3);
    assert_string_equal(fake_message(1)->topic, "dead");
    fake_message_is_rejected(1);
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_true(fake_queue()->positions[0].offset == 0);
    world_pass(&world, 2 * SECOND);
    assert_int_equal(fake_queue()->messages, 2);
    assert_true(fake_is_isolated(0));
    assert_true(fake_is_isolated(1));
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_int_equal(service_records(service), 0);
    end();
}

static void withheld__are_both_deliveries_of_one_record(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    record(0, "both");
    fake_succeed(fake_running_one("both-one"));
    fake_succeed(fake_running_one("both-far"));
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 2);
    fake_message_is_rejected(0);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 1);
    fake_message_is_rejected(0);
    assert_int_equal(withheld_records(), 2);
    fake_revoke(0, true);
    assert_int_equal(withheld_records(), 0);
    assert_int_equal(service_records(service), 0);
    world_pass(&world, HOUR);
    end();
}

/* After 1, 2, 4 ... 64 seconds, so that a rejected message aborts about sixty
 * transactions an hour, and no more. */
static void withheld__are_tried_again_ever_less(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    finish(0);
    assert_in_range(answer_for(MINUTE, is_zero), 6, 8);
    assert_in_range(answer_for(HOUR, is_zero), 50, 58);
    assert_int_equal(withheld_records(), 1);
    answer_for(65 * SECOND, is_none);
    assert_int_equal(service_records(service), 0);
    end();
}

static void withheld__are_logged_once_and_then_rarely(void **state)
{
    struct capture capture;
    const char *text;

    begin_of(100);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    fake_assign(0, -1, "");
    finish(0);
    capture_begin(&capture);
    answer_for(HOUR, is_zero);
    text = strstr(capture_end(&capture), "rejected by its topic");
    assert_non_null(text);
    assert_non_null(strstr(text, "attestations"));
    assert_non_null(strstr(text, "INVALID_TIMESTAMP"));
    assert_null(strstr(text + 1, "rejected by its topic"));
    end();
}

/* --- several at once -------------------------------------------------------
 */

/* A broker rejects a record batch as a whole. Which record was the reason
 * becomes known when each is sent separately. */
static void suspects__are_sent_separately(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    for (int64_t offset = 0; offset < 30; offset++) {
        finish(offset);
    }
    answer_for(3 * SECOND, is_tenth);
    assert_int_equal(withheld_records(), 3);
    assert_int_equal(service_records(service), 3);
    end();
}

/* However many messages are rejected, the others are committed, and no more
 * than two transactions a second are aborted. */
static void suspects__do_not_delay_what_finishes_meanwhile(void **state)
{
    size_t rejected = 0;

    begin_of(1000);
    world.settings.delivery.max_bytes = (uint64_t)1 << 30;
    fake_assign(0, -1, "");
    for (int64_t offset = 0; offset < 300; offset++) {
        finish(offset);
        rejected += answer_for(100, is_tenth);
    }
    assert_in_range(rejected, 30, 80);
    answer_for(2 * SECOND, is_tenth);
    assert_int_equal(service_records(service), 30);
    end();
}

/* The first two messages, one of which is the reason */
static void reject_two(void)
{
    struct kafka_rejection both[] = {rejection_of(0, "INVALID_TIMESTAMP"),
                                     rejection_of(1, "INVALID_TIMESTAMP")};

    fake_commit_is_rejected(both, 2);
}

/* A rejection that names no message must not be repeated for ever. */
static void suspects__are_not_part_of_the_next_commit(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    finish(0);
    finish(1);
    finish(2);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 3);
    reject_two();
    /* Finished while the gate is closed */
    finish(3);
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_false(fake_is_isolated(0));
    world_pass(&world, 50);
    commit();
    assert_int_equal(fake_queue()->messages, 3);
    assert_int_equal(service_records(service), 0);
    end();
}

static void suspects__are_committed_before_their_partition_is_revoked(
    void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    finish(0);
    finish(1);
    world_pass(&world, 50);
    reject_two();
    finish(2);
    world_turn(&world);
    fake_revoke(0, false);
    world_turn(&world);
    assert_true(fake_queue()->committing);
    assert_int_equal(fake_queue()->messages, 3);
    assert_true(fake_queue()->positions[0].offset == 3);
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
    assert_int_equal(fake_queue()->releases, 1);
    end();
}

/* --- a topic ---------------------------------------------------------------
 */

static void block_topic(void)
{
    struct kafka_rejection rejection =
        rejection_of(0, "TOPIC_AUTHORIZATION_FAILED");

    rejection.is_certain = true;
    fake_commit_is_rejected(&rejection, 1);
}

/* Every message would abort a transaction of its own. */
static void topic__that_takes_nothing_is_tried_from_time_to_time(void **state)
{
    size_t rejected = 0;

    begin_of(100);
    fake_assign(0, -1, "");
    for (int64_t offset = 0; offset < 10; offset++) {
        record(offset, "one");
    }
    fake_succeed(fake_running_one("one"));
    fake_succeed(fake_running_one("one"));
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 2);
    block_topic();
    world_pass(&world, 500);
    assert_false(fake_queue()->committing);
    assert_false(record(10, "one"));
    while (fake_running_one("one") != NULL) {
        fake_succeed(fake_running_one("one"));
        world_turn(&world);
    }
    for (uint64_t passed = 0; passed < HOUR; passed += 100) {
        world_pass(&world, 100);
        if (fake_queue()->committing) {
            assert_int_equal(fake_queue()->messages, 1);
            block_topic();
            rejected++;
        }
    }
    assert_in_range(rejected, 50, 70);
    assert_int_equal(withheld_records(), 10);
    /* The topic accepts messages again: the first of them shows it, and all the
     * others are committed. */
    while (!fake_queue()->committing) {
        world_pass(&world, 100);
    }
    fake_commit_ends(KAFKA_COMMITTED);
    assert_false(service->withholding.outputs[STATUS_OUTCOMES].is_blocked);
    answer_for(10 * SECOND, is_none);
    assert_int_equal(service_records(service), 0);
    assert_true(record(10, "one"));
    end();
}

/* Where only dead letters are rejected, other outcomes are committed. */
static void topic__of_dead_letters_delays_only_those(void **state)
{
    struct kafka_rejection rejection =
        rejection_of(1, "TOPIC_AUTHORIZATION_FAILED");

    begin_of(100);
    fake_assign(0, -1, "");
    bad_record(0);
    record(1, "one");
    record(2, "far");
    fake_succeed(fake_running_one("one"));
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 3);
    rejection.is_certain = true;
    fake_commit_is_rejected(&rejection, 1);
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_false(record(3, "one"));
    fake_succeed(fake_running_one("far"));
    commit();
    assert_int_equal(service_records(service), 1);
    end();
}

/* AddPartitionsToTxn does not name the topic: all are suspects. */
static void topic__that_is_not_named_is_found_out(void **state)
{
    struct kafka_rejection all[] = {
        rejection_of(0, "TOPIC_AUTHORIZATION_FAILED"),
        rejection_of(1, "TOPIC_AUTHORIZATION_FAILED"),
        rejection_of(2, "TOPIC_AUTHORIZATION_FAILED")};

    begin_of(100);
    fake_assign(0, -1, "");
    bad_record(0);
    finish(1);
    world_pass(&world, 50);
    all[0].partition = all[1].partition = all[2].partition = -1;
    fake_commit_is_rejected(all, 3);
    world_pass(&world, 100);
    assert_true(fake_queue()->committing);
    assert_true(fake_is_isolated(1));
    all[1].is_certain = true;
    fake_commit_is_rejected(&all[1], 1);
    assert_false(service->withholding.outputs[STATUS_OUTCOMES].is_blocked);
    assert_true(service->withholding.outputs[STATUS_DEAD_LETTERS].is_blocked);
    world_pass(&world, 200);
    assert_true(fake_queue()->committing);
    assert_int_equal(fake_queue()->messages, 1);
    commit();
    assert_int_equal(service_records(service), 1);
    end();
}

/* Messages that are rejected together with the first one because of its topic
 * are held as well, and released if a partition is lost. */
static void topic__is_tried_anew_when_nothing_of_it_is_left(void **state)
{
    begin_of(100);
    fake_assign(0, -1, "");
    finish(0);
    world_pass(&world, 50);
    block_topic();
    fake_revoke(0, true);
    world_pass(&world, 2 * SECOND);
    fake_assign(0, -1, "");
    finish(0);
    commit();
    assert_int_equal(service_records(service), 0);
    end();
}

/* --- a key -----------------------------------------------------------------
 */

/* Topics with compaction accept messages with a key only. */
static void key__is_given_to_messages_whose_topic_requires_one(void **state)
{
    struct kafka_rejection all[] = {rejection_of(0, "INVALID_RECORD"),
                                    rejection_of(2, "INVALID_RECORD")};

    begin_of(100);
    fake_assign(0, -1, "");
    bad_record(0);
    finish(1);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 3);
    assert_null(fake_message(0)->key.data);
    assert_null(fake_message(1)->key.data);
    fake_commit_is_rejected(all, 2);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 3);
    assert_memory_equal(fake_message(0)->key.data, "attestations/0/0", 16);
    assert_null(fake_message(1)->key.data);
    /* The other topic */
    all[0].message = 1;
    fake_commit_is_rejected(all, 1);
    world_pass(&world, 50);
    assert_int_equal(fake_queue()->messages, 3);
    assert_memory_equal(fake_message(1)->key.data, "attestations/0/0", 16);
    /* It was rejected for another reason, then. */
    all[0].is_certain = true;
    fake_commit_is_rejected(all, 1);
    assert_int_equal(withheld_records(), 1);
    commit();
    assert_int_equal(fake_queue()->messages, 1);
    assert_memory_equal(fake_message(0)->key.data, "one", 3);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(withheld__are_only_the_records_that_were_rejected),
        cmocka_unit_test(withheld__are_the_outcome_and_its_dead_letter),
        cmocka_unit_test(withheld__are_both_deliveries_of_one_record),
        cmocka_unit_test(withheld__are_tried_again_ever_less),
        cmocka_unit_test(withheld__are_logged_once_and_then_rarely),
        cmocka_unit_test(suspects__are_sent_separately),
        cmocka_unit_test(suspects__do_not_delay_what_finishes_meanwhile),
        cmocka_unit_test(suspects__are_not_part_of_the_next_commit),
        cmocka_unit_test(
            suspects__are_committed_before_their_partition_is_revoked),
        cmocka_unit_test(topic__that_takes_nothing_is_tried_from_time_to_time),
        cmocka_unit_test(topic__of_dead_letters_delays_only_those),
        cmocka_unit_test(topic__that_is_not_named_is_found_out),
        cmocka_unit_test(topic__is_tried_anew_when_nothing_of_it_is_left),
        cmocka_unit_test(key__is_given_to_messages_whose_topic_requires_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
