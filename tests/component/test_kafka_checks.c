/* kafka.h: the checks of topics and permissions, with a broker that is slow to
 * respond */

#include <stdatomic.h>

#include "kafka/inspect.h"
#include "kafka_world.h"
#include "shard.h"

#define DEAD_LETTERS "attestation-dead-letters"
/* Longer than any request of a check waits for its response */
#define NEVER_MS 60000
/* A commit takes milliseconds, and a check waits for 5 s for a broker. */
#define AT_ONCE_MS 3000

enum { API_METADATA = 3 };

/* The mock does not support DescribeGroups, and librdkafka 2.0.2 calls abort()
 * when it detects that. */
void __wrap_inspect_group(const struct inspector *inspector,
                          struct condition_list *list);
void __wrap_inspect_group(const struct inspector *inspector,
                          struct condition_list *list)
{
}

/* The number of checks that have begun, and of attempts to write */
static atomic_uint checks;
static atomic_uint attempts;

int __real_inspect_topics(const struct inspector *inspector,
                          struct kafka_facts *ret_facts, struct error *err);
int __wrap_inspect_topics(const struct inspector *inspector,
                          struct kafka_facts *ret_facts, struct error *err);
int __wrap_inspect_topics(const struct inspector *inspector,
                          struct kafka_facts *ret_facts, struct error *err)
{
    atomic_fetch_add(&checks, 1);
    return __real_inspect_topics(inspector, ret_facts, err);
}

rd_kafka_resp_err_t __real_probe_start_producer(
    const struct inspector *inspector, rd_kafka_t *producer);
rd_kafka_resp_err_t __wrap_probe_start_producer(
    const struct inspector *inspector, rd_kafka_t *producer);
rd_kafka_resp_err_t __wrap_probe_start_producer(
    const struct inspector *inspector, rd_kafka_t *producer)
{
    atomic_fetch_add(&attempts, 1);
    return __real_probe_start_producer(inspector, producer);
}

static const struct field_pair pairs[] = {
    {"session.timeout.ms", "3000"},
    {"heartbeat.interval.ms", "200"},
};
static const struct field_map properties = {pairs, 2};

static uint64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

/* A member whose topics are checked before it reads anything */
static void join_checked(void)
{
    struct kafka_options options = {
        .brokers = world.cluster.brokers,
        .group = "group",
        .topic = EVENTS,
        .outcomes = OUTCOMES,
        .dead_letters = DEAD_LETTERS,
        .properties = &properties,
        .random = now_ms(),
    };
    struct error err;

    rd_kafka_mock_topic_create(world.cluster.mock, DEAD_LETTERS, 1, 1);
    world.member = (struct member){.loop = world.loop};
    if (kafka_open(world.loop, &options, &member_handler, &world.member,
                   &world.member.queue, &err) < 0) {
        fail_msg("%s", err.message);
    }
    world.joined = true;
    await(&world.member, has_all_partitions);
}

/* The next response to that API takes too long. It is the response to a check
 * that has just begun with it and has been counted. */
static void stall_a_check(int16_t api, atomic_uint *count)
{
    unsigned before = atomic_load(count);
    const struct failure denied = {
        .api = API_ADD_PARTITIONS,
        .code = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        .times = 1,
    };

    inject(&world.cluster, &denied);
    commit(&world.member);
    assert_int_not_equal(world.member.result, KAFKA_COMMITTED);
    rd_kafka_mock_broker_push_request_error_rtts(
        world.cluster.mock, 1, api, 1, (int)RD_KAFKA_RESP_ERR_NO_ERROR,
        NEVER_MS);
    while (atomic_load(count) == before) {
        wait_ms(10);
    }
    wait_ms(200); /* until the request is sent */
}

static void check_that_a_commit_is_at_once(void)
{
    uint64_t begin_ms = now_ms();

    commit(&world.member);
    assert_int_equal(world.member.result, KAFKA_COMMITTED);
    assert_in_range(now_ms() - begin_ms, 0, AT_ONCE_MS);
}

static void a_commit_does_not_wait_for_a_check(void **state)
{
    join_checked();
    stall_a_check(API_METADATA, &checks);
    check_that_a_commit_is_at_once();
}

/* Both use the transactional id. */
static void neither_the_last_commit_nor_the_end_waits_for_one_that_writes(
    void **state)
{
    uint64_t begin_ms;

    join_checked();
    stall_a_check(API_INIT_PRODUCER_ID, &attempts);
    kafka_stop_checks(world.member.queue);
    check_that_a_commit_is_at_once();
    begin_ms = now_ms();
    leave();
    assert_in_range(now_ms() - begin_ms, 0, AT_ONCE_MS);
}

static const struct CMUnitTest tests[] = {
    KAFKA_TEST(a_commit_does_not_wait_for_a_check),
    KAFKA_TEST(neither_the_last_commit_nor_the_end_waits_for_one_that_writes),
};

int main(void)
{
    return run_shard("checks", tests, ARRAY_SIZE(tests), NULL, NULL);
}
