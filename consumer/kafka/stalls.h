#ifndef WAYBILL_KAFKA_STALLS_H
#define WAYBILL_KAFKA_STALLS_H

#include "inspect.h"

/*
 * Finds partitions in which nothing can be read because a transaction of a
 * producer is open: a read_committed consumer gets no record after its first
 * offset, the last stable offset, although the log goes on.
 */
struct stalls {
    struct stall *items;
    size_t count;
};

/* Looks at the partitions that are assigned to the consumer, and appends those
 * that have been stalled for a while. It asks a broker only about those whose
 * position has not moved since an earlier call. */
void stalls_check(struct stalls *stalls, const struct inspector *inspector,
                  struct condition_list *list);
void stalls_release(struct stalls *stalls);

#endif
