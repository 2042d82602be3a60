#include "waybill/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "waybill/alloc.h"

/* An event and its plan fit one chunk. A large block gets a chunk of its own,
 * and filling of the current chunk continues. */
#define CHUNK (4096 - sizeof(struct chunk))

struct chunk {
    struct chunk *next;
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct chunk *chunks;
    unsigned char *next;
    size_t remaining;
    size_t size;
    size_t *total; /* NULL: not counted */
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
        *arena->total -= arena->size;
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
    arena->size += sizeof(struct chunk) + size;
    if (arena->total != NULL) {
        *arena->total += sizeof(struct chunk) + size;
    }
    return chunk;
}

static void *allocate(struct arena *arena, size_t size)
{
    size_t rounded =
        (size + alignof(max_align_t) - 1) & ~(size_t)(alignof(max_align_t) - 1);

    /* Even an empty block has a unique address that is not NULL. */
    rounded = rounded > 0 ? rounded : alignof(max_align_t);
    /* A chunk of its own wastes nothing; starting a new shared chunk for a
     * large block could waste most of the current one. */
    if (rounded > CHUNK / 4) {
        return add_chunk(arena, rounded)->data;
    }
    if (rounded > arena->remaining) {
        arena->next = add_chunk(arena, CHUNK)->data;
        arena->remaining = CHUNK;
    }
    arena->next += rounded;
    arena->remaining -= rounded;
    return arena->next - rounded;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(allocate(arena, size), 0, size);
}

void *arena_copy(struct arena *arena, const void *data, size_t len)
{
    void *copy = allocate(arena, len);

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
    text = allocate(arena, len + 1);
    vsnprintf(text, len + 1, format, again);
    va_end(again);
    return text;
}

size_t arena_size(const struct arena *arena)
{
    return arena->size;
}
