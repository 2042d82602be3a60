#ifndef WAYBILL_TESTS_PROGRESS_BYTES_H
#define WAYBILL_TESTS_PROGRESS_BYTES_H

#include <inttypes.h>
#include <stdio.h>

#include "waybill/digest.h"
#include "waybill/str.h"

/* Builds encoded progress by hand, as progress.h specifies it: appends the
 * checksum of all bytes before it, which is the first four bytes of
 * SHA-256(decimal watermark, ":", bytes). */

#define PROGRESS_SUM_BYTES 4

static inline void append_progress_sum(int64_t watermark, struct str *bytes)
{
    CLEANUP(str_release) struct str all = STR_INIT(STR_UNLIMITED);
    struct digest digest;

    str_printf(&all, "%" PRId64 ":", watermark);
    str_append(&all, bytes->data, bytes->len);
    digest_of(all.data, all.len, &digest);
    for (size_t i = 0; i < PROGRESS_SUM_BYTES; i++) {
        unsigned byte = 0;

        sscanf(digest_hex(&digest) + 2 * i, "%2x", &byte);
        str_append_char(bytes, (char)byte);
    }
}

#endif
