#ifndef SIMULATE_BROKER_H
#define SIMULATE_BROKER_H

#include <sys/queue.h>

#include "rules.h"
#include "sim.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/* A model of the parts of Kafka that the guarantees depend on: logs with gaps,
 * transactions (epochs, timeouts, prepare and complete), offsets that are
 * pending while their transaction is, and a group with generations and
 * cooperative rebalance. It is used by calls, which take time in both
 * directions, and which may arrive after their sender has been killed. */

/* The partitions of both topics that are read, with numbers of the model:
 * number 0 is the only one of the replays topic, and number N is partition N -
 * 1 of the other topic. */
#define MAX_PARTITIONS 7
#define MAX_LIVES 256 /* instances whose rejected metadata is counted */
#define REPLAYS 0

enum txn_state { TXN_OPEN, TXN_PREPARED, TXN_COMMITTED, TXN_ABORTED };

struct txn_offset {
    int32_t partition;
    int64_t offset;
    const char *metadata; /* the arena's */
    unsigned creation;    /* of the topic that the sender has read */
};

struct txn {
    struct broker *broker;
    struct txn *next; /* from an earlier incarnation of the producer */
    unsigned number;
    struct producer *producer;
    unsigned life; /* of the instance */
    enum txn_state state;
    struct txn_offset offsets[MAX_PARTITIONS];
    size_t offset_count;
    const char *trespass; /* NULL: the sender of the offsets owned them */
    struct timer
        timer; /* times out while it is open, completes when it is prepared */
};

struct log_record {
    int64_t offset; /* -1: deleted, and not readable any more */
    int64_t was;    /* its offset while it existed */
    struct message message;
    struct txn *txn; /* NULL: written without a transaction */
};

struct log {
    const char *topic;
    /* From this offset on it cannot be read before that time. */
    int64_t spoiled;
    uint64_t spoiled_until_ms;
    struct log_record *records;
    size_t count;
    size_t capacity;
    int64_t end;       /* the next offset */
    unsigned creation; /* how often the topic has been created again */
};

struct producer {
    struct producer *next;
    const char *id;
    unsigned epoch;
    struct txn *current; /* open or prepared */
    enum txn_state
        last; /* how the previous one ended; TXN_OPEN: there was none */
};

struct member {
    TAILQ_ENTRY(member) link;
    struct broker *broker;
    uint64_t id;
    struct call *join; /* waits until the rebalance has ended */
    unsigned
        owned; /* partitions, one bit each: those that it reported to own */
    unsigned assigned; /* the assignment of the last generation */
    struct timer session;
};

enum group_state { GROUP_STABLE, GROUP_PREPARING };

/* Coordinators are on different brokers, so one may be unavailable alone. */
enum role { ROLE_GROUP, ROLE_TRANSACTIONS, ROLE_COUNT };

struct broker {
    struct sim *sim;
    size_t partitions;
    size_t known_partitions; /* known to the group */
    struct timer discovery;
    struct log input[MAX_PARTITIONS];
    struct log outcomes;
    struct log dead_letters;
    int64_t committed[MAX_PARTITIONS]; /* -1: none yet */
    const char *committed_metadata[MAX_PARTITIONS];
    unsigned committed_creation[MAX_PARTITIONS];
    struct producer *producers;
    unsigned txn_count;
    TAILQ_HEAD(, member) members;
    uint64_t member_count; /* ever */
    enum group_state group;
    int64_t generation;
    uint64_t stable_ms;    /* the start of that generation */
    struct timer deadline; /* of a rebalance */
    TAILQ_HEAD(, call) calls;
    struct rules rules;
    uint64_t
        rejected; /* transactions that were aborted because of their messages */
    /* transactions of the process with that number (sim.h, `life`) that were
     * aborted because the offset metadata was too large */
    unsigned too_large[MAX_LIVES];
    uint64_t away_until_ms[ROLE_COUNT];
    uint64_t moving_until_ms; /* the coordinator of transactions */
    /* During this time the permission to write the output topics is missing. */
    uint64_t denied_from_ms;
    uint64_t denied_until_ms;
    uint64_t session_ms;
    uint64_t rebalance_ms;
    uint64_t txn_ms;
    uint64_t txn_slow_ms; /* the maximum duration of a step of a transaction */
    size_t metadata_max;  /* offset.metadata.max.bytes */
};

/* Convert a partition of the model to its name in Kafka, and back. */
struct kafka_partition broker_name_of(int32_t number);
int32_t broker_number_of(const struct kafka_partition *at);

struct broker *broker_new(struct sim *sim, size_t partitions);
void broker_free(struct broker *broker);
/* Makes the broker unreachable for that long; calls in transit arrive
 * afterwards. */
