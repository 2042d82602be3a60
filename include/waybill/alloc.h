#ifndef WAYBILL_ALLOC_H
#define WAYBILL_ALLOC_H

#include <stddef.h>

/*
 * Memory that is there, or the end of the process.
 *
 * Waybill commits an offset only together with its outcome, so that a process
 * that dies loses nothing; every outside input has a cap, so that it dies of
 * a wrong limit and not of a large record. Half of all error paths go away.
 */

void *mem_alloc(size_t size);  /* uninitialised, size may be 0 */
void *mem_zalloc(size_t size); /* zeroed */
void *mem_copy(const void *data, size_t size); /* size may be 0 */
char *mem_strdup(const char *text);            /* of NULL: NULL */
void mem_free(void *block);                    /* NULL is fine */
void mem_wipe(char *text); /* frees a secret, of which nothing stays behind */

/* Grows a plain array by doubling: *capacity >= needed afterwards. */
void *mem_grow(void *array, size_t *capacity, size_t needed, size_t item);

#endif
