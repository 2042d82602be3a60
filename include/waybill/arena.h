#ifndef WAYBILL_ARENA_H
#define WAYBILL_ARENA_H

#include <stddef.h>

#include "waybill/compiler.h"
#include "waybill/str.h"

/*
 * Memory with one end: everything that one unit of work needs (a record with
 * its event, plan and outcomes; a configuration) lives in its arena and goes
 * away in one call. Nothing in an arena is freed by itself.
 */
struct arena;

struct arena *arena_new(void);
/* What it holds is a part of *total, which outlives it. */
struct arena *arena_new_counted(size_t *total);
void arena_free(struct arena *arena); /* NULL is fine */
/* The same, of one that holds secrets */
void arena_wipe_and_free(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size);       /* zeroed, aligned */
char *arena_strdup(struct arena *arena, const char *text); /* NULL stays NULL */
void *arena_copy(struct arena *arena, const void *data, size_t len);
struct bytes arena_bytes(struct arena *arena, struct bytes bytes);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF(2, 3);

size_t arena_size(const struct arena *arena); /* bytes held, chunks included */

#endif
