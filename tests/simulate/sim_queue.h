#ifndef SIMULATE_SIM_QUEUE_H
#define SIMULATE_SIM_QUEUE_H

#include "broker.h"
#include "kafka/batch.h"

/* kafka.h over the model broker: sim_queue.c is the consumer, sim_commit.c the
 * producer. */

/* One partition, as a member sees it */
struct share {
    struct kafka *queue;
    int32_t partition;
    unsigned round;    /* replies of another round are of another assignment */
    unsigned reads;    /* replies of another one are of before a rewind */
    int64_t position;  /* the next to be delivered; -1: not known yet */
    int64_t first;     /* where this assignment began */
    unsigned creation; /* of the topic, as it was then */
    int64_t committed; /* as the broker says; -1: nothing was */
    const char *metadata; /* so; the arena's */
    int64_t held;         /* by kafka_hold(); -1: it is not */
    bool known;           /* both */
    bool resting;
    bool fetching;
    bool spoiled; /* reported as unreadable; waits for the next try */
    bool waits;
    struct timer again;
    struct timer retry;
};

enum stage {
    STAGE_IDLE,
    STAGE_INIT,
    STAGE_PRODUCE,
    STAGE_OFFSETS,
    STAGE_END,
    STAGE_ASK, /* whether it was committed: the producer was lost in between */
};

struct commit {
    struct kafka_batch *batch;
    uint64_t member;
    int64_t generation;
    unsigned rounds[MAX_PARTITIONS];
    unsigned creations[MAX_PARTITIONS];
};

struct kafka {
    struct sim *sim;
    struct instance *instance;
    struct loop *loop;
    const struct kafka_handler *handler;
    void *payload;
    char transactional_id[64];
    /* The group */
    uint64_t member;
    int64_t generation; /* -1: in none */
    bool joining;
    unsigned owned;
    unsigned revoking; /* until kafka_complete_revocation() */
    unsigned arriving; /* to be assigned when that is done */
    unsigned learning; /* assigned when their offsets are known */
    struct timer heartbeat;
    struct task next; /* what follows a release */
    struct share shares[MAX_PARTITIONS];
    bool paused;
    bool joined;        /* or about to: nothing was missing at the start */
    bool blocked;       /* a permission is missing, so that nothing is read */
    struct timer check; /* whether it still is */
    bool closing;
    bool closed;
    struct timer close_deadline;
    /* The producer */
    enum stage stage;
    unsigned epoch; /* 0: no producer yet */
    struct timer pause;
    bool committing;
    /* What the pause ends with, if the transaction is given up */
    enum kafka_verdict verdict;
    const struct kafka_rejection *rejections; /* the arena's */
    size_t rejection_count;
    bool in_doubt; /* the producer was lost in STAGE_END */
    bool late;     /* a request of its may still be on its way */
    size_t asked;  /* which of the batch's offsets */
    struct commit commit;
};

/* sim_queue.c: a permission is missing. */
void queue_block(struct kafka *queue);

/* sim_commit.c */
void commit_open(struct kafka *queue);
void commit_free(struct kafka *queue);

#endif
