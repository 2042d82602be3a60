#ifndef WAYBILL_LEDGER_INTERNAL_H
#define WAYBILL_LEDGER_INTERNAL_H

#include "waybill/ledger.h"

/* The text of a progress; what is written is what is read. */
#define PROGRESS_MAGIC 'W'
#define PROGRESS_VERSION 1
#define PROGRESS_SUM 4
#define PROGRESS_MAX_ATTEMPTS 4096
enum set_form { SET_BITMAP, SET_RUNS };

/* The first 64 bits of a SHA-256 */
uint64_t progress_hash(const void *data, size_t len);
/* Of the bytes in front of it */
void progress_sum(int64_t watermark, const void *data, size_t len,
                  unsigned char ret_sum[PROGRESS_SUM]);

/* ledger.c: moves it to the lists on which its entry belongs then. */
void ledger_set_state(struct ledger_slot *slot, enum ledger_slot_state state);
/* In work it is not any more, and on no list. */
void ledger_remove(struct ledger *ledger, struct ledger_entry *entry);

#endif
