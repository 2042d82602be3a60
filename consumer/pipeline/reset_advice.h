#ifndef WAYBILL_RESET_ADVICE_H
#define WAYBILL_RESET_ADVICE_H

#include "waybill/kafka.h"
#include "waybill/progress.h"
#include "waybill/str.h"

/*
 * To which offset a group may be reset after records were deleted before they
 * were read. A reset discards the committed metadata, and with it what is done
 * above the committed offset. Pure.
 */

/* Appends the advice in full sentences, with the command. `first` is the first
 * offset that still exists. */
void append_reset_advice(const struct progress *progress,
                         const struct kafka_options *options, int32_t partition,
                         int64_t first, struct str *out);

#endif
