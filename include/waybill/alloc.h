#ifndef WAYBILL_ALLOC_H
#define WAYBILL_ALLOC_H

#include <stddef.h>

/*
 * Allocation that succeeds or aborts the process.
 *
 * Aborting loses no record, because Waybill commits an offset only after its
 * outcome has been written. Every external input has a limit, so that memory
 * runs out because of a wrong limit and not because of a large record. Callers
 * need no error paths for allocation.
 */

void *mem_alloc(size_t size);  /* uninitialized; size may be 0 */
void *mem_zalloc(size_t size); /* zeroed */
void *mem_copy(const void *data, size_t size); /* size may be 0 */
char *mem_strdup(const char *text);            /* NULL returns NULL */
void mem_free(void *block);                    /* NULL is allowed */

/* Grows an array by doubling until *capacity >= needed. `item` is the size of
 * an element in bytes. Returns the array, which may have moved. */
void *mem_grow(void *array, size_t *capacity, size_t needed, size_t item);

#endif
