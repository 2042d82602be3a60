#ifndef WAYBILL_COMMITTER_H
#define WAYBILL_COMMITTER_H

#include <stdatomic.h>

#include "conditions.h"
#include "fencing.h"
#include "kafka_internal.h"
#include "stalls.h"

/* The committer is in five files: committer.c has its two threads,
 * transaction.c the transactions that one of them runs, rejections.c what was
 * rejected of them, checker.c the checks of topics and permissions that the
 * other one makes, and handover.c the data that crosses between them and the
 * loop's thread. */

/* Delay before a failed operation is retried */
#define COMMITTER_PAUSE_MS 200

struct committer {
    rd_kafka_t *consumer;
    const struct kafka_options *options;
    /* Used by whoever has the producer lock; NULL: to be created */
    rd_kafka_t *producer;
    pthread_t thread;
    pthread_t checker; /* if has_checker */
    /* Only one producer may have the transactional id. The committer has this
     * lock for a transaction, and the checker while it tries to write. */
    pthread_mutex_t producer_lock;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Set by librdkafka's threads when a request of the producer got no
     * response */
    atomic_bool has_unanswered_request;
    /* The most recent producer was accepted by the broker. It may have been
     * destroyed since, and is created again when it is needed. */
    atomic_bool ready;
    /* The batch of the current transaction. This and the members up to
     * `code` are used by the committer's thread only, except that the loop
     * reads the rejections while there is no batch. */
    const struct kafka_batch *batch_in_work;
    size_t isolated_now; /* the message that is sent separately now, or
                            SIZE_MAX */
    struct kafka_rejection *rejections;
    size_t rejection_count;
    size_t rejection_capacity;
    size_t failed_deliveries; /* including messages that were purged */
    /* The error code of the last transactional call that failed */
    rd_kafka_resp_err_t code;
    struct stalls stalls; /* used by the checker's thread only */
    /* The lock guards this and the members up to `stopping`. */
    struct fencing fencing;
    struct kafka_batch *batch; /* submitted and not yet taken by the thread */
    struct kafka_result result;
    char *notice;
    struct condition_list report; /* of the last check */
    /* The partition whose first offset is requested; its topic is NULL if no
     * request is pending, else a string of the options. */
    struct kafka_partition deleted;
    int64_t first_offset; /* the answer; -1: none */
    uint64_t check_ms;    /* when it is due, on the monotonic clock; 0: now */
    unsigned running;     /* threads that have not ended */
    bool suspicious;      /* the next check includes the permissions */
    bool has_report;      /* of `report`: not yet taken by the loop */
    bool has_result;      /* of `result`: not yet taken by the loop */
    bool permitted;       /* a check has found nothing missing: batches begin */
    bool is_checking_over; /* no further check, and an early end of this one */
    bool stopping;
    /* Used by the checker's thread only: the last check could not read the
     * replays */
    bool is_replays_denied;
    bool has_checker; /* constant: there are topics to check */
    int done_fd;      /* constant */
};

/* --- handover.c; called on the threads of committer and checker --- */
bool committer_is_stopping(struct committer *committer);
bool committer_is_checking_over(struct committer *committer);
/* Sleeps, or returns early when the committer stops. */
void committer_pause(struct committer *committer, unsigned ms);
/* Sets the notice for the log, replacing one that was not taken yet. */
void committer_set_notice(struct committer *committer, const char *text);
/* Announces the end of the calling thread, which does nothing after it. */
void committer_end(struct committer *committer);

/* --- handover.c; called on the committer's thread --- */
/* Waits for the first check that finds nothing missing. Returns false if the
 * committer stops. */
bool committer_await_permission(struct committer *committer);
/* Waits for the next batch. Returns NULL if the committer stops. */
struct kafka_batch *committer_next(struct committer *committer);
/* The broker has fenced the producer; appends the probable cause. */
void committer_note_fenced(struct committer *committer, struct error *err);
void committer_post(struct committer *committer,
                    const struct kafka_result *result);

/* --- handover.c; called on the checker's thread --- */
/* Waits until a check is due. Returns false if there will be no more checks. */
bool committer_await_check(struct committer *committer);
void committer_permit(struct committer *committer);
struct fencing committer_fencing(struct committer *committer);
/* Whether the permissions may have changed since they were checked */
bool committer_take_suspicion(struct committer *committer);
/* The partition whose first offset is asked for; its topic is NULL if there is
 * none. */
struct kafka_partition committer_deleted(struct committer *committer);
void committer_post_first(struct committer *committer, int64_t first);
/* Schedules the next check. */
void committer_check_again(struct committer *committer, unsigned ms,
                           bool suspicious);
/* Takes over the items of the report. */
void committer_post_report(struct committer *committer,
                           struct condition_list *report);

/* --- handover.c; called on the loop's thread --- */
/* Requests the threads to stop; false: they have not ended in time. */
bool committer_await_end(struct committer *committer, unsigned timeout_ms);

/* --- checker.c --- */
/* The thread that checks; `payload` is the committer. */
void *checker_run(void *payload);

/* --- transaction.c; called on the committer's thread --- */
int transaction_ensure_producer(struct committer *committer, struct error *err);
void transaction_drop_producer(struct committer *committer);
/* Writes the batch as one transaction and returns its outcome. */
enum kafka_verdict transaction_run(struct committer *committer,
                                   const struct kafka_batch *batch,
                                   struct error *err);

/* --- rejections.c; called on the committer's thread --- */
void rejections_begin(struct committer *committer,
                      const struct kafka_batch *batch);
/* librdkafka did not accept the message; false: the message is not the
 * reason. */
bool rejections_note_unsent(struct committer *committer, size_t message,
                            rd_kafka_resp_err_t code);
/* The delivery of the message has failed. */
void rejections_note_failed(struct committer *committer, size_t message,
                            rd_kafka_resp_err_t code, int32_t partition);
/* The transaction was aborted with that code. Returns whether messages were the
 * reason; they are in committer->rejections then. */
bool rejections_end(struct committer *committer, rd_kafka_resp_err_t code);

#endif
