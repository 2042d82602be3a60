#ifndef SIMULATE_BROKER_H
#define SIMULATE_BROKER_H

#include <sys/queue.h>

#include "rules.h"
#include "sim.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * A model of Kafka, by what the promises hang on: logs with gaps, transactions
 * (epochs, timeouts, prepare and complete), offsets that are pending while
 * their transaction is, a group with generations and cooperative rebalance.
 * It is asked by calls, which take time both ways, and which may arrive when
 * the one who sent them is dead.
 */

/* Of both topics that are read, with numbers of the model's own: number 0 is
 * the replays topic's only one, and number N is partition N - 1 of the other.
 */
#define MAX_PARTITIONS 7
#define MAX_LIVES 256 /* of which rejected metadata is counted */
#define REPLAYS 0

enum txn_state { TXN_OPEN, TXN_PREPARED, TXN_COMMITTED, TXN_ABORTED };

struct txn_offset {
    int32_t partition;
    int64_t offset;
    const char *metadata; /* the arena's */
    unsigned creation;    /* of the topic that whoever sent it has read */
};

struct txn {
    struct broker *broker;
    struct txn *next; /* of the producer's past */
    unsigned number;
    struct producer *producer;
    unsigned life; /* of the instance */
    enum txn_state state;
    struct txn_offset offsets[MAX_PARTITIONS];
    size_t offset_count;
    const char *trespass; /* NULL: who sent the offsets owned them */
    struct timer timer;   /* times out while open, completes when prepared */
};

struct log_record {
    int64_t offset; /* -1: gone, nobody can read it any more */
    int64_t was;    /* its offset while it was there */
    struct message message;
    struct txn *txn; /* NULL: written without one */
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
    enum txn_state last; /* how the one before it ended; TXN_OPEN: none did */
};

struct member {
    TAILQ_ENTRY(member) link;
    struct broker *broker;
    uint64_t id;
    struct call *join; /* parked until the rebalance is through */
    unsigned owned;    /* partitions, a bit each: what it said it owns */
    unsigned assigned; /* what the last generation gave it */
    struct timer session;
};

enum group_state { GROUP_STABLE, GROUP_PREPARING };

/* Coordinators are on different brokers: one may be away by itself. */
enum role { ROLE_GROUP, ROLE_TRANSACTIONS, ROLE_COUNT };

struct broker {
    struct sim *sim;
    size_t partitions;
    size_t known_partitions; /* that the group knows of */
    struct timer discovery;
    struct log input[MAX_PARTITIONS];
    struct log outcomes;
    struct log dead_letters;
    int64_t committed[MAX_PARTITIONS]; /* -1: nothing yet */
    const char *committed_metadata[MAX_PARTITIONS];
    unsigned committed_creation[MAX_PARTITIONS];
    struct producer *producers;
    unsigned txn_count;
    TAILQ_HEAD(, member) members;
    uint64_t member_count; /* ever */
    enum group_state group;
    int64_t generation;
    uint64_t stable_ms;    /* since when that one is */
    struct timer deadline; /* of a rebalance */
    TAILQ_HEAD(, call) calls;
    struct rules rules;
    uint64_t rejected; /* transactions, for what their messages are */
    /* so, for their metadata, of the life with that number */
    unsigned too_large[MAX_LIVES];
    uint64_t away_until_ms[ROLE_COUNT];
    uint64_t moving_until_ms; /* the coordinator of transactions */
    /* Meanwhile the permission to write the output topics is missing. */
    uint64_t denied_from_ms;
    uint64_t denied_until_ms;
    uint64_t session_ms;
    uint64_t rebalance_ms;
    uint64_t txn_ms;
    uint64_t txn_slow_ms; /* the most that a step of a transaction takes */
    size_t metadata_max;  /* offset.metadata.max.bytes */
};

/* The name of a partition in Kafka, and back */
struct kafka_partition broker_name_of(int32_t number);
int32_t broker_number_of(const struct kafka_partition *at);

struct broker *broker_new(struct sim *sim, size_t partitions);
void broker_free(struct broker *broker);
/* It cannot be reached for so long; what is under way arrives then. */
void broker_go_away(struct broker *broker, enum role role, uint64_t ms);
bool broker_is_away(const struct broker *broker, enum role role);
/* Whether the permission to write is missing just now */
bool broker_denies(const struct broker *broker);
/* For so long the coordinator of transactions says to come again. */
void broker_move(struct broker *broker, uint64_t ms);
/* One partition more; the group finds it so much later. */
void broker_grow(struct broker *broker, uint64_t found_ms);
/* What is written from now on cannot be decompressed for so long. */
void broker_spoil(struct broker *broker, size_t partition, uint64_t ms);
bool broker_is_spoiled(const struct broker *broker, int32_t partition,
                       int64_t offset);
/* The topic of the attestations is deleted, with all that is in it, and created
 * again, empty. */
void broker_recreate(struct broker *broker);
/* The committed offset, as far as it is one of the present topic; -1: none is.
 * Kafka deletes the others together with the topic. What a client that has not
 * noticed commits afterwards stays in Kafka until it notices; that a successor
 * of it could believe such an offset is left out, because no client can know
 * better. */
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
/* Retention: the first `thousandths` of a partition go. */
void broker_expire(struct broker *broker, size_t partition,
                   unsigned thousandths);
/* Compaction: so many of them go, wherever they are. */
void broker_compact(struct broker *broker, size_t partition,
                    struct random *random);
/* Whether anybody could still have read it */
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
    CALL_UNSTABLE, /* a pending offset: ask again */
    CALL_BUSY,     /* a prepared transaction: ask again */
    CALL_FENCED,   /* the producer is somebody else's by now */
    CALL_ABORTABLE,
    CALL_REJECTED, /* some of the messages */
    CALL_METADATA_TOO_LARGE,
    CALL_DENIED, /* not permitted, for now */
};

typedef void call_reply_fn(void *payload, const struct call *call);

struct call {
    TAILQ_ENTRY(call) link;
    struct broker *broker;
    struct instance *instance; /* NULL: nobody waits for the reply any more */
    unsigned life;
    enum call_kind kind;
    struct timer timer; /* the world's on the way out, else the instance's */
    bool returning;
    bool shed; /* at the broker, until it has something to say */
    call_reply_fn *reply;
    void *payload;
    /* Asked */
    uint64_t member;
    int64_t generation;
    unsigned owned;
    int32_t partition;
    int64_t offset;
    unsigned creation; /* of the topic that the offset is meant for */
    size_t max;
    const char *transactional_id;
    unsigned epoch;
    const struct message *messages;
    const bool *isolated; /* each of them: in a record batch of its own */
    size_t message_count;
    struct txn_offset offsets[MAX_PARTITIONS];
    size_t offset_count;
    /* Answered */
    enum call_error error;
    unsigned assigned;
    size_t first; /* places in the log */
    size_t count;
    const char *metadata; /* of an offset; never NULL */
    bool of_any_creation; /* asked: the offset, even one of the old topic */
    const struct kafka_rejection *rejections;
    size_t rejection_count;
    /* A request or an answer was lost, and sent again: what was lost may
     * arrive when nobody thinks of it any more. */
    bool in_doubt;
};

/* The world keeps it; the caller may forget it. */
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
