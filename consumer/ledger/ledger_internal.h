#ifndef WAYBILL_LEDGER_INTERNAL_H
#define WAYBILL_LEDGER_INTERNAL_H

#include "waybill/ledger.h"

/* The format of the metadata, shared by encode.c and decode.c */
#define PROGRESS_MAGIC 'W'
#define PROGRESS_VERSION 2
#define PROGRESS_VERSION_1 1
/* The range of offsets above the watermark that version 1 allows */
#define PROGRESS_MAX_SPAN_1 65536
#define PROGRESS_SUM 4
#define PROGRESS_MAX_ATTEMPTS 4096
enum set_form { SET_BITMAP, SET_RUNS };

/* Returns the first 64 bits of the SHA-256. */
uint64_t progress_hash(const void *data, size_t len);
/* The checksum over the watermark and the bytes */
void progress_sum(int64_t watermark, const void *data, size_t len,
                  unsigned char ret_sum[PROGRESS_SUM]);

/* ledger.c: sets the state and moves the entry to the lists that it belongs to
 * then. */
void ledger_set_state(struct ledger_slot *slot, enum ledger_slot_state state);
/* The maximum size of the set of finished offsets, in bytes before base64 */
size_t ledger_max_done_size(const struct ledger *ledger);
/* Removes the entry from all lists. */
void ledger_remove(struct ledger *ledger, struct ledger_entry *entry);

#endif
