#ifndef WAYBILL_OFFSET_SET_H
#define WAYBILL_OFFSET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A set of offsets of one partition, close together: a bit each, from a base
 * that moves up. A zeroed one is empty. Pure; how far apart its members may be
 * is the caller's to bound (LEDGER_WINDOW), because a bit is stored for every
 * offset between them.
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
/* The next 64 from `from` on, the first in the lowest bit */
uint64_t offset_set_bits(const struct offset_set *set, int64_t from);
/* The smallest member from `from` on; INT64_MAX: there is none */
int64_t offset_set_next(const struct offset_set *set, int64_t from);
/* Behind the largest member; 0 when it is empty */
int64_t offset_set_end(const struct offset_set *set);
/* Those below `from` are out of it, and their memory is used again. */
void offset_set_forget_below(struct offset_set *set, int64_t from);
void offset_set_copy(struct offset_set *to, const struct offset_set *from);
void offset_set_release(struct offset_set *set); /* it is empty afterwards */

#endif
