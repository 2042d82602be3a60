/* kafka.h with the real librdkafka against its own mock cluster, which lives in
 * this process. It forgets the offsets of transactions and knows no isolation:
 * what transactions promise is tested on Kafka itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/kafka_internal.h"
#include "shard.h"
#include "waybill/alloc.h"
#include "waybill/kafka.h"

/*
 * librdkafka 2.0.2 loses the offsets of a transaction that ends fatally while
 * they are on their way. Only that is overlooked; without the whole stack it
 * could not be told from an object that we forget.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:rd_kafka_send_offsets_to_transaction\n";
}

#define EVENTS "attestations"
#define OUTCOMES "attestation-outcomes"
#define PARTITIONS 2
/* The mock's first rebalance alone takes three seconds. */
#define SOON_MS 30000

/* Kafka's protocol guide */
enum {
    API_PRODUCE = 0,
    API_INIT_PRODUCER_ID = 22,
    API_ADD_PARTITIONS = 24,
    API_ADD_OFFSETS = 25,
    API_END_TXN = 26,
    API_TXN_OFFSET_COMMIT = 28,
};

/* --- the cluster -----------------------------------------------------------
 */

struct cluster {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
    const char *brokers;
};

static rd_kafka_t *new_client(rd_kafka_type_t type, const char *const *pairs)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256] = "";
    rd_kafka_t *client;

    for (; *pairs != NULL; pairs += 2) {
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], why, sizeof(why)) !=
            RD_KAFKA_CONF_OK) {
            fail_msg("%s", why);
        }
    }
    rd_kafka_conf_set_log_cb(conf, NULL);
    client = rd_kafka_new(type, conf, why, sizeof(why));
    if (client == NULL) {
        fail_msg("%s", why);
    }
    return client;
}

static void cluster_open(struct cluster *cluster)
{
    cluster->host = new_client(RD_KAFKA_PRODUCER, (const char *const[]){NULL});
    cluster->mock = rd_kafka_mock_cluster_new(cluster->host, 1);
    assert_non_null(cluster->mock);
    cluster->brokers = rd_kafka_mock_cluster_bootstraps(cluster->mock);
    rd_kafka_mock_topic_create(cluster->mock, EVENTS, PARTITIONS, 1);
    rd_kafka_mock_topic_create(cluster->mock, OUTCOMES, PARTITIONS, 1);
}

static void cluster_close(struct cluster *cluster)
{
    rd_kafka_mock_cluster_destroy(cluster->mock);
    rd_kafka_destroy(cluster->host);
}

/* What a record is, with room for one header */
struct row {
    const char *label;
    struct bytes key;
    struct bytes value;
    const char *header; /* NULL: none */
    struct bytes header_value;
};

#define TEXT(text)                                                             \
    {                                                                          \
        (const unsigned char *)(text), sizeof(text) - 1                        \
    }
#define ABSENT                                                                 \
    {                                                                          \
        NULL, 0                                                                \
    }

static const struct row rows[] = {
    {"a value and a key", TEXT("key"), TEXT("value"), NULL, ABSENT},
    {"no key", ABSENT, TEXT("value"), NULL, ABSENT},
    {"an empty key", TEXT(""), TEXT("value"), NULL, ABSENT},
    {"a tombstone", TEXT("key"), ABSENT, NULL, ABSENT},
    {"an empty value", TEXT("key"), TEXT(""), NULL, ABSENT},
    {"nothing at all", ABSENT, ABSENT, NULL, ABSENT},
    {"a header", ABSENT, TEXT("value"), "ce_id", TEXT("1")},
    {"an empty header", ABSENT, TEXT("value"), "ce_id", TEXT("")},
    {"a header without a value", ABSENT, TEXT("value"), "ce_id", ABSENT},
    {"a NUL in each", TEXT("k\0y"), TEXT("v\0e"), "h", TEXT("h\0r")},
};

static struct message message_of(const struct row *row, const char *topic,
                                 struct header *header)
{
    *header = (struct header){row->header, row->header_value};
    return (struct message){.topic = topic,
                            .key = row->key,
                            .value = row->value,
                            .headers = header,
                            .header_count = row->header != NULL ? 1 : 0};
}

static void check_same(const char *label, struct bytes got, struct bytes wanted)
{
    if ((got.data == NULL) != (wanted.data == NULL) ||
        !bytes_equal(got, wanted)) {
        fail_msg("%s: got %zu bytes at %p, wanted %zu at %p", label, got.len,
                 (const void *)got.data, wanted.len, (const void *)wanted.data);
    }
}

/* Writes to a partition, in order, with a client that is not ours. */
static void write_row(rd_kafka_t *producer, const struct row *row,
                      int32_t partition)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);

    if (row->header != NULL) {
        rd_kafka_header_add(headers, row->header, -1, row->header_value.data,
                            row->header_value.data != NULL
                                ? (ssize_t)row->header_value.len
                                : -1);
    }
    assert_int_equal(
        rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(EVENTS), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_KEY((void *)row->key.data, row->key.len),
            RD_KAFKA_V_VALUE((void *)row->value.data, row->value.len),
            RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void write_rows(const struct cluster *cluster)
{
    rd_kafka_t *producer = new_client(
        RD_KAFKA_PRODUCER,
        (const char *const[]){"bootstrap.servers", cluster->brokers, NULL});

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_row(producer, &rows[i], 0);
    }
    assert_int_equal(rd_kafka_flush(producer, SOON_MS), 0);
    rd_kafka_destroy(producer);
}

static void write_numbers(const struct cluster *cluster, int from, int to)
{
    rd_kafka_t *producer =
        new_client(RD_KAFKA_PRODUCER,
                   (const char *const[]){"bootstrap.servers", cluster->brokers,
                                         "batch.num.messages", "7", NULL});
    char text[16];

    for (int i = from; i < to; i++) {
        struct row row = {.value = {(unsigned char *)text, 0}};

        row.value.len = (size_t)snprintf(text, sizeof(text), "%d", i);
        write_row(producer, &row, i % PARTITIONS);
    }
    assert_int_equal(rd_kafka_flush(producer, SOON_MS), 0);
    rd_kafka_destroy(producer);
}