void broker_go_away(struct broker *broker, enum role role, uint64_t ms);
bool broker_is_away(const struct broker *broker, enum role role);
/* Whether the permission to write is missing now */
bool broker_denies(const struct broker *broker);
/* For that long the coordinator of transactions asks clients to retry. */
void broker_move(struct broker *broker, uint64_t ms);
/* Adds one partition, which the group discovers after that delay. */
void broker_grow(struct broker *broker, uint64_t found_ms);
/* Batches that are written from now on cannot be decompressed for that long. */
void broker_spoil(struct broker *broker, size_t partition, uint64_t ms);
bool broker_is_spoiled(const struct broker *broker, int32_t partition,
                       int64_t offset);
/* Deletes the topic of the attestations with everything in it, and creates it
 * again, empty. */
void broker_recreate(struct broker *broker);
/* Returns the committed offset if it is one of the present topic; -1: there is
 * none. Kafka deletes the others together with the topic. An offset that a
 * client commits before it notices the deletion remains in Kafka until it
 * notices. The model omits that a successor could use such an offset, because
 * no client can detect it. */
int64_t broker_committed(const struct broker *broker, int32_t partition);
bool broker_is_pending(const struct broker *broker, int32_t partition);
struct member *broker_member(struct broker *broker, uint64_t id);

struct call;

/* --- log.c ------------------------------------------------------------------
 */

void log_append(struct broker *broker, struct log *log,
                const struct message *message, struct txn *txn);
void broker_append_input(struct broker *broker, size_t partition,
                         const struct message *message, int64_t gap);
void log_serve_fetch(struct broker *broker, struct call *call);
/* Retention: deletes the first `thousandths` of a partition. */
void broker_expire(struct broker *broker, size_t partition,
                   unsigned thousandths);
/* Compaction: deletes that many records at any position. */
void broker_compact(struct broker *broker, size_t partition,
                    struct random *random);
/* Whether any member could still have read it */
bool broker_is_gone(const struct broker *broker, int32_t partition,
                    int64_t offset);

/* --- calls ------------------------------------------------------------------
 */

enum call_kind {
    CALL_JOIN,
    CALL_HEARTBEAT,
    CALL_LEAVE,
    CALL_OFFSET,
    CALL_FETCH,
    CALL_INIT,
    CALL_PRODUCE,
    CALL_OFFSETS,
    CALL_END,
    CALL_ABORT,
};

enum call_error {
    CALL_OK,
    CALL_UNKNOWN_MEMBER,
    CALL_REBALANCING,
    CALL_UNSTABLE, /* a pending offset: the client retries */
    CALL_BUSY,     /* a prepared transaction: the client retries */
    CALL_FENCED,   /* another client has the producer id now */
    CALL_ABORTABLE,
    CALL_REJECTED, /* some of the messages were rejected */
    CALL_METADATA_TOO_LARGE,
    CALL_DENIED, /* not permitted at present */
};

typedef void call_reply_fn(void *payload, const struct call *call);

struct call {
    TAILQ_ENTRY(call) link;
    struct broker *broker;
    struct instance
        *instance; /* NULL: the sender no longer waits for the reply */
    unsigned life;
    enum call_kind kind;
    struct timer timer; /* the loop of the world on the way to the broker, then
                           that of the instance */
    bool returning;
    bool shed; /* waits at the broker for a result */
    call_reply_fn *reply;
    void *payload;
    /* Asked */
    uint64_t member;
    int64_t generation;
    unsigned owned;
    int32_t partition;
    int64_t offset;
    unsigned creation; /* of the topic that the offset refers to */
    size_t max;
    const char *transactional_id;
    unsigned epoch;
    const struct message *messages;
    const bool
        *isolated; /* each of these messages is in a record batch of its own */
    size_t message_count;
    struct txn_offset offsets[MAX_PARTITIONS];
    size_t offset_count;
    /* Answered */
    enum call_error error;
    unsigned assigned;
    size_t first; /* positions in the log */
    size_t count;
    const char *metadata; /* metadata of an offset; never NULL */
    bool of_any_creation; /* the requested offset, even one of the old topic */
    const struct kafka_rejection *rejections;
    size_t rejection_count;
    /* A request or a reply was lost and is repeated; the lost one may arrive
     * much later. */
    bool in_doubt;
};

/* The world owns it; the caller need not keep it. */
struct call *call_new(struct instance *instance, enum call_kind kind,
                      call_reply_fn *reply, void *payload);
void call_send(struct call *call);
void call_answer(struct call *call, enum call_error error);
/* The reply is not called any more; the call itself may still arrive. */
void calls_forget(struct broker *broker, const struct instance *instance);
const char *call_name(enum call_kind kind);

/* --- transaction.c, group.c -------------------------------------------------
 */

void transaction_serve(struct broker *broker, struct call *call);
void producers_free(struct broker *broker);
void group_serve(struct broker *broker, struct call *call);
void group_found_more(struct broker *broker);
void group_free(struct broker *broker);

#endif
