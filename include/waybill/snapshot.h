#ifndef WAYBILL_SNAPSHOT_H
#define WAYBILL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * A topic as it was at one moment, for `waybill replay` and `waybill explain`.
 *
 * Unlike kafka.h everything in here blocks: a command has nothing else to do.
 * No group is joined. What is read is what is committed, up to the end offsets
 * of the moment when the snapshot was taken; so a replay never reads what came
 * of itself.
 *
 * Not here: what a dead letter is, and which are to be replayed (replay.h).
 */
struct snapshot;

struct snapshot_span {
    int32_t partition;
    int64_t low; /* the first offset that is still there, or was */
    int64_t end; /* behind the last that belongs to the snapshot */
};

/* Of options->topic; options->group is the one whose offsets are asked for.
 * Fails with ERROR_REJECTED when there is no such topic. */
int snapshot_open(const struct kafka_options *options,
                  struct snapshot **ret_snapshot, struct error *err) NODISCARD;
void snapshot_free(struct snapshot *snapshot); /* NULL is fine */

/* By ascending partitions */
const struct snapshot_span *snapshot_spans(const struct snapshot *snapshot,
                                           size_t *ret_count);

/* What the group has committed for each span, once no transaction is open that
 * would change it. */
struct snapshot_commit {
    int64_t offset;   /* -1: nothing */
    const char *text; /* its metadata; "" for none */
};
int snapshot_committed(struct snapshot *snapshot, struct arena *arena,
                       struct snapshot_commit *ret_commits,
                       struct error *err) NODISCARD;

/* Sets *ret_from, an offset for each span, to the first record that is not
 * older; to the end where there is none. */
int snapshot_at_time(struct snapshot *snapshot, int64_t wall_ms,
                     int64_t *ret_from, struct error *err) NODISCARD;

/* Reads from these offsets on, one for each span (SNAPSHOT_SKIP: nothing of
 * it); may be called again. With `follow` it reads on behind the end, for ever.
 */
#define SNAPSHOT_SKIP INT64_MAX
int snapshot_begin(struct snapshot *snapshot, const int64_t *from, bool follow,
                   struct error *err) NODISCARD;

enum snapshot_step {
    SNAPSHOT_FAILED = -1,
    SNAPSHOT_RECORD,
    SNAPSHOT_WAITING, /* the time is up, and there is more to come */
    SNAPSHOT_END,
};
/* *ret_input is valid until the next call. All of a record's headers are there,
 * however many. Gives up (ERROR_UNREACHABLE) when nothing has come for half a
 * minute that must come. */
enum snapshot_step snapshot_next(struct snapshot *snapshot, int timeout_ms,
                                 struct input *ret_input, struct error *err);

/* Deletes what is before these offsets, one for each span (0: nothing), for
 * everybody and for good. */
int snapshot_delete(struct snapshot *snapshot, const int64_t *before,
                    struct error *err) NODISCARD;

#endif
