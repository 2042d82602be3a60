#ifndef WAYBILL_PROGRESS_H
#define WAYBILL_PROGRESS_H

#include "waybill/error.h"
#include "waybill/offset_set.h"
#include "waybill/str.h"

/*
 * How far a partition has come, as it is committed: the watermark is Kafka's
 * committed offset, and the rest is the text beside it (offset metadata), so
 * that one transaction holds both and the outcomes that they speak of.
 *
 * It says which offsets above the watermark are done; of those that are not,
 * which deliveries are done already; and, as far as there is room, how often
 * and since when the others have failed. An empty text says nothing of this.
 *
 * The text is base64 (librdkafka before 2.6 corrupts NULs) of
 *
 *     "W" 0x01   magic, version
 *     varint     dispatched - watermark
 *     set        done
 *     varint     count of ids, then 8 bytes each, big endian
 *     set        for each id: offsets where that delivery alone is done
 *     varint     count of attempts, then for each four varints: offset less
 *                that of the one before (of the first: the watermark), place
 *                of its id, attempts, first failure (seconds since 1970);
 *                with neither attempts nor a failure it says that an attempt
 *                may have begun which nobody knows the end of
 *     4 bytes    the first of SHA-256(decimal watermark, ":", all before)
 *
 * where a varint is LEB128, and a set is the shorter one of
 *
 *     0x00, varint length, bytes    bit i (from the lowest of the first byte)
 *                                   is the offset watermark + i
 *     0x01, varint length, varints  so many not, so many that are, so many ...
 *
 * The sum covers the watermark: metadata of another offset is not taken for
 * this one's. Pure.
 */

/* What Kafka's default offset.metadata.max.bytes (4096) lets through with
 * librdkafka 2.0.2, less a margin */
#define PROGRESS_MAX_TEXT 3900
/* What a text may speak of: offsets above the watermark */
#define PROGRESS_MAX_SPAN 65536

/* Deliveries of one attachment that are done in records that are not */
struct progress_part {
    uint64_t id; /* progress_id() */
    struct offset_set done;
};

struct progress_attempts {
    int64_t offset;
    uint64_t id;
    unsigned attempts;       /* 0: one may have arrived */
    int64_t first_failed_ms; /* wall; kept in whole seconds */
};

struct progress {
    int64_t watermark;
    int64_t dispatched; /* smaller ones may have been worked on; >= watermark */
    struct offset_set done;
    struct progress_part *parts;
    size_t part_count;
    size_t part_capacity;
    struct progress_attempts *attempts; /* by ascending offsets */
    size_t attempts_count;
    size_t attempts_capacity;
};

void progress_release(struct progress *progress);

/* An attachment's name as a number that stays the same from start to start */
uint64_t progress_id(const char *attachment);
/* Says that one delivery of the record at `offset` is done. */
void progress_add_part(struct progress *progress, uint64_t id, int64_t offset);
bool progress_has_part(const struct progress *progress, uint64_t id,
                       int64_t offset);
/* Those of an offset behind those of smaller ones, wherever that is */
void progress_add_attempts(struct progress *progress,
                           const struct progress_attempts *attempts);
/* ... that say only that one may have arrived */
void progress_add_mark(struct progress *progress, int64_t offset, uint64_t id);
/* The index of the first of them at or above `offset` */
size_t progress_attempts_from(const struct progress *progress, int64_t offset);
void progress_forget_attempts(struct progress *progress, int64_t offset);
void progress_forget_attempts_below(struct progress *progress, int64_t offset);

/* What the parts take of the text, in bytes before base64 */
size_t progress_parts_size(const struct progress *progress);
/* Appends the text, of at most so many characters; attempts that find no room
 * are left out, and with them all that is only good to know. False, and nothing
 * appended: what is done does not fit. */
bool progress_encode(const struct progress *progress, size_t max,
                     struct str *out);
/* `watermark` is the offset that the text was committed with. */
int progress_decode(int64_t watermark, const char *text,
                    struct progress *ret_progress, struct error *err) NODISCARD;

#endif
