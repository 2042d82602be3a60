#ifndef WAYBILL_ARENA_H
#define WAYBILL_ARENA_H

#include <stddef.h>

#include "waybill/compiler.h"
#include "waybill/str.h"

/*
 * A region allocator: everything that one unit of work needs (a record with its
 * event, plan and outcomes; a configuration) is allocated from one arena and
 * freed with it in one call. Single allocations cannot be freed. Not
 * thread-safe.
 */
struct arena;

struct arena *arena_new(void);
/* Adds the arena's size to *total as it grows and subtracts it when the arena
 * is freed. *total must outlive the arena. */
struct arena *arena_new_counted(size_t *total);
void arena_free(struct arena *arena); /* NULL is allowed */
/* The same for an arena that contains secrets: the memory is zeroed first. */
void arena_wipe_and_free(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned */
/* NULL returns NULL */
char *arena_strdup(struct arena *arena, const char *text);
void *arena_copy(struct arena *arena, const void *data, size_t len);
struct bytes arena_bytes(struct arena *arena, struct bytes bytes);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF(2, 3);

/* allocated bytes, including overhead */
size_t arena_size(const struct arena *arena);

#endif
