#include "waybill/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "waybill/alloc.h"

/* An event and its plan fit one chunk; what is large gets a chunk of its own,
 * without ending the one that is being filled. */
#define CHUNK (4096 - sizeof(struct chunk))

struct chunk {
    struct chunk *next;
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct chunk *chunks;
    unsigned char *free;
    size_t left;
    size_t held;
    size_t *total; /* NULL: nobody counts */
};

struct arena *arena_new(void)
{
    return mem_zalloc(sizeof(struct arena));
}

struct arena *arena_new_counted(size_t *total)
{
    struct arena *arena = arena_new();

    arena->total = total;
    return arena;
}

void arena_free(struct arena *arena)
{
    struct chunk *chunk = arena != NULL ? arena->chunks : NULL;

    if (arena != NULL && arena->total != NULL) {
        *arena->total -= arena->held;
    }
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        mem_free(chunk);
        chunk = next;
    }
    mem_free(arena);
}

void arena_wipe_and_free(struct arena *arena)
{
    for (struct chunk *chunk = arena != NULL ? arena->chunks : NULL;
         chunk != NULL; chunk = chunk->next) {
        explicit_bzero(chunk->data, chunk->size);
    }
    arena_free(arena);
}

static struct chunk *add_chunk(struct arena *arena, size_t size)
{
    struct chunk *chunk = mem_alloc(sizeof(struct chunk) + size);

    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->held += sizeof(struct chunk) + size;
    if (arena->total != NULL) {
        *arena->total += sizeof(struct chunk) + size;
    }
    return chunk;
}

static void *take(struct arena *arena, size_t size)
{
    size_t rounded =
        (size + alignof(max_align_t) - 1) & ~(size_t)(alignof(max_align_t) - 1);

    /* So that two blocks never share an address, and none is NULL. */
    rounded = rounded > 0 ? rounded : alignof(max_align_t);
    if (rounded > CHUNK / 4) {
        return add_chunk(arena, rounded)->data;
    }
    if (rounded > arena->left) {
        arena->free = add_chunk(arena, CHUNK)->data;
        arena->left = CHUNK;
    }
    arena->free += rounded;
    arena->left -= rounded;
    return arena->free - rounded;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(take(arena, size), 0, size);
}

void *arena_copy(struct arena *arena, const void *data, size_t len)
{
    void *copy = take(arena, len);

    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy(arena, text, strlen(text) + 1) : NULL;
}

struct bytes arena_bytes(struct arena *arena, struct bytes bytes)
{
    if (bytes.data != NULL) {
        bytes.data = arena_copy(arena, bytes.data, bytes.len);
    }
    return bytes;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    size_t len;
    char *text;

    va_start(args, format);
    va_copy(again, args);
    len = (size_t)vsnprintf(NULL, 0, format, args);
    va_end(args);
    text = take(arena, len + 1);
    vsnprintf(text, len + 1, format, again);
    va_end(again);
    return text;
}

size_t arena_size(const struct arena *arena)
{
    return arena->held;
}
