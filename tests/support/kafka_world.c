#include "kafka_world.h"

#include "waybill/alloc.h"

/* librdkafka 2.0.2 leaks the offsets of a transaction that fails fatally while
 * they are sent. Only that leak is suppressed; without the whole stack it could
 * not be distinguished from a leak of ours. */
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

/* --- the cluster -----------------------------------------------------------
 */

rd_kafka_t *new_client(rd_kafka_type_t type, const char *const *pairs)
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

void cluster_open(struct cluster *cluster)
{
    cluster->host = new_client(RD_KAFKA_PRODUCER, (const char *const[]){NULL});
    cluster->mock = rd_kafka_mock_cluster_new(cluster->host, 1);
    assert_non_null(cluster->mock);
    cluster->brokers = rd_kafka_mock_cluster_bootstraps(cluster->mock);
    rd_kafka_mock_topic_create(cluster->mock, EVENTS, PARTITIONS, 1);
    rd_kafka_mock_topic_create(cluster->mock, OUTCOMES, PARTITIONS, 1);
}

void cluster_close(struct cluster *cluster)
{
    rd_kafka_mock_cluster_destroy(cluster->mock);
    rd_kafka_destroy(cluster->host);
}

#define TEXT(text)                                                             \
    {                                                                          \
        (const unsigned char *)(text), sizeof(text) - 1                        \
    }
#define ABSENT                                                                 \
    {                                                                          \
        NULL, 0                                                                \
    }

