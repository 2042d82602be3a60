#ifndef WAYBILL_LOOP_TIMERS_H
#define WAYBILL_LOOP_TIMERS_H

#include <stddef.h>

#include "waybill/loop.h"

/* A binary heap of armed timers with the next due one at the root. Timers that
 * are due in the same millisecond fire in no particular order. */
struct timers {
    struct timer **heap;
    size_t count;
    size_t capacity;
};

void timers_release(struct timers *timers);
void timers_add(struct timers *timers, struct timer *timer);
void timers_remove(struct timers *timers, struct timer *timer);
struct timer *timers_first(const struct timers *timers); /* NULL: none */

#endif
