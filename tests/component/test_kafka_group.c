/* kafka.h: members of a group, and how they leave it */

#include "kafka/properties.h"
#include "kafka_world.h"
#include "shard.h"

/* --- the group -------------------------------------------------------------
 */

static void partitions_move_only_when_they_are_released(void **state)
{
    struct member first;
    struct member second;

    member_open(&first, world.loop, world.cluster.brokers);
    await(&first, has_all_partitions);
    first.holds_on = true;
    member_open(&second, world.loop, world.cluster.brokers);
    await(&first, is_revoked);
    assert_int_equal(first.partitions, 1);
    assert_true(first.wants_release);
    wait_ms(1500);
    assert_int_equal(second.partitions, 0);
    first.holds_on = false;
    kafka_complete_revocation(first.queue);
    await(&second, has_partition);
    assert_int_equal(second.partitions, 1);
    assert_int_equal(first.partitions, 1);
    /* One member leaves, and the other takes over its partitions. */
    member_close(&first);
    await(&second, has_all_partitions);
    member_close(&second);
}

static void what_two_members_read_is_everything_once(void **state)
{
    enum { COUNT = 200 };
    struct member members[2];

    member_open(&members[0], world.loop, world.cluster.brokers);
    member_open(&members[1], world.loop, world.cluster.brokers);
    await(&members[0], has_partition);
    await(&members[1], has_partition);
    while (members[0].partitions + members[1].partitions != PARTITIONS) {
        loop_turn(world.loop, true);
    }
    write_numbers(&world.cluster, 0, COUNT);
    while (members[0].records + members[1].records < COUNT) {
        loop_turn(world.loop, true);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(members[0].seen[i] + members[1].seen[i], 1);
    }
    assert_true(members[0].records > 0 && members[1].records > 0);
    member_close(&members[0]);
    member_close(&members[1]);
}

static void nothing_is_committed_before_the_member_has_joined(void **state)
{
    join();
    commit(&world.member);
    assert_int_equal(world.member.result, KAFKA_ABORTED);
}

static void closing_gives_the_partitions_back_first(void **state)
{
    join_whole();
    world.member.holds_on = true;
    kafka_close(world.member.queue);
    assert_int_equal(world.member.revoked,
                     0); /* never from within the function */
    await(&world.member, is_revoked);
    assert_int_equal(world.member.partitions, 0);
    /* There is still time for a last batch. */
    commit(&world.member);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
    assert_false(world.member.closed);
    kafka_complete_revocation(world.member.queue);
    await(&world.member, is_closed);
    kafka_free(world.member.queue);
    world.joined = false;
}

static void a_queue_without_partitions_can_be_closed(void **state)
{
    join();
    leave();
    assert_int_equal(world.member.revoked, 0);
}

static void a_paused_queue_can_be_closed(void **state)
{
    write_numbers(&world.cluster, 0, 50);
    join();
    world.member.pause_every = 10;
    await(&world.member, is_paused);
    leave();
    assert_int_equal(world.member.records, 10);
}

static void a_queue_without_brokers_can_be_closed(void **state)
{
    member_open(&world.member, world.loop, "127.0.0.1:1");
    wait_ms(500);
    leave();
    assert_int_equal(world.member.assigned, 0);
}

static void a_batch_without_brokers_does_not_keep_the_queue_open(void **state)
{
    member_open(&world.member, world.loop, "127.0.0.1:1");
    kafka_commit(world.member.queue, new_batch());
    leave();
    assert_false(world.member.committed &&
                 world.member.result == KAFKA_COMMITTED);
}

static void a_member_with_a_name_is_one(void **state)
{
    write_numbers(&world.cluster, 0, 20);
    join_as("waybill-0");
    await(&world.member, has_all_partitions);
    await(&world.member, has_twenty);
    commit(&world.member);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
}

static void check_property_of(enum client_role role, const char *instance_id,
                              const char *key, const char *wanted)
{
    struct kafka_options options = {.brokers = "h:1",
                                    .group = "group",
                                    .topic = EVENTS,
                                    .instance_id = instance_id};
    struct error err;
    rd_kafka_conf_t *conf = client_conf(role, &options, &err);
    char value[256] = "";
    size_t size = sizeof(value);

    assert_non_null(conf);
    if (rd_kafka_conf_get(conf, key, value, &size) != RD_KAFKA_CONF_OK) {
        value[0] = '\0';
    }
    assert_string_equal(value, wanted);
    rd_kafka_conf_destroy(conf);
}

static void the_name_is_the_consumers_only(void **state)
{
    check_property_of(CLIENT_CONSUMER, "one", "group.instance.id", "one");
    check_property_of(CLIENT_CONSUMER, NULL, "group.instance.id", "");
    check_property_of(CLIENT_PRODUCER, "one", "group.instance.id", "");
    check_property_of(CLIENT_PUBLISHER, "one", "group.instance.id", "");
}

static const struct CMUnitTest tests[] = {
    KAFKA_TEST(a_member_with_a_name_is_one),
    cmocka_unit_test(the_name_is_the_consumers_only),
    KAFKA_TEST(partitions_move_only_when_they_are_released),
    KAFKA_TEST(what_two_members_read_is_everything_once),
    KAFKA_TEST(nothing_is_committed_before_the_member_has_joined),
    KAFKA_TEST(closing_gives_the_partitions_back_first),
    KAFKA_TEST(a_queue_without_partitions_can_be_closed),
    KAFKA_TEST(a_paused_queue_can_be_closed),
    KAFKA_TEST(a_queue_without_brokers_can_be_closed),
    KAFKA_TEST(a_batch_without_brokers_does_not_keep_the_queue_open),
};

int main(void)
{
    return run_shard("group", tests, ARRAY_SIZE(tests), NULL, NULL);
}
