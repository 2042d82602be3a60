#ifndef WAYBILL_OFFSET_SET_H
#define WAYBILL_OFFSET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A set of offsets of one partition, stored as the sorted list of its runs of
 * consecutive offsets. A zeroed set is empty. Pure.
 *
 * Its memory and the cost of a change depend on the number of runs, not on the
 * number or the distance of the members: millions of records that are done
 * after one that is not are a single run.
 */
struct offset_run {
    int64_t from;
    int64_t end; /* the offset after the last one; > from */
};

struct offset_set {
    struct offset_run *runs;
    size_t count;
    size_t capacity;
    int64_t members;
};

void offset_set_add(struct offset_set *set, int64_t offset);
/* Adds from, ..., end - 1. */
void offset_set_add_range(struct offset_set *set, int64_t from, int64_t end);
void offset_set_remove(struct offset_set *set, int64_t offset);
bool offset_set_has(const struct offset_set *set, int64_t offset);
/* The bits of 64 offsets starting at `from`, which is the lowest bit */
uint64_t offset_set_bits(const struct offset_set *set, int64_t from);
/* The smallest member >= `from`, or INT64_MAX */
int64_t offset_set_next(const struct offset_set *set, int64_t from);
/* The smallest offset >= `from` that is not a member */
int64_t offset_set_next_absent(const struct offset_set *set, int64_t from);
/* The offset after the largest member; 0 if the set is empty */
int64_t offset_set_end(const struct offset_set *set);
/* The offset after the largest member that is not in `except`; 0 if there is
 * none */
int64_t offset_set_end_except(const struct offset_set *set,
                              const struct offset_set *except);
/* Removes all members below `from`; their memory is reused. */
void offset_set_forget_below(struct offset_set *set, int64_t from);
void offset_set_copy(struct offset_set *to, const struct offset_set *from);
/* the set is empty afterwards */
void offset_set_release(struct offset_set *set);

#endif
