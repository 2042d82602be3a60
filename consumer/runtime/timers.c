#include "timers.h"

#include "waybill/alloc.h"

void timers_release(struct timers *timers)
{
    mem_free(timers->heap);
    *timers = (struct timers){0};
}

static void put(struct timers *timers, size_t slot, struct timer *timer)
{
    timers->heap[slot - 1] = timer;
    timer->slot = slot;
}

static struct timer *get(const struct timers *timers, size_t slot)
{
    return timers->heap[slot - 1];
}

static void sift_up(struct timers *timers, size_t slot, struct timer *timer)
{
    while (slot > 1 && get(timers, slot / 2)->due_ms > timer->due_ms) {
        put(timers, slot, get(timers, slot / 2));
        slot /= 2;
    }
    put(timers, slot, timer);
}

static void sift_down(struct timers *timers, size_t slot, struct timer *timer)
{
    for (;;) {
        size_t child = slot * 2;

        if (child < timers->count &&
            get(timers, child + 1)->due_ms < get(timers, child)->due_ms) {
            child++;
        }
        if (child > timers->count ||
            get(timers, child)->due_ms >= timer->due_ms) {
            break;
        }
        put(timers, slot, get(timers, child));
        slot = child;
    }
    put(timers, slot, timer);
}

void timers_add(struct timers *timers, struct timer *timer)
{
    timers->heap = mem_grow(timers->heap, &timers->capacity, timers->count + 1,
                            sizeof(timers->heap[0]));
    timers->count++;
    sift_up(timers, timers->count, timer);
}

void timers_remove(struct timers *timers, struct timer *timer)
{
    size_t slot = timer->slot;
    struct timer *last = get(timers, timers->count);

    timers->count--;
    timer->slot = 0;
    if (last == timer) {
        return;
    }
    if (slot > 1 && get(timers, slot / 2)->due_ms > last->due_ms) {
        sift_up(timers, slot, last);
    } else {
        sift_down(timers, slot, last);
    }
}

struct timer *timers_first(const struct timers *timers)
{
    return timers->count > 0 ? get(timers, 1) : NULL;
}
