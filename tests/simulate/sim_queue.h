#ifndef SIMULATE_SIM_QUEUE_H
#define SIMULATE_SIM_QUEUE_H

#include "broker.h"
#include "kafka/batch.h"

/* kafka.h over the model broker: sim_queue.c is the consumer, sim_commit.c the
 * producer. */

/* One partition, as a member has it */
struct share {
    struct kafka *queue;
    int32_t partition;
    unsigned
        round; /* replies with another number belong to another assignment */
    unsigned reads;   /* replies with another number are from before a rewind */
    int64_t position; /* the next to be delivered; -1: not known yet */
    int64_t first;    /* where this assignment began */
    unsigned creation;    /* of the topic, at the time of the assignment */
    int64_t committed;    /* as the broker reports it; -1: none */
    const char *metadata; /* the metadata, allocated from the arena */
    int64_t held;         /* by kafka_hold(); -1: not held */
    bool known;           /* both */
    bool resting;
    bool fetching;
    bool spoiled; /* reported as unreadable; waits for the next attempt */
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
    STAGE_ASK, /* whether it was committed: the producer was lost during the
                  commit */
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
    int64_t generation; /* -1: in no generation */
    bool joining;
    unsigned owned;
    unsigned revoking; /* until kafka_complete_revocation() */
    unsigned arriving; /* to be assigned after that */
    unsigned learning; /* assigned when their offsets are known */
    struct timer heartbeat;
    struct task next; /* what follows a revocation */
    struct share shares[MAX_PARTITIONS];
    bool paused;
    bool joined; /* joined or about to join: nothing was missing at the start */
    bool blocked;       /* a permission is missing, so nothing is read */
    struct timer check; /* whether it is still missing */
    bool closing;
    bool closed;
    struct timer close_deadline;
    /* The producer */
    enum stage stage;
    unsigned epoch; /* 0: no producer yet */
    struct timer pause;
    bool committing;
    /* The result at the end of the pause, if the transaction is given up */
    enum kafka_verdict verdict;
    const struct kafka_rejection *rejections; /* the arena's */
    size_t rejection_count;
    bool in_doubt; /* the producer was lost in STAGE_END */
    bool late;     /* a request of the lost producer may still be in transit */
    size_t asked;  /* the index of the offset in the batch */
    struct commit commit;
};

/* sim_queue.c: a permission is missing. */
void queue_block(struct kafka *queue);

/* sim_commit.c */
void commit_open(struct kafka *queue);
void commit_free(struct kafka *queue);

#endif
