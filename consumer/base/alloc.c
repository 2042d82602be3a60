#include "waybill/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *block)
{
    if (block == NULL) {
        fputs("waybill: out of memory\n", stderr);
        abort();
    }
    return block;
}

void *mem_alloc(size_t size)
{
    return or_abort(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return or_abort(calloc(1, size ? size : 1));
}

static void *mem_realloc(void *block, size_t size)
{
    return or_abort(realloc(block, size ? size : 1));
}

void *mem_copy(const void *data, size_t size)
{
    void *copy = mem_alloc(size);

    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *mem_strdup(const char *text)
{
    return text != NULL ? mem_copy(text, strlen(text) + 1) : NULL;
}

void mem_free(void *block)
{
    free(block);
}

void *mem_grow(void *array, size_t *capacity, size_t needed, size_t item)
{
    size_t grown = *capacity ? *capacity : 8;

    if (needed <= *capacity) {
        return array;
    }
    while (grown < needed) {
        grown *= 2;
    }
    /* The multiplication below would overflow. */
    if (grown > SIZE_MAX / item) {
        return or_abort(NULL);
    }
    *capacity = grown;
    return mem_realloc(array, grown * item);
}
