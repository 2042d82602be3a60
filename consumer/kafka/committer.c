#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "committer.h"
#include "waybill/alloc.h"

/* The thread on which the transactional producer may block, and the thread on
 * which the checks may (checker.c): their start, the main loop of the former,
 * and their end. A commit waits for no check, except for one that tries to
 * write under the same transactional id. The data that crosses between threads
 * is in handover.c. */

static void run_batch(struct committer *committer,
                      const struct kafka_batch *batch,
                      struct kafka_result *result)
{
    committer->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    result->verdict = transaction_run(committer, batch, &result->err);
    result->rejections = committer->rejections;
    result->rejection_count = committer->rejection_count;
    if (committer->code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        committer_check_access(committer);
    }
    if (result->verdict == KAFKA_ABORTED ||
        result->verdict == KAFKA_METADATA_TOO_LARGE) {
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
}

void batch_discard(struct kafka_batch *batch)
{
    if (batch != NULL && batch->group != NULL) {
        rd_kafka_consumer_group_metadata_destroy(batch->group);
    }
    kafka_batch_free(batch);
}

static void commit_batch(struct committer *committer, struct kafka_batch *batch)
{
    struct kafka_result result;

    pthread_mutex_lock(&committer->producer_lock);
    run_batch(committer, batch, &result);
    batch_discard(batch);
    committer_post(committer, &result);
    if (atomic_load(&committer->has_unanswered_request)) {
        transaction_drop_producer(committer);
    }
    pthread_mutex_unlock(&committer->producer_lock);
}

/* The producer is created before there is anything to commit, so that a wrong
 * configuration is reported at once and the first outcome is not delayed. */
static void create_producer(struct committer *committer)
{
    struct error err;

    pthread_mutex_lock(&committer->producer_lock);
    if (transaction_ensure_producer(committer, &err) < 0) {
        committer_set_notice(committer, err.message);
    }
    pthread_mutex_unlock(&committer->producer_lock);
}

static void drop_producer(struct committer *committer)
{
    pthread_mutex_lock(&committer->producer_lock);
    transaction_drop_producer(committer);
    pthread_mutex_unlock(&committer->producer_lock);
}

/* Nothing is read before the checks have succeeded, so that there is no batch
 * until then. */
static void *run(void *payload)
{
    struct committer *committer = payload;
    struct kafka_batch *batch;

    if (committer_await_permission(committer)) {
        create_producer(committer);
        while ((batch = committer_next(committer)) != NULL) {
            commit_batch(committer, batch);
        }
        drop_producer(committer);
    }
    committer_end(committer);
    return NULL;
}

static int start_thread(struct committer *committer, pthread_t *thread,
                        void *(*main)(void *payload))
{
    int code;

    pthread_mutex_lock(&committer->lock);
    code = pthread_create(thread, NULL, main, committer);
    committer->running += code == 0;
    pthread_mutex_unlock(&committer->lock);
    return code;
}

/* Starts both threads, or none. */
static int start_threads(struct committer *committer, struct error *err)
{
    int code = start_thread(committer, &committer->thread, run);

    if (code == 0 && committer->has_checker) {
        code = start_thread(committer, &committer->checker, checker_run);
        if (code != 0) {
            committer_await_end(committer, 1000);
            pthread_join(committer->thread, NULL);
        }
    }
    return code == 0 ? 0
                     : error_set(err, ERROR_FATAL, "cannot start a thread: %s",
                                 strerror(code));
}

static void release(struct committer *committer)
{
    batch_discard(committer->batch);
    pthread_cond_destroy(&committer->wake);
    pthread_mutex_destroy(&committer->producer_lock);
    pthread_mutex_destroy(&committer->lock);
    close(committer->done_fd);
    mem_free(committer->notice);
    mem_free(committer->rejections);
    condition_list_release(&committer->report);
    stalls_release(&committer->stalls);
    mem_free(committer);
}

struct committer *committer_new(rd_kafka_t *consumer,
                                const struct kafka_options *options,
                                struct error *err)
{
    struct committer *committer = mem_zalloc(sizeof(*committer));
    pthread_condattr_t monotonic;

    committer->consumer = consumer;
    committer->options = options;
    committer->has_checker = options->outcomes != NULL;
    committer->permitted = !committer->has_checker;
    committer->suspicious = true;
    committer->first_offset = -1;
    committer->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&committer->lock, NULL);
    pthread_mutex_init(&committer->producer_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&committer->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_threads(committer, err) < 0) {
        release(committer);
        return NULL;
    }
    return committer;
}

bool committer_free(struct committer *committer, unsigned timeout_ms)
{
    if (committer == NULL) {
        return true;
    }
    if (!committer_await_end(committer, timeout_ms)) {
        return false;
    }
    pthread_join(committer->thread, NULL);
    if (committer->has_checker) {
        pthread_join(committer->checker, NULL);
    }
    release(committer);
    return true;
}