/* Calls `seen` for all that a topic holds, to its end. */
static void read_topic(const struct cluster *cluster, const char *topic,
                       void (*seen)(void *payload,
                                    const rd_kafka_message_t *message),
                       void *payload)
{
    rd_kafka_t *consumer = new_client(
        RD_KAFKA_CONSUMER,
        (const char *const[]){"bootstrap.servers", cluster->brokers, "group.id",
                              "reader", "enable.partition.eof", "true",
                              "enable.auto.commit", "false", NULL});
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(PARTITIONS);
    int open = PARTITIONS;

    rd_kafka_poll_set_consumer(consumer);
    for (int i = 0; i < PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    }
    assert_int_equal(rd_kafka_assign(consumer, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    while (open > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, SOON_MS);

        assert_non_null(message);
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open--;
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            seen(payload, message);
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

/* --- a queue and what it says ----------------------------------------------
 */

#define MOST_SEEN 1000

struct member {
    struct loop *loop;
    struct queue *queue;
    bool holds_on; /* does not release by itself */
    int pause_every;
    int partitions; /* assigned now */
    bool mine[PARTITIONS];
    int64_t begins[PARTITIONS]; /* as was said when it was assigned */
    char metadata[PARTITIONS][64];
    int assigned; /* times */
    int revoked;
    bool wants_release;
    bool paused;
    int while_paused; /* records that came though it was paused */
    int records;
    int seen[MOST_SEEN]; /* by number: how often */
    int64_t next[PARTITIONS];
    bool out_of_order;
    bool checks_rows;
    bool committed;
    enum queue_verdict result;
    size_t refused;
    struct error err;
    bool failed;
    bool closed;
};

static void on_record(void *payload, const struct input *input)
{
    struct member *member = payload;
    const struct message *message = &input->message;
    char text[16];
    int number;

    assert_string_equal(message->topic, EVENTS);
    assert_in_range(input->partition, 0, PARTITIONS - 1);
    assert_true(member->mine[input->partition]); /* it was said before */
    member->while_paused += member->paused;
    member->out_of_order |= input->offset < member->next[input->partition];
    member->next[input->partition] = input->offset + 1;
    member->records++;
    if (member->checks_rows) {
        const struct row *row = &rows[input->offset];

        check_same(row->label, message->key, row->key);
        check_same(row->label, message->value, row->value);
        assert_int_equal(message->header_count, row->header != NULL);
        if (row->header != NULL) {
            assert_string_equal(message->headers[0].name, row->header);
            check_same(row->label, message->headers[0].value,
                       row->header_value);
        }
        assert_true(message->timestamp_ms > 0);
        return;
    }
    snprintf(text, sizeof(text), "%.*s", (int)message->value.len,
             (const char *)message->value.data);
    number = (int)strtol(text, NULL, 10);
    assert_in_range(number, 0, MOST_SEEN - 1);
    member->seen[number]++;
    if (member->pause_every > 0 && member->records % member->pause_every == 0) {
        member->paused = true;
        queue_pause(member->queue);
    }
}

static void on_assigned(void *payload, const struct queue_position *positions,
                        size_t count)
{
    struct member *member = payload;

    for (size_t i = 0; i < count; i++) {
        int32_t partition = positions[i].at.partition;

        assert_string_equal(positions[i].at.topic, EVENTS);
        assert_in_range(partition, 0, PARTITIONS - 1);
        assert_false(member->mine[partition]);
        member->mine[partition] = true;
        member->begins[partition] = positions[i].offset;
        snprintf(member->metadata[partition],
                 sizeof(member->metadata[partition]), "%s",
                 positions[i].metadata);
    }
    member->assigned++;
    member->partitions += (int)count;
}

static void on_revoked(void *payload, const struct queue_partition *partitions,
                       size_t count, bool lost)
{
    struct member *member = payload;

    for (size_t i = 0; i < count; i++) {
        assert_true(member->mine[partitions[i].partition]);
        member->mine[partitions[i].partition] = false;
    }
    member->revoked++;
    member->partitions -= (int)count;
    member->wants_release = !lost;
    if (!lost && !member->holds_on) {
        member->wants_release = false;
        queue_release(member->queue);
    }
}

static void on_committed(void *payload, const struct queue_result *result)
{
    struct member *member = payload;

    assert_false(queue_is_committing(member->queue));
    member->committed = true;
    member->result = result->verdict;
    member->refused = result->message;
    member->err = result->err;
}

static void on_notice(void *payload, enum log_level level, const char *text)
{
    assert_true(text[0] != '\0');
}

static void on_failed(void *payload, const struct error *err)
{
    struct member *member = payload;

    member->failed = true;
}

static void on_closed(void *payload)
{
    struct member *member = payload;

    assert_false(member->closed);
    member->closed = true;
}

static const struct queue_handler handler = {
    .record = on_record,
    .assigned = on_assigned,
    .revoked = on_revoked,
    .committed = on_committed,
    .notice = on_notice,
    .failed = on_failed,
    .closed = on_closed,
};

/* So that rebalances do not take longer than they must */
static const struct field_pair fast_pairs[] = {
    {"session.timeout.ms", "3000"},
    {"heartbeat.interval.ms", "200"},
};
static const struct field_map fast = {fast_pairs, ARRAY_SIZE(fast_pairs)};

static void member_open_as(struct member *member, struct loop *loop,
                           const char *brokers, const char *instance_id)
{
    static uint64_t random;
    struct queue_options options = {.brokers = brokers,
                                    .group = "group",
                                    .topic = EVENTS,
                                    .instance_id = instance_id,
                                    .properties = &fast,
                                    .random = ++random};
    struct error err;

    *member = (struct member){.loop = loop};
    if (queue_open(loop, &options, &handler, member, &member->queue, &err) <
        0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(member->assigned, 0); /* never from in there */
}

static void member_open(struct member *member, struct loop *loop,
                        const char *brokers)
{
    member_open_as(member, loop, brokers, NULL);
}

static void give_up(void *payload)
{
    bool *late = payload;

    *late = true;
}

/* Turns the loop until it is so, or for that long. */
static bool turn_until(struct loop *loop, bool (*is)(const void *payload),
                       const void *payload, unsigned timeout_ms)
{
    bool late = false;
    struct timer timer;

    timer_init(&timer, give_up, &late);
    loop_arm(loop, &timer, timeout_ms);
    while (!is(payload) && !late) {
        loop_turn(loop, true);
    }
    loop_disarm(loop, &timer);
    return is(payload);
}

static bool is_never(const void *payload)
{
    return false;
}

static bool has_partition(const void *payload)
{
    return ((const struct member *)payload)->partitions > 0;
}

static bool has_all_partitions(const void *payload)
{
    return ((const struct member *)payload)->partitions == PARTITIONS;
}

static bool is_revoked(const void *payload)
{
    return ((const struct member *)payload)->revoked > 0;
}

static bool is_committed(const void *payload)
{
    return ((const struct member *)payload)->committed;
}

static bool is_closed(const void *payload)
{
    return ((const struct member *)payload)->closed;
}

static bool has_rows(const void *payload)
{
    return ((const struct member *)payload)->records >= (int)ARRAY_SIZE(rows);
}

static bool is_paused(const void *payload)
{
    return ((const struct member *)payload)->paused;
}

#define await(member, is)                                                      \
    assert_true(turn_until((member)->loop, (is), (member), SOON_MS))

static void member_close(struct member *member)
{
    queue_close(member->queue);
    await(member, is_closed);
    queue_free(member->queue);
    assert_false(member->failed);
}

/* --- records ---------------------------------------------------------------
 */

static void records_arrive_as_they_were_written(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_rows(&cluster);
    member_open(&member, loop, cluster.brokers);
    member.checks_rows = true;
    await(&member, has_rows);
    member_close(&member);
    assert_int_equal(member.records, ARRAY_SIZE(rows));
    cluster_close(&cluster);
    loop_free(loop);
}

static bool can_work(const void *payload)
{
    const struct member *member = payload;
    struct queue_state can;

    queue_get_state(member->queue, &can);
    return can.member && can.producer && member->records == 20;
}

static void it_is_known_when_work_can_be_done_and_where_the_log_ends(
    void **state)
{
    const struct queue_partition at = {EVENTS, 1};
    struct loop *loop = loop_new(clock_system());
    struct queue_bounds bounds;
    struct queue_state can;
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, 20);
    member_open(&member, loop, cluster.brokers);
    queue_get_state(member.queue, &can);
    assert_false(can.member);
    queue_get_bounds(member.queue, &at, &bounds);
    assert_true(bounds.first == -1 && bounds.end == -1);
    await(&member, can_work);
    queue_get_bounds(member.queue, &at, &bounds);
    assert_true(bounds.end == 10);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

static void pausing_loses_nothing_and_repeats_nothing(void **state)
{
    enum { COUNT = 500 };
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;
    int pauses = 0;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, COUNT);
    member_open(&member, loop, cluster.brokers);
    member.pause_every = 60;
    while (member.records < COUNT / 60 * 60) {
        await(&member, is_paused);
        /* What is fetched ahead gets the chance to show. */
        turn_until(loop, is_never, NULL, pauses++ == 0 ? 1500 : 100);
        assert_int_equal(member.while_paused, 0);
        member.paused = false;
        queue_resume(member.queue);
    }
    /* More of them, while it is paused and running */
    write_numbers(&cluster, COUNT, COUNT + 100);
    while (member.records < COUNT + 100) {
        if (turn_until(loop, is_paused, &member, 2000)) {
            member.paused = false;
            queue_resume(member.queue);
        }
    }
    assert_int_equal(member.while_paused, 0);
    assert_false(member.out_of_order);
    for (int i = 0; i < COUNT + 100; i++) {
        assert_int_equal(member.seen[i], 1);
    }
    assert_true(pauses >= COUNT / 60);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* Partitions that come while it is paused are paused, too. */
static void a_queue_that_is_paused_at_once_reads_nothing(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, 20);
    member_open(&member, loop, cluster.brokers);
    member.paused = true;
    queue_pause(member.queue);
    await(&member, has_partition);
    turn_until(loop, is_never, NULL, 1500);
    assert_int_equal(member.records, 0);
    member.paused = false;
    queue_resume(member.queue);
    while (member.records < 20) {
        assert_true(turn_until(loop, has_partition, &member, SOON_MS));
        loop_turn(loop, true);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(member.seen[i], 1);
    }
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* --- positions -------------------------------------------------------------
 */

/* As another client of the group, which has no members yet */
static void commit_position(const struct cluster *cluster, int32_t partition,
                            int64_t offset, const char *metadata)
{
    rd_kafka_t *client =
        new_client(RD_KAFKA_CONSUMER,
                   (const char *const[]){"bootstrap.servers", cluster->brokers,
                                         "group.id", "group", NULL});
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(list, EVENTS, partition);

    at->offset = offset;
    at->metadata = strdup(metadata); /* the list frees it */
    at->metadata_size = strlen(metadata);
    assert_int_equal(rd_kafka_commit(client, list, 0),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

static bool has_twenty(const void *payload)
{
    return ((const struct member *)payload)->records >= 20;
}

static void a_new_group_begins_at_the_first_record(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, 20);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    for (int i = 0; i < PARTITIONS; i++) {
        assert_true(member.begins[i] == -1);
        assert_string_equal(member.metadata[i], "");
    }
    await(&member, has_twenty);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(member.seen[i], 1);
    }
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_partition_begins_where_it_was_left_with_what_was_said(
    void **state)
{
    static const char text[] = "V2F5YmlsbA==, and much more than that";
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, 26); /* 13 each */
    commit_position(&cluster, 0, 6, text);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    assert_true(member.begins[0] == 6);
    assert_string_equal(member.metadata[0], text);
    assert_true(member.begins[1] == -1);
    assert_string_equal(member.metadata[1], "");
    await(&member, has_twenty);
    turn_until(loop, is_never, NULL, 300);
    for (int i = 0; i < 26; i++) {
        assert_int_equal(member.seen[i], i % 2 == 1 || i / 2 >= 6);
    }
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* Offset 0 is a position like any other. */
static void a_position_at_the_first_offset_is_one(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    commit_position(&cluster, 1, 0, "");
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    assert_true(member.begins[0] == -1);
    assert_true(member.begins[1] == 0);
    assert_string_equal(member.metadata[1], "");
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* --- one partition ---------------------------------------------------------
 */

static const struct queue_partition first_partition = {EVENTS, 0};

static void pause_both_ways(struct member *member, bool partition)
{
    if (partition) {
        queue_pause_partition(member->queue, &first_partition);
    } else {
        queue_pause(member->queue);
    }
}

static void resume_both_ways(struct member *member, bool partition)
{
    if (partition) {
        queue_resume_partition(member->queue, &first_partition);
    } else {
        queue_resume(member->queue);
    }
}

/* Of the first partition, whose records have the even numbers */
static int records_of_first(const struct member *member)
{
    int count = 0;

    for (int i = 0; i < MOST_SEEN; i += PARTITIONS) {
        count += member->seen[i];
    }
    return count;
}

struct numbers {
    const struct member *member;
    int from; /* of every second one, beginning there */
    int to;
    const int *before; /* as often as this they were seen, and are once more */
};

static bool came_once_more(const void *payload)
{
    const struct numbers *numbers = payload;

    for (int i = numbers->from; i < numbers->to; i += PARTITIONS) {
        if (numbers->member->seen[i] <= numbers->before[i]) {
            return false;
        }
    }
    return true;
}

static void assert_come_once_more(const char *name, struct member *member,
                                  const int *before, int from, int to)
{
    struct numbers numbers = {member, from, to, before};

    if (!turn_until(member->loop, came_once_more, &numbers, 10000)) {
        int missing = from;

        while (member->seen[missing] > before[missing]) {
            missing += PARTITIONS;
        }
        fail_msg("%s: number %d does not come again", name, missing);
    }
}

static void a_partition_may_rest_while_the_other_goes_on(void **state)
{
    enum { COUNT = 100 };
    static const int never[MOST_SEEN];
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    queue_pause_partition(member.queue, &first_partition);
    queue_pause_partition(member.queue, &first_partition); /* no harm */
    write_numbers(&cluster, 0, COUNT);
    assert_come_once_more("the other one", &member, never, 1, COUNT);
    turn_until(loop, is_never, NULL, 500);
    assert_int_equal(records_of_first(&member), 0);
    /* All may go on: this one still rests. */
    queue_pause(member.queue);
    queue_resume(member.queue);
    turn_until(loop, is_never, NULL, 1000);
    assert_int_equal(records_of_first(&member), 0);
    /* It may go on, but all are paused. */
    queue_pause(member.queue);
    queue_resume_partition(member.queue, &first_partition);
    turn_until(loop, is_never, NULL, 1000);
    assert_int_equal(records_of_first(&member), 0);
    queue_resume(member.queue);
    assert_come_once_more("it", &member, never, 0, COUNT);
    turn_until(loop, is_never, NULL, 300);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(member.seen[i], 1);
    }
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* What is done around a rewind of the first partition:
 *
 *     w  the rewind     P  pause all      p  pause the partition
 *     .  a moment       R  resume all     r  resume the partition
 */
struct interplay {
    const char *name;
    const char *steps;
};

static const struct interplay interplays[] = {
    {"alone", "w"},
    {"twice", "ww"},
    {"while all are paused", "P.w.R"},
    {"while all are paused, without a moment", "PwR"},
    {"while it rests", "p.w.r"},
    {"while it rests, without a moment", "pwr"},
    {"as it is resumed", "p.rw"},
    {"all are paused at once, and resumed", "wPR"},
    {"all are paused at once, and resumed later", "wP.R"},
    {"it is paused at once, and resumed", "wpr"},
    {"it is paused at once, and resumed later", "wp.r"},
    {"while all are paused, which then pause once more", "PwRP.R"},
    {"while it rests, and all pause", "pwP.Rr"},
    {"while it rests, and all pause, which ends later", "pwP.r.R"},
    {"while both", "Pp.w.rR"},
    {"again, between two pauses", "wP.RwP.R"},
};

static void take_step(struct member *member, char step, int64_t offset)
{
    switch (step) {
    case 'w':
        queue_rewind(member->queue, &first_partition, offset);
        break;
    case 'P':
    case 'p':
        pause_both_ways(member, step == 'p');
        break;
    case 'R':
    case 'r':
        resume_both_ways(member, step == 'r');
        break;
    default:
        turn_until(member->loop, is_never, NULL, 300);
        break;
    }
}

enum { REWOUND = 60, FROM = 20 };

/* One member for all */
static struct cluster rewound_cluster;
static struct member rewound_member;

static int open_rewound(void **state)
{
    static const int never[MOST_SEEN];
    struct loop *loop = loop_new(clock_system());

    cluster_open(&rewound_cluster);
    write_numbers(&rewound_cluster, 0, REWOUND);
    member_open(&rewound_member, loop, rewound_cluster.brokers);
    assert_come_once_more("the first time", &rewound_member, never, 0, REWOUND);
    assert_come_once_more("the first time", &rewound_member, never, 1, REWOUND);
    return 0;
}

static int close_rewound(void **state)
{
    struct loop *loop = rewound_member.loop;

    member_close(&rewound_member);
    cluster_close(&rewound_cluster);
    loop_free(loop);
    return 0;
}

static void a_rewind_brings_records_once_more(void **state)
{
    const struct interplay *row = *state;
    struct member *member = &rewound_member;
    int before[MOST_SEEN];

    memcpy(before, member->seen, sizeof(before));
    for (const char *step = row->steps; *step != '\0'; step++) {
        take_step(member, *step, FROM / PARTITIONS);
    }
    assert_come_once_more(row->name, member, before, FROM, REWOUND);
    turn_until(member->loop, is_never, NULL, 200);
    /* Of the other one nothing, of those in front only what came before. */
    for (int i = 1; i < REWOUND; i += PARTITIONS) {
        assert_int_equal(member->seen[i], before[i]);
    }
}

/* --- batches ---------------------------------------------------------------
 */

static void put_offset(struct queue_batch *batch, int32_t partition,
                       int64_t offset)
{
    queue_batch_offset(
        batch, &(struct queue_position){{EVENTS, partition}, offset, "so far"});
}

static struct queue_batch *new_batch(void)
{
    struct queue_batch *batch = queue_batch_new();
    struct header header;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct message message = message_of(&rows[i], OUTCOMES, &header);

        queue_batch_message(batch, &message);
    }
    put_offset(batch, 0, 7);
    put_offset(batch, 1, 9);
    assert_true(queue_batch_size(batch) > 0);
    return batch;
}

static void commit(struct member *member)
{
    member->committed = false;
    queue_commit(member->queue, new_batch());
    assert_true(queue_is_committing(member->queue));
    assert_false(member->committed); /* never from in there */
    await(member, is_committed);
}

static size_t row_like(const rd_kafka_message_t *message)
{
    struct bytes key = {message->key, message->key_len};
    struct bytes value = {message->payload, message->len};
    rd_kafka_headers_t *headers = NULL;
    const char *name = NULL;
    struct bytes header = {NULL, 0};
    const void *data = NULL;

    if (rd_kafka_message_headers(message, &headers) == 0 &&
        rd_kafka_header_get_all(headers, 0, &name, &data, &header.len) == 0) {
        header.data = data;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];

        if (bytes_equal(key, row->key) && bytes_equal(value, row->value) &&
            (key.data == NULL) == (row->key.data == NULL) &&
            (value.data == NULL) == (row->value.data == NULL) &&
            (name == NULL) == (row->header == NULL) &&
            (name == NULL ||
             (strcmp(name, row->header) == 0 &&
              (header.data == NULL) == (row->header_value.data == NULL) &&
              bytes_equal(header, row->header_value)))) {
            return i;
        }
    }
    fail_msg("a message that nobody wrote, of %zu bytes", message->len);
    return 0;
}

static void count_row(void *payload, const rd_kafka_message_t *message)
{
    int *counts = payload;

    counts[row_like(message)]++;
}

static void a_batch_is_written_as_it_was_handed_in(void **state)
{
    struct loop *loop = loop_new(clock_system());
    int counts[ARRAY_SIZE(rows)] = {0};
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    commit(&member);
    assert_string_equal(member.err.message, "");
    assert_int_equal(member.result, QUEUE_COMMITTED);
    read_topic(&cluster, OUTCOMES, count_row, counts);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(counts[i], 1);
    }
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_batch_of_offsets_alone_is_committed(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct queue_batch *batch = queue_batch_new();
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    put_offset(batch, 0, 1);
    queue_commit(member.queue, batch);
    await(&member, is_committed);
    assert_int_equal(member.result, QUEUE_COMMITTED);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

struct failure {
    const char *name;
    int16_t api;
    rd_kafka_resp_err_t code;
    size_t times;
};

/* What a broker may answer, and what may happen to an answer on its way */
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

static void inject(const struct cluster *cluster, const struct failure *failure)
{
    rd_kafka_resp_err_t codes[4];

    assert_true(failure->times <= ARRAY_SIZE(codes));
    for (size_t i = 0; i < failure->times; i++) {
        codes[i] = failure->code;
    }
    rd_kafka_mock_push_request_errors_array(cluster->mock, failure->api,
                                            failure->times, codes);
}

/* Either nobody notices, or it is said to be aborted: then the same results,
 * handed in again, are written in the end. One failure may abort two batches:
 * librdkafka 2.0.2 first renews its producer id ("skipped sequence numbers").
 */
static void commit_in_the_end(struct member *member, const char *name)
{
    for (int tries = 0; tries < 5; tries++) {
        commit(member);
        if (member->result == QUEUE_COMMITTED) {
            return;
        }
        assert_true(member->err.message[0] != '\0');
        assert_int_equal(member->err.kind, ERROR_UNAVAILABLE);
    }
    fail_msg("%s: still aborted: %s", name, member->err.message);
}

static void check_failure(const struct cluster *cluster, struct member *member,
                          const struct failure *failure)
{
    int counts[ARRAY_SIZE(rows)] = {0};
    int before[ARRAY_SIZE(rows)] = {0};

    read_topic(cluster, OUTCOMES, count_row, before);
    inject(cluster, failure);
    commit_in_the_end(member, failure->name);
    rd_kafka_mock_clear_request_errors(cluster->mock, failure->api);
    read_topic(cluster, OUTCOMES, count_row, counts);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (counts[i] <= before[i]) {
            fail_msg("%s: %s was not written", failure->name, rows[i].label);
        }
    }
}

/* One member goes through them all, as it would have to. */
static struct cluster shared_cluster;
static struct member shared_member;

static int open_shared(void **state)
{
    struct loop *loop = loop_new(clock_system());

    cluster_open(&shared_cluster);
    member_open(&shared_member, loop, shared_cluster.brokers);
    return turn_until(loop, has_all_partitions, &shared_member, SOON_MS) ? 0
                                                                         : -1;
}

static int close_shared(void **state)
{
    struct loop *loop = shared_member.loop;

    member_close(&shared_member);
    cluster_close(&shared_cluster);
    loop_free(loop);
    return 0;
}

static void a_failure_of_the_brokers_is_overcome(void **state)
{
    const struct failure *failure = *state;

    check_failure(&shared_cluster, &shared_member, failure);
    /* And whoever comes behind it is not kept out. */
    commit_in_the_end(&shared_member, failure->name);
}

struct refusal {
    const char *name;
    int16_t api;
    rd_kafka_resp_err_t code;
    enum queue_verdict verdict;
    size_t message;
};

static const struct refusal refusals[] = {
    {"a message", API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
     QUEUE_REFUSED_MESSAGE, 1},
    {"metadata", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, QUEUE_REFUSED_METADATA, 0},
    {"the generation", API_TXN_OFFSET_COMMIT,
     RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, QUEUE_ABORTED, 0},
};

/* Two messages, of which the second is the larger one */
static void commit_two(struct member *member)
{
    static const unsigned char large[1000];
    struct queue_batch *batch = queue_batch_new();
    struct message message = {.topic = OUTCOMES, .value = {large, 10}};

    queue_batch_message(batch, &message);
    message.value.len = sizeof(large);
    queue_batch_message(batch, &message);
    put_offset(batch, 0, 7);
    member->committed = false;
    queue_commit(member->queue, batch);
    await(member, is_committed);
}

static void a_refusal_says_what_was_refused(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        const struct refusal *row = &refusals[i];

        commit_in_the_end(&member, row->name);
        /* Once for each request: the two may go to two partitions. */
        inject(&cluster, &(struct failure){row->name, row->api, row->code, 2});
        commit_two(&member);
        rd_kafka_mock_clear_request_errors(cluster.mock, row->api);
        if (member.result != row->verdict) {
            fail_msg("%s: verdict %d: %s", row->name, (int)member.result,
                     member.err.message);
        }
        assert_true(member.err.message[0] != '\0');
        if (row->verdict == QUEUE_REFUSED_MESSAGE) {
            assert_int_equal(member.refused, row->message);
        }
    }
    /* What was said of the last one is not said of the next. */
    commit_in_the_end(&member, "nothing");
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* A tombstone's dead letter may be too large by its headers alone. */
static void a_message_without_a_value_can_be_refused(void **state)
{
    static const unsigned char large[1000];
    struct loop *loop = loop_new(clock_system());
    struct queue_batch *batch = queue_batch_new();
    struct message message = {.topic = OUTCOMES, .key = {large, 1000}};
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    inject(&cluster,
           &(struct failure){"", API_PRODUCE,
                             RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1});
    queue_batch_message(batch, &message);
    queue_commit(member.queue, batch);
    await(&member, is_committed);
    assert_int_equal(member.result, QUEUE_REFUSED_MESSAGE);
    assert_int_equal(member.refused, 0);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_producer_that_cannot_start_yet_starts_later(void **state)
{
    static const struct failure failure = {
        "InitProducerId", API_INIT_PRODUCER_ID,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 3};
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    inject(&cluster, &failure);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    check_failure(&cluster, &member, &failure);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

/* --- the group -------------------------------------------------------------
 */

static void partitions_move_only_when_they_are_released(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member first;
    struct member second;

    cluster_open(&cluster);
    member_open(&first, loop, cluster.brokers);
    await(&first, has_all_partitions);
    first.holds_on = true;
    member_open(&second, loop, cluster.brokers);
    await(&first, is_revoked);
    assert_int_equal(first.partitions, 1);
    assert_true(first.wants_release);
    turn_until(loop, is_never, NULL, 1500);
    assert_int_equal(second.partitions, 0);
    first.holds_on = false;
    queue_release(first.queue);
    await(&second, has_partition);
    assert_int_equal(second.partitions, 1);
    assert_int_equal(first.partitions, 1);
    /* One leaves, the other takes over. */
    member_close(&first);
    await(&second, has_all_partitions);
    member_close(&second);
    cluster_close(&cluster);
    loop_free(loop);
}

static void what_two_members_read_is_everything_once(void **state)
{
    enum { COUNT = 200 };
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member members[2];

    cluster_open(&cluster);
    member_open(&members[0], loop, cluster.brokers);
    member_open(&members[1], loop, cluster.brokers);
    await(&members[0], has_partition);
    await(&members[1], has_partition);
    while (members[0].partitions + members[1].partitions != PARTITIONS) {
        loop_turn(loop, true);
    }
    write_numbers(&cluster, 0, COUNT);
    while (members[0].records + members[1].records < COUNT) {
        loop_turn(loop, true);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(members[0].seen[i] + members[1].seen[i], 1);
    }
    assert_true(members[0].records > 0 && members[1].records > 0);
    member_close(&members[0]);
    member_close(&members[1]);
    cluster_close(&cluster);
    loop_free(loop);
}

static void closing_gives_the_partitions_back_first(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    await(&member, has_all_partitions);
    member.holds_on = true;
    queue_close(member.queue);
    assert_int_equal(member.revoked, 0); /* never from in there */
    await(&member, is_revoked);
    assert_int_equal(member.partitions, 0);
    /* A last batch still has its time. */
    commit(&member);
    assert_int_equal(member.result, QUEUE_COMMITTED);
    assert_false(member.closed);
    queue_release(member.queue);
    await(&member, is_closed);
    queue_free(member.queue);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_queue_without_partitions_can_be_closed(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    member_open(&member, loop, cluster.brokers);
    member_close(&member);
    assert_int_equal(member.revoked, 0);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_paused_queue_can_be_closed(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, 50);
    member_open(&member, loop, cluster.brokers);
    member.pause_every = 10;
    await(&member, is_paused);
    member_close(&member);
    assert_int_equal(member.records, 10);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_queue_without_brokers_can_be_closed(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct member member;

    member_open(&member, loop, "127.0.0.1:1");
    turn_until(loop, is_never, NULL, 500);
    member_close(&member);
    assert_int_equal(member.assigned, 0);
    loop_free(loop);
}

static void a_batch_without_brokers_does_not_keep_the_queue_open(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct member member;

    member_open(&member, loop, "127.0.0.1:1");
    queue_commit(member.queue, new_batch());
    member_close(&member);
    assert_false(member.committed && member.result == QUEUE_COMMITTED);
    loop_free(loop);
}

static void a_member_with_a_name_is_one(void **state)
{
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member;

    cluster_open(&cluster);
    write_numbers(&cluster, 0, 20);
    member_open_as(&member, loop, cluster.brokers, "waybill-0");
    await(&member, has_all_partitions);
    await(&member, has_twenty);
    commit(&member);
    assert_int_equal(member.result, QUEUE_COMMITTED);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

static void check_property_of(enum client_role role, const char *instance_id,
                              const char *key, const char *wanted)
{
    struct queue_options options = {.brokers = "h:1",
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

/* --- without a group -------------------------------------------------------
 */

static void open_publisher(const char *brokers, struct publisher **publisher)
{
    struct queue_options options = {
        .brokers = brokers, .group = "unused", .topic = OUTCOMES};
    struct error err;

    if (publisher_open(&options, publisher, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void what_is_published_is_there_as_it_was(void **state)
{
    int counts[ARRAY_SIZE(rows)] = {0};
    struct publisher *publisher;
    struct cluster cluster;
    struct header header;
    struct error err;

    cluster_open(&cluster);
    open_publisher(cluster.brokers, &publisher);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct message message = message_of(&rows[i], OUTCOMES, &header);

        assert_return_code(publisher_send(publisher, &message, &err), 0);
    }
    assert_return_code(publisher_flush(publisher, SOON_MS, &err), 0);
    publisher_free(publisher);
    read_topic(&cluster, OUTCOMES, count_row, counts);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(counts[i], 1);
    }
    cluster_close(&cluster);
}

static void publishing_to_nowhere_ends_in_its_time(void **state)
{
    struct queue_options options = {
        .brokers = "127.0.0.1:1", .group = "unused", .topic = OUTCOMES};
    uint64_t began = clock_monotonic_ms(clock_system());
    struct publisher *publisher = NULL;
    struct error err;

    assert_int_equal(publisher_open(&options, &publisher, &err), -1);
    assert_null(publisher);
    assert_int_equal(err.kind, ERROR_UNREACHABLE);
    assert_non_null(strstr(err.message, "127.0.0.1:1"));
    assert_true(clock_monotonic_ms(clock_system()) - began < 13000);
}

static void a_topic_that_is_missing_is_named(void **state)
{
    struct queue_options options = {.group = "unused", .topic = OUTCOMES};
    struct publisher *publisher = NULL;
    struct cluster cluster;
    struct error err;

    cluster_open(&cluster);
    options.brokers = cluster.brokers;
    rd_kafka_mock_topic_set_error(cluster.mock, OUTCOMES,
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(publisher_open(&options, &publisher, &err), -1);
    assert_null(publisher);
    assert_int_equal(err.kind, ERROR_REJECTED);
    assert_non_null(strstr(err.message, "'" OUTCOMES "'"));
    cluster_close(&cluster);
}

static void brokers_that_go_away_are_not_waited_for_longer_than_said(
    void **state)
{
    struct header header;
    struct message message = message_of(&rows[0], OUTCOMES, &header);
    struct publisher *publisher;
    struct cluster cluster;
    struct error err;
    uint64_t began;

    cluster_open(&cluster);
    open_publisher(cluster.brokers, &publisher);
    rd_kafka_mock_broker_set_down(cluster.mock, 1);
    began = clock_monotonic_ms(clock_system());
    assert_return_code(publisher_send(publisher, &message, &err), 0);
    assert_int_equal(publisher_flush(publisher, 1000, &err), -1);
    assert_int_equal(err.kind, ERROR_UNREACHABLE);
    assert_true(err.message[0] != '\0');
    publisher_free(publisher);
    assert_true(clock_monotonic_ms(clock_system()) - began < 5000);
    cluster_close(&cluster);
}

static void what_the_brokers_refuse_is_rejected(void **state)
{
    static const struct failure failure = {
        "", API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1};
    struct header header;
    struct message message = message_of(&rows[0], OUTCOMES, &header);
    struct publisher *publisher;
    struct cluster cluster;
    struct error err;

    cluster_open(&cluster);
    inject(&cluster, &failure);
    open_publisher(cluster.brokers, &publisher);
    assert_return_code(publisher_send(publisher, &message, &err), 0);
    assert_int_equal(publisher_flush(publisher, SOON_MS, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECTED);
    assert_non_null(strstr(err.message, "1 event"));
    publisher_free(publisher);
    cluster_close(&cluster);
}

/* --- properties ------------------------------------------------------------
 */

static void a_property_is_refused_for_a_reason(void **state)
{
    static const struct {
        const char *key;
        const char *value;
        const char *says; /* NULL: it is taken */
    } cases[] = {
        {"security.protocol", "SASL_SSL", NULL},
        {"sasl.mechanism", "SCRAM-SHA-512", NULL},
        {"sasl.password", "Tr0ub4dor", NULL},
        {"client.rack", "a", NULL},
        {"ssl.ca.location", "/nowhere/ca.pem", NULL},
        {"session.timeout.ms", "45000", NULL},
        {"linger.ms", "5", NULL},
        {"bootstrap.servers", "a:9092", "kafka.brokers"},
        {"metadata.broker.list", "a:9092", "kafka.brokers"},
        {"group.id", "g", "kafka.group"},
        {"transactional.id", "t", "kafka.transactional_id"},
        {"enable.auto.commit", "true", "cannot be set here"},
        {"enable.auto.offset.store", "true", "cannot be set here"},
        {"auto.offset.reset", "latest", "cannot be set here"},
        {"isolation.level", "read_uncommitted", "cannot be set here"},
        {"enable.idempotence", "false", "cannot be set here"},
        {"acks", "1", "cannot be set here"},
        {"request.required.acks", "1", "cannot be set here"},
        {"partition.assignment.strategy", "range", "cannot be set here"},
        {"group.protocol", "consumer", "cannot be set here"},
        {"transaction.timeout.ms", "60000", "cannot be set here"},
        {"message.timeout.ms", "1", "cannot be set here"},
        {"plugin.library.paths", "x.so", "cannot be set here"},
        {"test.mock.num.brokers", "3", "cannot be set here"},
        {"security.protocl", "SSL", "did you mean 'security.protocol'?"},
        {"sesion.timeout.ms", "5", "did you mean 'session.timeout.ms'?"},
        {"no.such.property.at.all", "x", "unknown property"},
        {"", "x", "unknown property"},
        {"security.protocol", "Tr0ub4dor", "not one that librdkafka takes"},
        {"linger.ms", "Tr0ub4dor", "not one that librdkafka takes"},
        {"session.timeout.ms", "-5", "not one that librdkafka takes"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct error err = {0};
        int result = queue_check_property(cases[i].key, cases[i].value, &err);

        if ((result == 0) != (cases[i].says == NULL)) {
            fail_msg("%s = %s: %s", cases[i].key, cases[i].value, err.message);
        }
        if (result == 0) {
            assert_int_equal(err.kind, ERROR_NONE); /* not touched */
            continue;
        }
        assert_int_equal(err.kind, ERROR_CONFIG);
        if (strstr(err.message, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].key, err.message);
        }
        assert_null(strstr(err.message, "Tr0ub4dor"));
    }
}

/* What the check lets pass, the clients take. */
static void properties_reach_both_clients_without_a_word(void **state)
{
    static const struct field_pair pairs[] = {
        {"client.rack", "rack"},        {"linger.ms", "3"},
        {"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "200"},
        {"fetch.wait.max.ms", "50"},    {"compression.codec", "none"},
    };
    static const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    struct loop *loop = loop_new(clock_system());
    struct cluster cluster;
    struct member member = {.loop = loop};
    struct queue_options options = {.group = "group",
                                    .topic = EVENTS,
                                    .transactional_id = "one",
                                    .properties = &map};
    struct error err;

    cluster_open(&cluster);
    options.brokers = cluster.brokers;
    assert_return_code(
        queue_open(loop, &options, &handler, &member, &member.queue, &err), 0);
    await(&member, has_all_partitions);
    commit(&member);
    assert_int_equal(member.result, QUEUE_COMMITTED);
    member_close(&member);
    cluster_close(&cluster);
    loop_free(loop);
}

static void a_bad_property_keeps_the_queue_from_opening(void **state)
{
    static const struct field_pair pairs[] = {{"linger.ms", "Tr0ub4dor"}};
    static const struct field_map map = {pairs, ARRAY_SIZE(pairs)};
    struct loop *loop = loop_new(clock_system());
    struct queue_options options = {.brokers = "127.0.0.1:1",
                                    .group = "group",
                                    .topic = EVENTS,
                                    .properties = &map};
    struct publisher *publisher = NULL;
    struct error err;

    assert_int_equal(publisher_open(&options, &publisher, &err), -1);
    assert_null(publisher);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_non_null(strstr(err.message, "linger.ms"));
    assert_null(strstr(err.message, "Tr0ub4dor"));
    loop_free(loop);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(records_arrive_as_they_were_written),
    cmocka_unit_test(it_is_known_when_work_can_be_done_and_where_the_log_ends),
    cmocka_unit_test(pausing_loses_nothing_and_repeats_nothing),
    cmocka_unit_test(a_queue_that_is_paused_at_once_reads_nothing),
    cmocka_unit_test(a_new_group_begins_at_the_first_record),
    cmocka_unit_test(a_partition_begins_where_it_was_left_with_what_was_said),
    cmocka_unit_test(a_position_at_the_first_offset_is_one),
    cmocka_unit_test(a_partition_may_rest_while_the_other_goes_on),
    cmocka_unit_test(a_refusal_says_what_was_refused),
    cmocka_unit_test(a_message_without_a_value_can_be_refused),
    cmocka_unit_test(a_member_with_a_name_is_one),
    cmocka_unit_test(the_name_is_the_consumers_only),
    cmocka_unit_test(a_batch_is_written_as_it_was_handed_in),
    cmocka_unit_test(a_batch_of_offsets_alone_is_committed),
    cmocka_unit_test(a_producer_that_cannot_start_yet_starts_later),
    cmocka_unit_test(partitions_move_only_when_they_are_released),
    cmocka_unit_test(what_two_members_read_is_everything_once),
    cmocka_unit_test(closing_gives_the_partitions_back_first),
    cmocka_unit_test(a_queue_without_partitions_can_be_closed),
    cmocka_unit_test(a_paused_queue_can_be_closed),
    cmocka_unit_test(a_queue_without_brokers_can_be_closed),
    cmocka_unit_test(a_batch_without_brokers_does_not_keep_the_queue_open),
    cmocka_unit_test(what_is_published_is_there_as_it_was),
    cmocka_unit_test(publishing_to_nowhere_ends_in_its_time),
    cmocka_unit_test(a_topic_that_is_missing_is_named),
    cmocka_unit_test(brokers_that_go_away_are_not_waited_for_longer_than_said),
    cmocka_unit_test(what_the_brokers_refuse_is_rejected),
    cmocka_unit_test(a_property_is_refused_for_a_reason),
    cmocka_unit_test(properties_reach_both_clients_without_a_word),
    cmocka_unit_test(a_bad_property_keeps_the_queue_from_opening),
};

int main(void)
{
    struct CMUnitTest overcome[ARRAY_SIZE(failures)];
    struct CMUnitTest rewinds[ARRAY_SIZE(interplays)];
    int failed;

    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        overcome[i] = (struct CMUnitTest){
            .name = failures[i].name,
            .test_func = a_failure_of_the_brokers_is_overcome,
            .initial_state = (void *)&failures[i]};
    }
    for (size_t i = 0; i < ARRAY_SIZE(interplays); i++) {
        rewinds[i] =
            (struct CMUnitTest){.name = interplays[i].name,
                                .test_func = a_rewind_brings_records_once_more,
                                .initial_state = (void *)&interplays[i]};
    }
    failed = run_shard("others", others, ARRAY_SIZE(others), NULL, NULL);
    failed += run_shard("rewinds", rewinds, ARRAY_SIZE(rewinds), open_rewound,
                        close_rewound);
    return failed + run_shard("overcome", overcome, ARRAY_SIZE(overcome),
                              open_shared, close_shared);
}
