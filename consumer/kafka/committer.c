#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "committer.h"
#include "waybill/alloc.h"

/*
 * The thread that the transactional producer blocks. One batch comes in, one
 * result goes out; nothing else crosses, and all of it under one lock.
 */

static void signal_done(struct committer *committer)
{
    uint64_t one = 1;

    /* A counter that is full is readable all the same. */
    if (write(committer->done_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
        abort();
    }
}

void committer_say(struct committer *committer, const char *text)
{
    pthread_mutex_lock(&committer->lock);
    mem_free(committer->notice);
    committer->notice = mem_strdup(text);
    pthread_mutex_unlock(&committer->lock);
    signal_done(committer);
}

bool committer_is_stopping(struct committer *committer)
{
    bool stopping;

    pthread_mutex_lock(&committer->lock);
    stopping = committer->stopping;
    pthread_mutex_unlock(&committer->lock);
    return stopping;
}

static struct timespec in_ms(unsigned ms)
{
    struct timespec when;

    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += ms / 1000;
    when.tv_nsec += (long)(ms % 1000) * 1000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    return when;
}

void committer_pause(struct committer *committer, unsigned ms)
{
    struct timespec until = in_ms(ms);

    pthread_mutex_lock(&committer->lock);
    while (!committer->stopping &&
           pthread_cond_timedwait(&committer->wake, &committer->lock, &until) ==
               0) {
    }
    pthread_mutex_unlock(&committer->lock);
}

static void run_batch(struct committer *committer,
                      const struct queue_batch *batch,
                      struct queue_result *result)
{
    committer->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    committer->refused_size = 0;
    result->verdict = transaction_run(committer, batch, &result->err);
    result->message = committer->refused;
    if (result->verdict == QUEUE_ABORTED ||
        result->verdict == QUEUE_REFUSED_METADATA) {
        committer_pause(committer, COMMITTER_PAUSE_MS);
    }
}

void batch_discard(struct queue_batch *batch)
{
    if (batch != NULL && batch->group != NULL) {
        rd_kafka_consumer_group_metadata_destroy(batch->group);
    }
    queue_batch_free(batch);
}

static struct queue_batch *next_batch(struct committer *committer)
{
    struct queue_batch *batch;

    pthread_mutex_lock(&committer->lock);
    while (committer->batch == NULL && !committer->stopping) {
        pthread_cond_wait(&committer->wake, &committer->lock);
    }
    batch = committer->batch;
    committer->batch = NULL;
    pthread_mutex_unlock(&committer->lock);
    return batch;
}

static void post_result(struct committer *committer,
                        const struct queue_result *result)
{
    pthread_mutex_lock(&committer->lock);
    committer->result = *result;
    committer->has_result = true;
    pthread_mutex_unlock(&committer->lock);
    signal_done(committer);
}

static void *run(void *payload)
{
    struct committer *committer = payload;
    struct queue_batch *batch;
    struct error err;

    /* Before there is anything to commit: so that what is wrong shows at once,
     * and the first outcome does not wait. */
    if (transaction_ensure_producer(committer, &err) < 0) {
        committer_say(committer, err.message);
    }
    while ((batch = next_batch(committer)) != NULL) {
        struct queue_result result;

        run_batch(committer, batch, &result);
        batch_discard(batch);
        post_result(committer, &result);
        if (atomic_load(&committer->indefinite)) {
            transaction_drop_producer(committer);
        }
    }
    transaction_drop_producer(committer);
    pthread_mutex_lock(&committer->lock);
    committer->ended = true;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
    return NULL;
}

static void release(struct committer *committer)
{
    batch_discard(committer->batch);
    pthread_cond_destroy(&committer->wake);
    pthread_mutex_destroy(&committer->lock);
    close(committer->done_fd);
    mem_free(committer->notice);
    mem_free(committer);
}

struct committer *committer_new(rd_kafka_t *consumer,
                                const struct queue_options *options,
                                struct error *err)
{
    struct committer *committer = mem_zalloc(sizeof(*committer));
    pthread_condattr_t monotonic;
    int code;

    committer->consumer = consumer;
    committer->options = options;
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

int committer_done_fd(const struct committer *committer)
{
    return committer->done_fd;
}

void committer_submit(struct committer *committer, struct queue_batch *batch)
{
    pthread_mutex_lock(&committer->lock);
    committer->batch = batch;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
}

bool committer_take(struct committer *committer,
                    struct queue_result *ret_result)
{
    bool has_result;

    pthread_mutex_lock(&committer->lock);
    has_result = committer->has_result;
    committer->has_result = false;
    if (has_result) {
        *ret_result = committer->result;
    }
    pthread_mutex_unlock(&committer->lock);
    return has_result;
}

bool committer_is_ready(struct committer *committer)
{
    return atomic_load(&committer->ready);
}

char *committer_take_notice(struct committer *committer)
{
    char *notice;

    pthread_mutex_lock(&committer->lock);
    notice = committer->notice;
    committer->notice = NULL;
    pthread_mutex_unlock(&committer->lock);
    return notice;
}

static bool await_end(struct committer *committer, unsigned timeout_ms)
{
    struct timespec until = in_ms(timeout_ms);
    bool ended;

    pthread_mutex_lock(&committer->lock);
    committer->stopping = true;
    pthread_cond_broadcast(&committer->wake);
    while (!committer->ended &&
           pthread_cond_timedwait(&committer->wake, &committer->lock, &until) ==
               0) {
    }
    ended = committer->ended;
    pthread_mutex_unlock(&committer->lock);
    return ended;
}

bool committer_free(struct committer *committer, unsigned timeout_ms)
{
    if (committer == NULL) {
        return true;
    }
    if (!await_end(committer, timeout_ms)) {
        return false;
    }
    pthread_join(committer->thread, NULL);
    release(committer);
    return true;
}
