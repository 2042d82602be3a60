#ifndef WAYBILL_PROGRESS_H
#define WAYBILL_PROGRESS_H

#include "waybill/error.h"
#include "waybill/offset_set.h"
#include "waybill/str.h"

/*
 * The committed progress of a partition. The watermark is the committed offset,
 * and the rest is its offset metadata, so that one transaction contains both
 * and the outcomes that they record.
 *
 * The metadata has the offsets above the watermark that are finished; for the
 * records that are not, the deliveries that are finished already; and, as far
 * as there is space, the number of failed attempts of the others and the time
 * of the first. Empty metadata has none of these.
 *
 * It is the base64 encoding (librdkafka before 2.6 corrupts NULs) of
 *
 *     "W" 0x02   magic, version; 0x01 if no offset is more than 65536 above the
 *                watermark, which is as far as the first releases can read
 *     varint     dispatched - watermark
 *     set        done
 *     varint     count of ids, then 8 bytes each, big endian
 *     set        for each id: offsets where that delivery alone is done
 *     varint     count of attempts, then for each four varints: offset minus
 *                the previous one (for the first: minus the watermark), index
 *                of its id, attempts, first failure (seconds since 1970);
 *                if both are 0, an attempt may have begun whose result is not
 *                known
 *     4 bytes    the first of SHA-256(decimal watermark, ":", all preceding)
 *
 * where a varint is an unsigned LEB128, and a set is the shorter of
 *
 *     0x00, varint length, bytes    bit i (from the lowest of the first byte)
 *                                   is the offset watermark + i
 *     0x01, varint length, varints  lengths of runs: absent, present, ...
 *
 * The checksum covers the watermark, so that metadata which belongs to another
 * offset is rejected. Pure.
 */

/* The maximum length that Kafka's default offset.metadata.max.bytes (4096)
 * accepts with librdkafka 2.0.2, less a margin */
#define PROGRESS_MAX_TEXT 3900
/* The range of offsets above the watermark that can be encoded */
#define PROGRESS_MAX_SPAN ((int64_t)1 << 40)

/* The finished deliveries of one attachment, in records that are not
 * complete */
struct progress_delivery {
    uint64_t id; /* progress_id() of the attachment */
    struct offset_set done;
};

struct progress_attempts {
    int64_t offset;
    uint64_t id;
    /* 0: a mark, that is, an attempt may have been delivered */
    unsigned attempts;
    int64_t first_failed_ms; /* Unix time; encoded in whole seconds */
};

struct progress {
    int64_t watermark;
    /* lower offsets may have been processed; >= watermark */
    int64_t dispatched;
    struct offset_set done;
    struct progress_delivery *deliveries;
    size_t delivery_count;
    size_t delivery_capacity;
    struct progress_attempts *attempts; /* sorted by offset */
    size_t attempts_count;
    size_t attempts_capacity;
};

void progress_release(struct progress *progress);

/* Hashes the name of an attachment to an id that is the same in every
 * process. */
uint64_t progress_id(const char *attachment);
/* Records that one delivery of the record at `offset` is finished. */
void progress_add_delivery(struct progress *progress, uint64_t id,
                           int64_t offset);
/* Forgets the single deliveries of a record that is complete. */
void progress_forget_deliveries(struct progress *progress, int64_t offset);
bool progress_has_delivery(const struct progress *progress, uint64_t id,
                           int64_t offset);
/* Inserts attempts in the order of offsets. */
void progress_add_attempts(struct progress *progress,
                           const struct progress_attempts *attempts);
/* Inserts a mark, which says only that an attempt may have been delivered. */
void progress_add_mark(struct progress *progress, int64_t offset, uint64_t id);
/* Returns the index of the first attempts at or above `offset`. */
size_t progress_attempts_from(const struct progress *progress, int64_t offset);
void progress_forget_attempts(struct progress *progress, int64_t offset);
void progress_forget_attempts_below(struct progress *progress, int64_t offset);

/* The encoded size of the offsets that are finished, in bytes before base64 */
size_t progress_done_size(const struct progress *progress);
/* The encoded size of the single deliveries, in bytes before base64 */
size_t progress_deliveries_size(const struct progress *progress);
/* Appends the metadata, of at most `max` characters. Attempts that do not fit
 * are omitted, as is everything that is not needed for correctness. Returns
 * false and appends nothing if the finished deliveries do not fit. */
bool progress_encode(const struct progress *progress, size_t max,
                     struct str *out);
/* Decodes metadata that was committed with the offset `watermark`. ERROR_FATAL
 * if it is not exactly what progress_encode() writes. Release the result with
 * progress_release(). */
int progress_decode(int64_t watermark, const char *text,
                    struct progress *ret_progress, struct error *err) NODISCARD;

#endif