const struct row rows[ROWS] = {
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

struct message message_of(const struct row *row, const char *topic,
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

/* Writes to a partition, in order, with a separate client. */
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

void write_rows(const struct cluster *cluster)
{
    rd_kafka_t *producer = new_client(
        RD_KAFKA_PRODUCER,
        (const char *const[]){"bootstrap.servers", cluster->brokers, NULL});

    for (size_t i = 0; i < ROWS; i++) {
        write_row(producer, &rows[i], 0);
    }
    assert_int_equal(rd_kafka_flush(producer, SOON_MS), 0);
    rd_kafka_destroy(producer);
}

void write_numbers(const struct cluster *cluster, int from, int to)
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

/* Calls `seen` for all records of a topic, up to its end. */
void read_topic(const struct cluster *cluster, const char *topic,
                void (*seen)(void *payload, const rd_kafka_message_t *message),
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

/* --- a client and its events --------------------------------------------- */

static void on_record(void *payload, const struct input *input)
{
    struct member *member = payload;
    const struct message *message = &input->message;
    char text[16];
    int number;

    assert_string_equal(message->topic, EVENTS);
    assert_in_range(input->partition, 0, PARTITIONS - 1);
    assert_true(member->mine[input->partition]); /* it was announced before */
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
    assert_in_range(number, 0, MAX_SEEN - 1);
    member->seen[number]++;
    if (member->pause_every > 0 && member->records % member->pause_every == 0) {
        member->paused = true;
        kafka_pause(member->queue);
    }
}

static void on_assigned(void *payload, const struct kafka_position *positions,
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

static void on_revoked(void *payload, const struct kafka_partition *partitions,
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
        kafka_complete_revocation(member->queue);
    }
}

static void on_committed(void *payload, const struct kafka_result *result)
{
    struct member *member = payload;

    assert_false(kafka_is_committing(member->queue));
    member->committed = true;
    member->result = result->verdict;
    member->rejection_count = result->rejection_count;
    if (result->rejection_count > 0) {
        member->rejection = result->rejections[0];
    }
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

const struct kafka_handler member_handler = {
    .record = on_record,
    .assigned = on_assigned,
    .revoked = on_revoked,
    .committed = on_committed,
    .notice = on_notice,
    .failed = on_failed,
    .closed = on_closed,
};

/* Keeps rebalances as short as possible. */
static const struct field_pair fast_pairs[] = {
    {"session.timeout.ms", "3000"},
    {"heartbeat.interval.ms", "200"},
    {"message.max.bytes", "2000"}, /* only if the test requests it */
};
static const struct field_map fast = {fast_pairs, 2};
static const struct field_map fast_and_small = {fast_pairs, 3};

static void member_open_as(struct member *member, struct loop *loop,
                           const char *brokers, const char *instance_id)
{
    static uint64_t random;
    struct kafka_options options = {
        .brokers = brokers,
        .group = "group",
        .topic = EVENTS,
        .instance_id = instance_id,
        .properties = world.small_messages ? &fast_and_small : &fast,
        .random = ++random};
    struct error err;

    *member = (struct member){.loop = loop};
    if (kafka_open(loop, &options, &member_handler, member, &member->queue,
                   &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(member->assigned, 0); /* never from within the function */
}

void member_open(struct member *member, struct loop *loop, const char *brokers)
{
    member_open_as(member, loop, brokers, NULL);
}

static void give_up(void *payload)
{
    bool *late = payload;

    *late = true;
}

/* Turns the loop until the condition holds, or for that long. */
bool turn_until(struct loop *loop, bool (*is)(const void *payload),
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

bool is_never(const void *payload)
{
    return false;
}

bool has_partition(const void *payload)
{
    return ((const struct member *)payload)->partitions > 0;
}

bool has_all_partitions(const void *payload)
{
    return ((const struct member *)payload)->partitions == PARTITIONS;
}

bool is_revoked(const void *payload)
{
    return ((const struct member *)payload)->revoked > 0;
}

bool is_committed(const void *payload)
{
    return ((const struct member *)payload)->committed;
}

bool is_closed(const void *payload)
{
    return ((const struct member *)payload)->closed;
}

bool is_paused(const void *payload)
{
    return ((const struct member *)payload)->paused;
}

void member_close(struct member *member)
{
    kafka_close(member->queue);
    await(member, is_closed);
    kafka_free(member->queue);
    assert_false(member->failed);
}

bool has_twenty(const void *payload)
{
    return ((const struct member *)payload)->records >= 20;
}

void append_offset(struct kafka_batch *batch, int32_t partition, int64_t offset)
{
    kafka_batch_add_offset(
        batch, &(struct kafka_position){{EVENTS, partition}, offset, "so far"});
}

struct kafka_batch *new_batch(void)
{
    struct kafka_batch *batch = kafka_batch_new();
    struct header header;

    for (size_t i = 0; i < ROWS; i++) {
        struct message message = message_of(&rows[i], OUTCOMES, &header);

        kafka_batch_add_message(batch, &message);
    }
    append_offset(batch, 0, 7);
    append_offset(batch, 1, 9);
    assert_true(kafka_batch_size(batch) > 0);
    return batch;
}

void commit(struct member *member)
{
    member->committed = false;
    kafka_commit(member->queue, new_batch());
    assert_true(kafka_is_committing(member->queue));
    assert_false(member->committed); /* never from within the function */
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
    for (size_t i = 0; i < ROWS; i++) {
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

void count_row(void *payload, const rd_kafka_message_t *message)
{
    int *counts = payload;

    counts[row_like(message)]++;
}

void inject(const struct cluster *cluster, const struct failure *failure)
{
    rd_kafka_resp_err_t codes[4];

    assert_true(failure->times <= ARRAY_SIZE(codes));
    for (size_t i = 0; i < failure->times; i++) {
        codes[i] = failure->code;
    }
    rd_kafka_mock_push_request_errors_array(cluster->mock, failure->api,
                                            failure->times, codes);
}

/* --- the environment of a test ------------------------------------------- */

struct kafka_world world;

int world_open(void **state)
{
    world.loop = loop_new(clock_system());
    world.joined = false;
    world.small_messages = false;
    cluster_open(&world.cluster);
    return 0;
}

int world_close(void **state)
{
    if (world.joined) {
        member_close(&world.member);
    }
    cluster_close(&world.cluster);
    loop_free(world.loop);
    return 0;
}

void join_as(const char *instance_id)
{
    member_open_as(&world.member, world.loop, world.cluster.brokers,
                   instance_id);
    world.joined = true;
}

void join(void)
{
    join_as(NULL);
}

void join_whole(void)
{
    join();
    await(&world.member, has_all_partitions);
}

void leave(void)
{
    world.joined = false;
    world.small_messages = false;
    member_close(&world.member);
}

void wait_ms(unsigned ms)
{
    turn_until(world.loop, is_never, NULL, ms);
}
