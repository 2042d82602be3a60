#ifndef WAYBILL_LOOP_H
#define WAYBILL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/clock.h"

/*
 * The event loop: descriptors (epoll), timers, deferred calls. Everything that
 * has state in Waybill runs on the one thread that turns it; so there are no
 * locks, and every callback may use everything.
 *
 * A turn: what was deferred, then the timers that are due, then one epoll_wait
 * until the next timer. What a callback defers runs in the next turn: a
 * completion is never called from inside the function that started the work.
 *
 * Time is the clock's that the loop was given. With a clock of its own, and no
 * descriptor watched, a simulator turns the loop without waiting and sets the
 * clock to loop_next_deadline() when there is nothing left to do.
 *
 * A timer or task is a part of the struct that it belongs to: it costs no
 * allocation, and its owner must disarm it before that struct goes away.
 * Loop thread only.
 */
struct loop;

typedef void loop_fn(void *payload);
typedef void loop_watch_fn(void *payload, int fd, unsigned events);

struct timer {
    loop_fn *fn;
    void *payload;
    uint64_t due_ms;
    size_t slot; /* 1-based place in the heap; 0: not armed */
};

struct task {
    loop_fn *fn;
    void *payload;
    struct task *next;
    bool queued;
};

/* Life cycle */
struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *loop); /* NULL is fine */

/* Turning */
void loop_run(struct loop *loop); /* until loop_stop() */
void loop_stop(struct loop *loop);
/* One turn; with wait false it does not sleep. True when anything ran. */
bool loop_turn(struct loop *loop, bool wait);
bool loop_next_deadline(const struct loop *loop, uint64_t *ret_due_ms);

/* Timers: arming an armed one moves it; disarming an idle one is fine. */
void timer_init(struct timer *timer, loop_fn *fn, void *payload);
void loop_arm(struct loop *loop, struct timer *timer, uint64_t delay_ms);
void loop_disarm(struct loop *loop, struct timer *timer);
bool timer_is_armed(const struct timer *timer);

/* Tasks: deferring a queued one changes nothing. */
void task_init(struct task *task, loop_fn *fn, void *payload);
void loop_defer(struct loop *loop, struct task *task);
void loop_cancel(struct loop *loop, struct task *task);

/* Descriptors: `events` are EPOLLIN and EPOLLOUT; watching a watched one
 * changes what is waited for. Unwatch before close(). */
#define LOOP_IN 0x001U  /* EPOLLIN */
#define LOOP_OUT 0x004U /* EPOLLOUT */
void loop_watch(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                void *payload);
void loop_unwatch(struct loop *loop, int fd);

/* Who runs other programs (subprocess.h); NULL, as at first: this process */
struct runner;
void loop_set_runner(struct loop *loop, struct runner *runner);
struct runner *loop_runner(const struct loop *loop);

uint64_t loop_now(const struct loop *loop); /* monotonic, milliseconds */
const struct clock *loop_clock(const struct loop *loop);

#endif
