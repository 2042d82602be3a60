#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "committer.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"

/*
 * The data that crosses between the loop's thread, the committer's and the
 * checker's: one batch to the committer, and one result, one notice and one
 * report back. One lock guards all of it.
 */

/* From an error that suggests a missing permission to the check, so that a
 * repeated error does not cause a check each time */
#define SUSPICION_MS 1000

/* --- called on the threads of committer and checker --- */

static void signal_done(struct committer *committer)
{
    uint64_t one = 1;

    /* EAGAIN: the counter is at its maximum, so the descriptor is readable
     * anyway. */
    if (write(committer->done_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
        abort();
    }
}

void committer_set_notice(struct committer *committer, const char *text)
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

bool committer_is_checking_over(struct committer *committer)
{
    bool over;

    pthread_mutex_lock(&committer->lock);
    over = committer->is_checking_over;
    pthread_mutex_unlock(&committer->lock);
    return over;
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

void committer_end(struct committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    committer->running--;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
}

/* --- called on the committer's thread --- */

bool committer_await_permission(struct committer *committer)
{
    bool permitted;

    pthread_mutex_lock(&committer->lock);
    while (!committer->permitted && !committer->stopping) {
        pthread_cond_wait(&committer->wake, &committer->lock);
    }
    permitted = committer->permitted;
    pthread_mutex_unlock(&committer->lock);
    return permitted;
}

struct kafka_batch *committer_next(struct committer *committer)
{
    struct kafka_batch *batch;

    pthread_mutex_lock(&committer->lock);
    while (committer->batch == NULL && !committer->stopping) {
        pthread_cond_wait(&committer->wake, &committer->lock);
    }
    /* A batch is written even if the committer is to stop after it. */
    batch = committer->batch;
    committer->batch = NULL;
    pthread_mutex_unlock(&committer->lock);
    return batch;
}

void committer_note_fenced(struct committer *committer, struct error *err)
{
    pthread_mutex_lock(&committer->lock);
    fencing_note(&committer->fencing, committer->options,
                 clock_monotonic_ms(clock_system()), err);
    pthread_mutex_unlock(&committer->lock);
}

void committer_post(struct committer *committer,
                    const struct kafka_result *result)
{
    pthread_mutex_lock(&committer->lock);
    committer->result = *result;
    committer->has_result = true;
    pthread_mutex_unlock(&committer->lock);
    signal_done(committer);
}

/* --- called on the checker's thread --- */

static bool is_check_due(const struct committer *committer)
{
    return committer->check_ms <= clock_monotonic_ms(clock_system());
}

bool committer_await_check(struct committer *committer)
{
    bool over;

    pthread_mutex_lock(&committer->lock);
    while (!committer->is_checking_over && !is_check_due(committer)) {
        struct timespec until = {
            .tv_sec = (time_t)(committer->check_ms / 1000),
            .tv_nsec = (long)(committer->check_ms % 1000) * 1000000,
        };

        pthread_cond_timedwait(&committer->wake, &committer->lock, &until);
    }
    over = committer->is_checking_over;
    pthread_mutex_unlock(&committer->lock);
    return !over;
}

void committer_permit(struct committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    committer->permitted = true;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
}

struct fencing committer_fencing(struct committer *committer)
{
    struct fencing fencing;

    pthread_mutex_lock(&committer->lock);
    fencing = committer->fencing;
    pthread_mutex_unlock(&committer->lock);
    return fencing;
}

bool committer_take_suspicion(struct committer *committer)
{
    bool suspicious;

    pthread_mutex_lock(&committer->lock);
    suspicious = committer->suspicious;
    committer->suspicious = false;
    pthread_mutex_unlock(&committer->lock);
    return suspicious;
}

struct kafka_partition committer_deleted(struct committer *committer)
{
    struct kafka_partition at;

    pthread_mutex_lock(&committer->lock);
    at = committer->deleted;
    pthread_mutex_unlock(&committer->lock);
    return at;
}

void committer_post_first(struct committer *committer, int64_t first)
{
    pthread_mutex_lock(&committer->lock);
    committer->first_offset = first;
    pthread_mutex_unlock(&committer->lock);
    signal_done(committer);
}

void committer_check_again(struct committer *committer, unsigned ms,
                           bool suspicious)
{
    pthread_mutex_lock(&committer->lock);
    committer->suspicious |= suspicious;
    committer->check_ms = clock_monotonic_ms(clock_system()) + ms;
    pthread_mutex_unlock(&committer->lock);
}

void committer_post_report(struct committer *committer,
                           struct condition_list *report)
{
    pthread_mutex_lock(&committer->lock);
    condition_list_release(&committer->report);
    committer->report = *report;
    committer->has_report = true;
    pthread_mutex_unlock(&committer->lock);
    *report = (struct condition_list){0};
    signal_done(committer);
}

/* --- called on the loop's thread --- */

void committer_stop_checks(struct committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    committer->is_checking_over = true;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
}

int committer_done_fd(const struct committer *committer)
{
    return committer->done_fd;
}

void committer_submit(struct committer *committer, struct kafka_batch *batch)
{
    pthread_mutex_lock(&committer->lock);
    committer->batch = batch;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
}

bool committer_take(struct committer *committer,
                    struct kafka_result *ret_result)
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

bool committer_take_report(struct committer *committer,
                           struct condition_list *ret_report)
{
    bool has_report;

    pthread_mutex_lock(&committer->lock);
    has_report = committer->has_report;
    committer->has_report = false;
    if (has_report) {
        *ret_report = committer->report;
        committer->report = (struct condition_list){0};
    }
    pthread_mutex_unlock(&committer->lock);
    return has_report;
}

void committer_find_first(struct committer *committer,
                          const struct kafka_partition *at)
{
    pthread_mutex_lock(&committer->lock);
    committer->deleted = *at;
    committer->check_ms = 0;
    pthread_cond_broadcast(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
}

bool committer_take_first(struct committer *committer,
                          struct kafka_partition *ret_at, int64_t *ret_first)
{
    bool has_first;

    pthread_mutex_lock(&committer->lock);
    has_first = committer->first_offset >= 0;
    *ret_at = committer->deleted;
    *ret_first = committer->first_offset;
    if (has_first) {
        committer->first_offset = -1;
        committer->deleted.topic = NULL;
    }
    pthread_mutex_unlock(&committer->lock);
    return has_first;
}

void committer_check_access(struct committer *committer)
{
    uint64_t soon_ms = clock_monotonic_ms(clock_system()) + SUSPICION_MS;

    pthread_mutex_lock(&committer->lock);
    committer->suspicious = true;
    if (committer->check_ms > soon_ms) {
        committer->check_ms = soon_ms;
        pthread_cond_broadcast(&committer->wake);
    }
    pthread_mutex_unlock(&committer->lock);
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

bool committer_await_end(struct committer *committer, unsigned timeout_ms)
{
    struct timespec until = in_ms(timeout_ms);
    bool ended;

    pthread_mutex_lock(&committer->lock);
    committer->is_checking_over = true;
    committer->stopping = true;
    pthread_cond_broadcast(&committer->wake);
    while (committer->running > 0 &&
           pthread_cond_timedwait(&committer->wake, &committer->lock, &until) ==
               0) {
    }
    ended = committer->running == 0;
    pthread_mutex_unlock(&committer->lock);
    return ended;
}
