#include "waybill/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "timers.h"
#include "waybill/alloc.h"

/* The number of descriptors served in one turn before timers run again */
#define BATCH 64

_Static_assert(LOOP_IN == EPOLLIN && LOOP_OUT == EPOLLOUT, "epoll's own bits");

/* Indexed by descriptor. epoll events carry the descriptor and no pointer, so
 * an event for a descriptor that an earlier callback of the same turn closed
 * finds an empty slot. */
struct watch {
    loop_watch_fn *fn;
    void *payload;
    unsigned events;
};

struct loop {
    const struct clock *clock;
    struct timers timers;
    struct task *first_task;
    struct task **last_task;
    struct task *running_tasks; /* the remaining tasks of this turn */
    struct watch *watches;
    size_t watch_capacity;
    size_t watch_count;
    int epoll;
    bool stopped;
    struct runner *runner;
};

struct loop *loop_new(const struct clock *clock)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));

    loop->clock = clock;
    loop->last_task = &loop->first_task;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        abort(); /* as when memory is exhausted: nothing works without it */
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    close(loop->epoll);
    timers_release(&loop->timers);
    mem_free(loop->watches);
    mem_free(loop);
}

void loop_set_runner(struct loop *loop, struct runner *runner)
{
    loop->runner = runner;
}

struct runner *loop_runner(const struct loop *loop)
{
    return loop->runner;
}

uint64_t loop_now(const struct loop *loop)
{
    return clock_monotonic_ms(loop->clock);
}

const struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

void timer_init(struct timer *timer, loop_fn *fn, void *payload)
{
    *timer = (struct timer){.fn = fn, .payload = payload};
}

bool timer_is_armed(const struct timer *timer)
{
    return timer->slot > 0;
}

void loop_arm(struct loop *loop, struct timer *timer, uint64_t delay_ms)
{
    loop_disarm(loop, timer);
    timer->due_ms = loop_now(loop) + delay_ms;
    timers_add(&loop->timers, timer);
}

void loop_disarm(struct loop *loop, struct timer *timer)
{
    if (timer_is_armed(timer)) {
        timers_remove(&loop->timers, timer);
    }
}

void task_init(struct task *task, loop_fn *fn, void *payload)
{
    *task = (struct task){.fn = fn, .payload = payload};
}

void loop_defer(struct loop *loop, struct task *task)
{
    if (task->queued) {
        return;
    }
    task->queued = true;
    task->next = NULL;
    *loop->last_task = task;
    loop->last_task = &task->next;
}

/* Returns true if the task was in the list. */
static bool unlink_task(struct task **at, struct task *task)
{
    while (*at != NULL && *at != task) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        return false;
    }
    *at = task->next;
    return true;
}

void loop_cancel(struct loop *loop, struct task *task)
{
    if (!task->queued) {
        return;
    }
    task->queued = false;
    if (!unlink_task(&loop->running_tasks, task)) {
        unlink_task(&loop->first_task, task);
        loop->last_task = &loop->first_task;
        while (*loop->last_task != NULL) {
            loop->last_task = &(*loop->last_task)->next;
        }
    }
}

/* The loop's view of the epoll set may be wrong: a library that closes a
 * descriptor and opens it again without unwatching it removes it from the set.
 */
static void set_interest(struct loop *loop, int fd, unsigned events,
                         bool expected)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int first = expected ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int second = expected ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    if (epoll_ctl(loop->epoll, first, fd, &event) < 0 &&
        ((errno != ENOENT && errno != EEXIST) ||
         epoll_ctl(loop->epoll, second, fd, &event) < 0)) {
        abort();
    }
}

void loop_watch(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                void *payload)
{
    size_t before = loop->watch_capacity;
    struct watch *watch;

    loop->watches = mem_grow(loop->watches, &loop->watch_capacity,
                             (size_t)fd + 1, sizeof(loop->watches[0]));
    for (size_t i = before; i < loop->watch_capacity; i++) {
        loop->watches[i] = (struct watch){0};
    }
    watch = &loop->watches[fd];
    if (watch->fn == NULL || watch->events != events) {
        set_interest(loop, fd, events, watch->fn != NULL);
    }
    loop->watch_count += watch->fn == NULL;
    *watch = (struct watch){fn, payload, events};
}

void loop_unwatch(struct loop *loop, int fd)
{
    if ((size_t)fd >= loop->watch_capacity || loop->watches[fd].fn == NULL) {
        return;
    }
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
    loop->watches[fd] = (struct watch){0};
    loop->watch_count--;
}

bool loop_next_deadline(const struct loop *loop, uint64_t *ret_due_ms)
{
    const struct timer *timer = timers_first(&loop->timers);

    if (timer == NULL) {
        return false;
    }
    *ret_due_ms = timer->due_ms;
    return true;
}

/* Runs the tasks that were queued when the turn began; those that they defer
 * run in the next turn. */
static bool run_tasks(struct loop *loop)
{
    bool ran = loop->first_task != NULL;

    loop->running_tasks = loop->first_task;
    loop->first_task = NULL;
    loop->last_task = &loop->first_task;
    while (loop->running_tasks != NULL) {
        struct task *task = loop->running_tasks;

        loop->running_tasks = task->next;
        task->queued = false;
        task->fn(task->payload);
    }
    return ran;
}

static bool run_timers(struct loop *loop)
{
    uint64_t now = loop_now(loop);
    /* A timer that rearms itself with no delay must not extend the turn. */
    size_t max = loop->timers.count;
    struct timer *timer;
    bool ran = false;

    while (max-- > 0 && (timer = timers_first(&loop->timers)) != NULL &&
           timer->due_ms <= now) {
        timers_remove(&loop->timers, timer);
        timer->fn(timer->payload);
        ran = true;
    }
    return ran;
}

static int epoll_timeout_ms(const struct loop *loop, bool wait)
{
    uint64_t due;
    uint64_t now;

    if (!wait || loop->first_task != NULL || loop->stopped) {
        return 0;
    }
    if (!loop_next_deadline(loop, &due)) {
        return -1;
    }
    now = loop_now(loop);
    if (due <= now) {
        return 0;
    }
    return due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

static bool run_descriptors(struct loop *loop, bool wait)
{
    struct epoll_event events[BATCH];
    int count;

    if (loop->watch_count == 0 && !wait) {
        return false;
    }
    count =
        epoll_wait(loop->epoll, events, BATCH, epoll_timeout_ms(loop, wait));
    for (int i = 0; i < count; i++) {
        struct watch *watch = &loop->watches[events[i].data.fd];

        if (watch->fn != NULL) {
            watch->fn(watch->payload, events[i].data.fd, events[i].events);
        }
    }
    return count > 0;
}

bool loop_turn(struct loop *loop, bool wait)
{
    bool ran = run_tasks(loop);

    ran |= run_timers(loop);
    ran |= run_descriptors(loop, wait && !ran);
    return ran;
}

void loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        loop_turn(loop, true);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
