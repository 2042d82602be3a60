#ifndef WAYBILL_TESTS_KAFKA_WORLD_H
#define WAYBILL_TESTS_KAFKA_WORLD_H

/* kafka.h with the real librdkafka and its mock cluster, which runs in this
 * process. The mock does not store the offsets of transactions and has no
 * isolation levels: transactional guarantees are tested with a real Kafka. */

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "asserts.h"
#include "waybill/kafka.h"

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

/* --- the cluster ---------------------------------------------------------- */

struct cluster {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
    const char *brokers;
};

/* A plain librdkafka client; `pairs` are names and values of properties and
 * end with NULL. */
rd_kafka_t *new_client(rd_kafka_type_t type, const char *const *pairs);
void cluster_open(struct cluster *cluster);
void cluster_close(struct cluster *cluster);

struct failure {
    const char *name;
    int16_t api;
    rd_kafka_resp_err_t code;
    size_t times;
};

/* Makes the mock answer the next requests of that API with the error. */
void inject(const struct cluster *cluster, const struct failure *failure);

/* A record with at most one header */
struct row {
    const char *label;
    struct bytes key;
    struct bytes value;
    const char *header; /* NULL: none */
    struct bytes header_value;
};

#define ROWS 10
extern const struct row rows[ROWS];

struct message message_of(const struct row *row, const char *topic,
                          struct header *header);
/* Write records with a plain client: the rows to partition 0, the numbers to
 * all partitions in turn. */
void write_rows(const struct cluster *cluster);
void write_numbers(const struct cluster *cluster, int from, int to);
/* Calls `seen` for each record of a topic, up to its end. */
void read_topic(const struct cluster *cluster, const char *topic,
                void (*seen)(void *payload, const rd_kafka_message_t *message),
                void *payload);
/* A `seen` for read_topic(): the payload is an array in which element i
 * counts row i. */
void count_row(void *payload, const rd_kafka_message_t *message);

/* --- a client and its events ---------------------------------------------- */

#define MAX_SEEN 1000

struct member {
    struct loop *loop;
    struct kafka *queue;
    bool holds_on; /* does not release revoked partitions automatically */
    int pause_every;
    int partitions; /* assigned now */
    bool mine[PARTITIONS];
    int64_t begins[PARTITIONS]; /* start offset at assignment */
    char metadata[PARTITIONS][64];
    int assigned; /* times */
    int revoked;
    bool wants_release;
    bool paused;
    int while_paused; /* records that arrived while paused */
    int records;
    int seen[MAX_SEEN]; /* how often each number arrived */
    int64_t next[PARTITIONS];
    bool out_of_order;
    bool checks_rows;
    bool committed;
    enum kafka_verdict result;
    size_t rejection_count;
    struct kafka_rejection rejection; /* the first one */
    struct error err;
    bool failed;
    bool closed;
};

void member_open(struct member *member, struct loop *loop, const char *brokers);
/* The handler of a member, for tests that open a client themselves */
extern const struct kafka_handler member_handler;
/* Closes the client and waits for that; a failure fails the test. */
void member_close(struct member *member);

/* Runs the loop until the predicate holds or the timeout expires; returns
 * whether it holds. */
bool turn_until(struct loop *loop, bool (*is)(const void *payload),
                const void *payload, unsigned timeout_ms);
#define await(member, is)                                                      \
    assert_true(turn_until((member)->loop, (is), (member), SOON_MS))

bool is_never(const void *payload);
bool has_partition(const void *payload);
bool has_all_partitions(const void *payload);
bool has_twenty(const void *payload);
bool is_revoked(const void *payload);
bool is_committed(const void *payload);
bool is_closed(const void *payload);
bool is_paused(const void *payload);

/* A batch with all rows as outcomes and offsets of both partitions */
struct kafka_batch *new_batch(void);
void append_offset(struct kafka_batch *batch, int32_t partition,
                   int64_t offset);
/* Commits a new batch and waits for the result. */
void commit(struct member *member);

/* --- the environment of a test ------------------------------------------ */

/* A separate cluster, and a member of a separate group after join() */
struct kafka_world {
    struct loop *loop;
    struct cluster cluster;
    struct member member;
    bool joined;
    bool small_messages; /* of at most 2000 bytes, by message.max.bytes */
};
extern struct kafka_world world;

int world_open(void **state);
int world_close(void **state); /* closes the member first */
/* NULL: without static membership (group.instance.id) */
void join_as(const char *instance_id);
void join(void);
void join_whole(void); /* joins and waits for all partitions */
void leave(void);
void wait_ms(unsigned ms);

#define KAFKA_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, world_open, world_close)

#endif
