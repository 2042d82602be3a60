#ifndef WAYBILL_COMMITTER_H
#define WAYBILL_COMMITTER_H

#include <stdatomic.h>

#include "kafka_internal.h"

/* committer.c has the thread, transaction.c what it does, and handover.c what
 * crosses to it and back. */

/* Between two tries of what may be tried again */
#define COMMITTER_PAUSE_MS 200

struct committer {
    rd_kafka_t *consumer;
    const struct kafka_options *options;
    rd_kafka_t *producer; /* the thread's; NULL: to be made */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Set by librdkafka's threads: a request of the producer has no answer. */
    atomic_bool indefinite;
    /* The last producer has started; it may have been dropped since, and is
     * made anew when it is needed. */
    atomic_bool ready;
    /* The largest message that its topic has refused, by its place; the
     * thread's, as are the next three. */
    size_t refused;
    const struct message *messages; /* of the batch that is written */
    size_t refused_size;
    rd_kafka_resp_err_t code;  /* of the last error */
    struct kafka_batch *batch; /* in */
    struct kafka_result result;
    bool has_result; /* out */
    bool stopping;
    bool ended;
    char *notice;
    int done_fd;
};

/* --- handover.c; on the thread */
bool committer_is_stopping(struct committer *committer);
/* Ends early when the committer stops. */
void committer_pause(struct committer *committer, unsigned ms);
/* Something to log; of several the last one counts. */
void committer_say(struct committer *committer, const char *text);
/* Waits for the next batch; NULL: the committer stops. */
struct kafka_batch *committer_next(struct committer *committer);
void committer_post(struct committer *committer,
                    const struct kafka_result *result);
/* The last thing that the thread does */
void committer_end(struct committer *committer);

/* --- handover.c; on the loop's thread */
/* Tells the thread to stop; false: it has not ended in time. */
bool committer_await_end(struct committer *committer, unsigned timeout_ms);

/* --- transaction.c; on the thread */
int transaction_ensure_producer(struct committer *committer, struct error *err);
void transaction_drop_producer(struct committer *committer);
/* The batch as one transaction, to its end */
enum kafka_verdict transaction_run(struct committer *committer,
                                   const struct kafka_batch *batch,
                                   struct error *err);

#endif
