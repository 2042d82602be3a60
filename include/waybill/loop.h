#ifndef WAYBILL_LOOP_H
#define WAYBILL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/clock.h"

/*
 * The event loop: file descriptors (epoll), timers and deferred tasks. All
 * stateful code of Waybill runs on the single thread that turns the loop. There
 * are therefore no locks, and a callback may call everything.
 *
 * A turn runs the tasks that were deferred before it, then the timers that are
 * due, then a single epoll_wait() up to the next timer. What a callback defers
 * runs in the next turn, so a completion is never called from inside the
 * function that started the operation.
 *
 * Time comes from the clock that the loop was created with. With a simulated
 * clock and no watched descriptor, a simulator turns the loop without waiting
 * and sets the clock to loop_next_deadline() when nothing is left to run.
 *
 * Timers and tasks are embedded in their owner's struct: they need no
 * allocation, and the owner must disarm or cancel them before it frees that
 * struct. Loop thread only.
 */
struct loop;

typedef void loop_fn(void *payload);
typedef void loop_watch_fn(void *payload, int fd, unsigned events);

struct timer {
    loop_fn *fn;
    void *payload;
    uint64_t due_ms;
    size_t slot; /* 1-based index in the heap; 0: not armed */
};

struct task {
    loop_fn *fn;
    void *payload;
    struct task *next;
    bool queued;
};

/* Life cycle */
struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *loop); /* NULL is allowed */

/* Turning */
void loop_run(struct loop *loop); /* returns after loop_stop() */
void loop_stop(struct loop *loop);
/* Runs one turn, which does not sleep if `wait` is false. Returns true if any
 * callback ran. */
bool loop_turn(struct loop *loop, bool wait);
bool loop_next_deadline(const struct loop *loop, uint64_t *ret_due_ms);

/* Timers: arming an armed timer moves it; disarming an idle one has no effect.
 * Delays are in milliseconds. */
void timer_init(struct timer *timer, loop_fn *fn, void *payload);
void loop_arm(struct loop *loop, struct timer *timer, uint64_t delay_ms);
void loop_disarm(struct loop *loop, struct timer *timer);
bool timer_is_armed(const struct timer *timer);

/* Tasks: deferring a queued task, or cancelling an idle one, has no effect. */
void task_init(struct task *task, loop_fn *fn, void *payload);
void loop_defer(struct loop *loop, struct task *task);
void loop_cancel(struct loop *loop, struct task *task);

/* Descriptors: `events` are LOOP_IN and LOOP_OUT. Watching a watched descriptor
 * replaces its events and callback. Unwatch it before close(), because epoll
 * refers to the open file description. */
#define LOOP_IN 0x001U  /* EPOLLIN */
#define LOOP_OUT 0x004U /* EPOLLOUT */
void loop_watch(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                void *payload);
void loop_unwatch(struct loop *loop, int fd);

/* The process that runs other programs (subprocess.h); NULL, the initial value:
 * this process */
struct runner;
void loop_set_runner(struct loop *loop, struct runner *runner);
struct runner *loop_runner(const struct loop *loop);

uint64_t loop_now(const struct loop *loop); /* monotonic time in milliseconds */
const struct clock *loop_clock(const struct loop *loop);

#endif
