#ifndef WAYBILL_BASE_SECRET_MEMORY_H
#define WAYBILL_BASE_SECRET_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret_view.h"

/*
 * What the process has revealed to anybody, recognizable but not readable: a
 * server may repeat a token long after it was replaced and forgotten. Kept are
 * keyed hashes of the pieces of each secret, in a limited amount of memory (at
 * most 4 MiB) that holds at least the last 2,000 tokens of 1,000 characters.
 *
 * All positions and lengths are in a folded view (secret_view.h).
 */

/* The number of bytes of which one hash is made */
#define SECRET_GRAM 8U
uint64_t secret_gram(const struct secret_view_byte *bytes);

void secret_memory_add(const struct secret_view *secret, bool looks_random);
/* Length of the remembered secret, or of the piece of one, that begins at this
 * position; 0: none. */
size_t secret_memory_find(const struct secret_view *view, size_t at);

#endif
