#include "waybill/offset_set.h"

#include <string.h>

#include "waybill/alloc.h"

/* The index of the first run that ends after `offset`, or the number of runs.
 * Most questions concern the newest offsets. */
static size_t run_at(const struct offset_set *set, int64_t offset)
{
    size_t low = 0;
    size_t high = set->count;

    if (high > 0 && set->runs[high - 1].end <= offset) {
        return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->runs[middle].end <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Replaces the runs from index `first` up to `last` by `with` others, which the
 * caller fills in. */
static void replace(struct offset_set *set, size_t first, size_t last,
                    size_t with)
{
    size_t count = set->count - (last - first) + with;

    set->runs =
        mem_grow(set->runs, &set->capacity, count, sizeof(set->runs[0]));
    if (last < set->count) {
        memmove(&set->runs[first + with], &set->runs[last],
                (set->count - last) * sizeof(set->runs[0]));
    }
    set->count = count;
}

void offset_set_add_range(struct offset_set *set, int64_t from, int64_t end)
{
    struct offset_run merged = {from, end};
    size_t first;
    size_t last;

    if (from >= end) {
        return;
    }
    /* A run that ends exactly at `from` is merged, too. */
    first = from > 0 ? run_at(set, from - 1) : 0;
    for (last = first; last < set->count && set->runs[last].from <= end;
         last++) {
        const struct offset_run *run = &set->runs[last];

        merged.from = run->from < merged.from ? run->from : merged.from;
        merged.end = run->end > merged.end ? run->end : merged.end;
        set->members -= run->end - run->from;
    }
    replace(set, first, last, 1);
    set->runs[first] = merged;
    set->members += merged.end - merged.from;
}

void offset_set_add(struct offset_set *set, int64_t offset)
{
    offset_set_add_range(set, offset, offset + 1);
}

void offset_set_remove(struct offset_set *set, int64_t offset)
{
    size_t index = run_at(set, offset);
    struct offset_run run;
    size_t parts;

    if (!offset_set_has(set, offset)) {
        return;
    }
    run = set->runs[index];
    parts = (size_t)(run.from < offset) + (size_t)(offset + 1 < run.end);
    replace(set, index, index + 1, parts);
    if (run.from < offset) {
        set->runs[index++] = (struct offset_run){run.from, offset};
    }
    if (offset + 1 < run.end) {
        set->runs[index] = (struct offset_run){offset + 1, run.end};
    }
    set->members--;
}

bool offset_set_has(const struct offset_set *set, int64_t offset)
{
    size_t index = run_at(set, offset);

    return index < set->count && set->runs[index].from <= offset;
}

uint64_t offset_set_bits(const struct offset_set *set, int64_t from)
{
    int64_t end = from + 64;
    uint64_t bits = 0;

    for (size_t i = run_at(set, from);
         i < set->count && set->runs[i].from < end; i++) {
        const struct offset_run *run = &set->runs[i];
        int64_t low = run->from > from ? run->from - from : 0;
        int64_t high = (run->end < end ? run->end : end) - from;

        bits |=
            (high - low == 64 ? UINT64_MAX : ((uint64_t)1 << (high - low)) - 1)
            << low;
    }
    return bits;
}

int64_t offset_set_next(const struct offset_set *set, int64_t from)
{
    size_t index = run_at(set, from);

    if (index == set->count) {
        return INT64_MAX;
    }
    return set->runs[index].from > from ? set->runs[index].from : from;
}

int64_t offset_set_next_absent(const struct offset_set *set, int64_t from)
{
    size_t index = run_at(set, from);

    return index < set->count && set->runs[index].from <= from
               ? set->runs[index].end
               : from;
}

int64_t offset_set_end(const struct offset_set *set)
{
    return set->count > 0 ? set->runs[set->count - 1].end : 0;
}

int64_t offset_set_end_except(const struct offset_set *set,
                              const struct offset_set *except)
{
    for (size_t i = set->count; i > 0; i--) {
        int64_t end = set->runs[i - 1].end;
        size_t index = run_at(except, end - 1);

        if (index < except->count && except->runs[index].from < end) {
            end = except->runs[index].from;
        }
        if (end > set->runs[i - 1].from) {
            return end;
        }
    }
    return 0;
}

void offset_set_forget_below(struct offset_set *set, int64_t from)
{
    size_t index = run_at(set, from);

    for (size_t i = 0; i < index; i++) {
        set->members -= set->runs[i].end - set->runs[i].from;
    }
    if (index > 0) {
        replace(set, 0, index, 0);
    }
    if (set->count > 0 && set->runs[0].from < from) {
        set->members -= from - set->runs[0].from;
        set->runs[0].from = from;
    }
}

void offset_set_copy(struct offset_set *to, const struct offset_set *from)
{
    *to = (struct offset_set){.members = from->members};
    if (from->count > 0) {
        to->runs = mem_copy(from->runs, from->count * sizeof(to->runs[0]));
        to->count = from->count;
        to->capacity = from->count;
    }
}

void offset_set_release(struct offset_set *set)
{
    mem_free(set->runs);
    *set = (struct offset_set){0};
}
