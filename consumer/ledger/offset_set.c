#include "waybill/offset_set.h"

#include <string.h>

#include "waybill/alloc.h"

#define WORD_BITS 64

static size_t word_of(const struct offset_set *set, int64_t offset)
{
    return (size_t)(offset - set->base) / WORD_BITS;
}

static uint64_t bit_of(int64_t offset)
{
    return (uint64_t)1 << ((uint64_t)offset % WORD_BITS);
}

static int64_t base_of(int64_t offset)
{
    return offset - (offset % WORD_BITS);
}

/* Inserts that many empty words at the front. */
static void grow_front(struct offset_set *set, size_t words)
{
    set->words = mem_grow(set->words, &set->capacity, set->count + words,
                          sizeof(set->words[0]));
    memmove(set->words + words, set->words, set->count * sizeof(set->words[0]));
    memset(set->words, 0, words * sizeof(set->words[0]));
    set->count += words;
    set->base -= (int64_t)(words * WORD_BITS);
}

static void grow_back(struct offset_set *set, size_t count)
{
    set->words =
        mem_grow(set->words, &set->capacity, count, sizeof(set->words[0]));
    memset(set->words + set->count, 0,
           (count - set->count) * sizeof(set->words[0]));
    set->count = count;
}

void offset_set_add(struct offset_set *set, int64_t offset)
{
    if (set->count == 0) {
        set->base = base_of(offset);
    } else if (offset < set->base) {
        grow_front(set, (size_t)(set->base - base_of(offset)) / WORD_BITS);
    }
    if (word_of(set, offset) >= set->count) {
        grow_back(set, word_of(set, offset) + 1);
    }
    set->words[word_of(set, offset)] |= bit_of(offset);
}

void offset_set_remove(struct offset_set *set, int64_t offset)
{
    if (offset_set_has(set, offset)) {
        set->words[word_of(set, offset)] &= ~bit_of(offset);
    }
}

bool offset_set_has(const struct offset_set *set, int64_t offset)
{
    return offset >= set->base && word_of(set, offset) < set->count &&
           (set->words[word_of(set, offset)] & bit_of(offset)) != 0;
}

static uint64_t word_at(const struct offset_set *set, int64_t offset)
{
    return offset >= set->base && word_of(set, offset) < set->count
               ? set->words[word_of(set, offset)]
               : 0;
}

uint64_t offset_set_bits(const struct offset_set *set, int64_t from)
{
    unsigned shift = (unsigned)(from % WORD_BITS);
    uint64_t bits = word_at(set, from) >> shift;

    return shift == 0
               ? bits
               : bits | word_at(set, from + WORD_BITS) << (WORD_BITS - shift);
}

int64_t offset_set_next(const struct offset_set *set, int64_t from)
{
    if (set->count == 0) {
        return INT64_MAX;
    }
    from = from > set->base ? from : set->base;
    while (word_of(set, from) < set->count) {
        uint64_t higher = set->words[word_of(set, from)] & ~(bit_of(from) - 1);

        if (higher != 0) {
            return base_of(from) + __builtin_ctzll(higher);
        }
        from = base_of(from) + WORD_BITS;
    }
    return INT64_MAX;
}

int64_t offset_set_end(const struct offset_set *set)
{
    for (size_t i = set->count; i > 0; i--) {
        if (set->words[i - 1] != 0) {
            return set->base + (int64_t)(i * WORD_BITS) -
                   __builtin_clzll(set->words[i - 1]);
        }
    }
    return 0;
}

void offset_set_forget_below(struct offset_set *set, int64_t from)
{
    size_t words;

    if (from <= set->base || set->count == 0) {
        return;
    }
    words = word_of(set, from);
    words = words < set->count ? words : set->count;
    memmove(set->words, set->words + words,
            (set->count - words) * sizeof(set->words[0]));
    set->count -= words;
    set->base += (int64_t)(words * WORD_BITS);
    if (set->count > 0) {
        set->words[0] &= ~(bit_of(from) - 1);
    }
}

void offset_set_copy(struct offset_set *to, const struct offset_set *from)
{
    *to = (struct offset_set){.base = from->base};
    if (from->count > 0) {
        to->words = mem_copy(from->words, from->count * sizeof(to->words[0]));
        to->count = from->count;
        to->capacity = from->count;
    }
}

void offset_set_release(struct offset_set *set)
{
    mem_free(set->words);
    *set = (struct offset_set){0};
}
