/*
 * librdkafka has its threads, locks and conditions from C11's <threads.h>,
 * which GCC's thread sanitizer does not know: in such a thread the first
 * malloc() crashes, and what a lock orders looks like a race. So they are
 * passed on to pthreads, which it knows; in glibc the types are the same
 * underneath. Linked only into what is built with that sanitizer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *payload)
{
    struct start start = *(struct start *)payload;

    free(payload);
    return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *ret_thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof(*start));

    if (start == NULL) {
        return thrd_nomem;
    }
    *start = (struct start){function, argument};
    if (pthread_create(ret_thread, NULL, run, start) != 0) {
        free(start);
        return thrd_error;
    }
    return thrd_success;
}

int thrd_join(thrd_t thread, int *ret_result)
{
    void *result;

    if (pthread_join(thread, &result) != 0) {
        return thrd_error;
    }
    if (ret_result != NULL) {
        *ret_result = (int)(intptr_t)result;
    }
    return thrd_success;
}

static int result_of(int status)
{
    switch (status) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

static pthread_mutex_t *mutex_of(mtx_t *lock)
{
    return (pthread_mutex_t *)lock;
}

static pthread_cond_t *cond_of(cnd_t *cond)
{
    return (pthread_cond_t *)cond;
}

int mtx_init(mtx_t *lock, int type)
{
    pthread_mutexattr_t attributes;
    int status;

    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive) {
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    }
    status = pthread_mutex_init(mutex_of(lock), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(status);
}

int mtx_lock(mtx_t *lock)
{
    return result_of(pthread_mutex_lock(mutex_of(lock)));
}

int mtx_trylock(mtx_t *lock)
{
    return result_of(pthread_mutex_trylock(mutex_of(lock)));
}

int mtx_unlock(mtx_t *lock)
{
    return result_of(pthread_mutex_unlock(mutex_of(lock)));
}

void mtx_destroy(mtx_t *lock)
{
    pthread_mutex_destroy(mutex_of(lock));
}

int cnd_init(cnd_t *cond)
{
    return result_of(pthread_cond_init(cond_of(cond), NULL));
}

int cnd_signal(cnd_t *cond)
{
    return result_of(pthread_cond_signal(cond_of(cond)));
}

int cnd_broadcast(cnd_t *cond)
{
    return result_of(pthread_cond_broadcast(cond_of(cond)));
}

int cnd_wait(cnd_t *cond, mtx_t *lock)
{
    return result_of(pthread_cond_wait(cond_of(cond), mutex_of(lock)));
}

int cnd_timedwait(cnd_t *cond, mtx_t *lock, const struct timespec *until)
{
    return result_of(
        pthread_cond_timedwait(cond_of(cond), mutex_of(lock), until));
}

void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy(cond_of(cond));
}
