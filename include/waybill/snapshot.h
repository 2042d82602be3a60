#ifndef WAYBILL_SNAPSHOT_H
#define WAYBILL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * The records of a topic at one moment, for `waybill replay` and `waybill
 * explain`.
 *
 * Unlike kafka.h these functions block, because a command has nothing else to
 * do, and they join no group. They read committed records up to the end offsets
 * at the time of snapshot_open(), so that a replay never reads the records that
 * it writes.
 *
 * What a dead letter is, and which are replayed, is defined in replay.h.
 */
struct snapshot;

struct snapshot_span {
    int32_t partition;
    int64_t low; /* the log start offset; records may since be deleted */
    int64_t end; /* the offset after the last record of the snapshot */
};

/* Opens a snapshot of options->topic; options->group is the group whose offsets
 * snapshot_committed() returns. The strings must outlive the snapshot. Fails
 * with ERROR_REJECTED if the topic does not exist, and with ERROR_UNREACHABLE
 * if no broker answers. */
int snapshot_open(const struct kafka_options *options,
                  struct snapshot **ret_snapshot, struct error *err) NODISCARD;
void snapshot_free(struct snapshot *snapshot); /* NULL is fine */

/* The offset after the last record of the partition, including the records of
 * open transactions, which a snapshot does not contain */
int snapshot_high_watermark(struct snapshot *snapshot, int32_t partition,
                            int64_t *ret_high, struct error *err) NODISCARD;
/* Sorted by partition */
const struct snapshot_span *snapshot_spans(const struct snapshot *snapshot,
                                           size_t *ret_count);

/* Sets ret_commits[i] to what the group has committed for span i. Waits for
 * transactions that are open and could change it. */
struct snapshot_commit {
    int64_t offset;   /* -1: none was committed */
    const char *text; /* the metadata; "" if none */
};
int snapshot_committed(struct snapshot *snapshot, struct arena *arena,
                       struct snapshot_commit *ret_commits,
                       struct error *err) NODISCARD;

/* Sets ret_from[i] to the offset of the first record of span i that is not
 * older than the time (Unix time in milliseconds), or to the end of the
 * span. */
int snapshot_at_time(struct snapshot *snapshot, int64_t wall_ms,
                     int64_t *ret_from, struct error *err) NODISCARD;

/* Starts reading span i at from[i], or skips the span with SNAPSHOT_SKIP. It
 * may be called again. With `follow` reading continues after the end of the
 * snapshot and never ends. */
#define SNAPSHOT_SKIP INT64_MAX
int snapshot_begin(struct snapshot *snapshot, const int64_t *from, bool follow,
                   struct error *err) NODISCARD;

enum snapshot_step {
    SNAPSHOT_FAILED = -1,
    SNAPSHOT_RECORD,
    SNAPSHOT_WAITING, /* nothing arrived in time, and there is more to read */
    SNAPSHOT_END,
};
/* *ret_input is valid until the next call. It has all headers of the record,
 * however many. Fails with ERROR_UNREACHABLE when no record has arrived for 30
 * s although the end has not been reached. */
enum snapshot_step snapshot_next(struct snapshot *snapshot, int timeout_ms,
                                 struct input *ret_input, struct error *err);

/* Deletes the records of span i before before[i], or none if that is 0. The
 * deletion is permanent and affects every consumer. */
int snapshot_delete(struct snapshot *snapshot, const int64_t *before,
                    struct error *err) NODISCARD;

#endif
