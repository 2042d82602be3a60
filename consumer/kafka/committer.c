#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "committer.h"
#include "waybill/alloc.h"

/* The thread on which the transactional producer may block: its start, its main
 * loop and its end. The data that crosses between threads is in handover.c. */

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

/* Nothing is read before the checks have succeeded, so that there is no batch.
 * False: the committer stops. */
static bool check_until_permitted(struct committer *committer)
{
    struct kafka_batch *none;

    if (committer->options->outcomes == NULL) {
        return true;
    }
    while (!checker_run(committer)) {
        if (!committer_next(committer, &none)) {
            return false;
        }
    }
    return true;
}

static void *run(void *payload)
{
    struct committer *committer = payload;
    struct kafka_batch *batch;
    struct error err;

    if (!check_until_permitted(committer)) {
        committer_end(committer);
        return NULL;
    }
    /* The producer is created before there is anything to commit, so that a
     * wrong configuration is reported at once and the first outcome is not
     * delayed. */
    if (transaction_ensure_producer(committer, &err) < 0) {
        committer_set_notice(committer, err.message);
    }
    while (committer_next(committer, &batch)) {
        struct kafka_result result;

        if (batch == NULL) {
            checker_run(committer);
            continue;
        }
        run_batch(committer, batch, &result);
        batch_discard(batch);
        committer_post(committer, &result);
        if (atomic_load(&committer->has_unanswered_request)) {
            transaction_drop_producer(committer);
        }
    }
    transaction_drop_producer(committer);
    committer_end(committer);
    return NULL;
}

static void release(struct committer *committer)
{
    batch_discard(committer->batch);
    pthread_cond_destroy(&committer->wake);
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
    int code;

    committer->consumer = consumer;
    committer->options = options;
    committer->suspicious = true;
    committer->first_offset = -1;
    committer->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&committer->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&committer->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    code = pthread_create(&committer->thread, NULL, run, committer);
    if (code != 0) {
        error_set(err, ERROR_FATAL, "cannot start a thread: %s",
                  strerror(code));
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
    release(committer);
    return true;
}
