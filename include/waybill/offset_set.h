#ifndef WAYBILL_OFFSET_SET_H
#define WAYBILL_OFFSET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A set of offsets of one partition, stored as a bitmap from a base that
 * increases. A zeroed set is empty. Pure.
 *
 * A bit is stored for every offset between the smallest and the largest member,
 * so the caller must bound their distance (LEDGER_WINDOW).
 */
struct offset_set {
    int64_t base; /* of words[0]; a multiple of 64 */
    uint64_t *words;
    size_t count;
    size_t capacity;
};

void offset_set_add(struct offset_set *set, int64_t offset);
void offset_set_remove(struct offset_set *set, int64_t offset);
bool offset_set_has(const struct offset_set *set, int64_t offset);
/* The bits of 64 offsets starting at `from`, which is the lowest bit */
uint64_t offset_set_bits(const struct offset_set *set, int64_t from);
/* The smallest member >= `from`, or INT64_MAX */
int64_t offset_set_next(const struct offset_set *set, int64_t from);
/* The offset after the largest member; 0 if the set is empty */
int64_t offset_set_end(const struct offset_set *set);
/* Removes all members below `from`; their memory is reused. */
void offset_set_forget_below(struct offset_set *set, int64_t from);
void offset_set_copy(struct offset_set *to, const struct offset_set *from);
/* the set is empty afterwards */
void offset_set_release(struct offset_set *set);

#endif
