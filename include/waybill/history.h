#ifndef WAYBILL_HISTORY_H
#define WAYBILL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/field.h"
#include "waybill/message.h"
#include "waybill/progress.h"
#include "waybill/replay.h"

/*
 * The history of one record, as far as Kafka's data shows it: whether the
 * record exists, how far the group has committed, and the outcomes and dead
 * letters of the record. It is read-only: no group is joined, nothing is
 * committed, and no producer is fenced.
 *
 * It reflects committed data only. Work that no commit covers yet is invisible:
 * a record in flight is shown as such only after its partition had a commit
 * later than the record was read.
 *
 * The strings may contain any bytes: print them with utf8_append_printable() or
 * as JSON.
 */
enum history_verdict {
    HISTORY_NO_PARTITION,
    HISTORY_NOT_WRITTEN, /* the offset is beyond the end of the partition */
    /* a transaction of a producer is open at the offset or before it */
    HISTORY_NOT_STABLE,
    /* the offset holds no record that a consumer receives */
    HISTORY_NO_RECORD,
    HISTORY_GONE, /* deleted; whether it was delivered may be unknown */
    HISTORY_LOST, /* deleted before it was done */
    HISTORY_UNREAD,
    HISTORY_IN_FLIGHT,
    HISTORY_PARTLY_DONE,
    HISTORY_DONE,
    HISTORY_PASSED,   /* committed as finished, but without an outcome */
    HISTORY_SET_BACK, /* has outcomes, but the committed offset is lower */
};
const char *history_verdict_name(enum history_verdict verdict);

struct history_outcome {
    int32_t partition; /* the position of the outcome itself */
    int64_t offset;
    /* The input record: this record (`own`), a replay of it, or the record that
     * this one replays */
    const char *topic;
    int32_t input_partition;
    int64_t input_offset;
    struct position origin; /* the record that the input replays, or itself */
    bool own;
    const char *event_id;
    const char *status; /* succeeded, failed, skipped */
    const char *attachment;
    const char *registration;
    const char *reference;
    const char *digest;
    bool already_present;
    const char *error_class;
    const char *code;
    const char *message;
    int http_status;
    unsigned attempts;
    const char *finished_at;
    const char *traceparent;
};

/* A delivery of an unfinished record, as recorded in the committed progress */
struct history_delivery {
    const char *attachment; /* NULL: the attachment is no longer configured */
    bool done;
    unsigned attempts; /* failed attempts so far */
    int64_t first_failed_ms;
};

struct history {
    const char *topic;
    int64_t offset;
    int32_t partition;
    bool has_partition; /* whether the topic has that partition */
    bool found;         /* whether the record exists */
    bool marked_done;   /* finished out of order, above `committed` */
    bool incomplete;    /* max_outcomes ended the search early */
    /* the record that it replays, or the record itself */
    struct position origin;
    size_t partitions; /* the number of partitions of the topic */
    int64_t low;       /* the log start offset of the partition */
    int64_t end;       /* the last stable offset: no later record can be read */
    int64_t high;      /* the offset after the last record, readable or not */
    int64_t timestamp_ms; /* of the record, as are the next three members */
    size_t size;
    const char *event_id; /* NULL: not in the headers */
    /* the dead letter that the record replays, or NULL */
    const char *replay_of;
    const char *group;
    int64_t committed; /* -1: the group has committed nothing there */
    int64_t dispatched;
    const char *unreadable; /* the reason why the progress cannot be decoded */
    struct history_delivery *deliveries;
    size_t delivery_count;
    struct history_outcome *outcomes; /* own outcomes first, then by time */
    size_t outcome_count;
    struct dead_letter **dead_letters;
    size_t dead_letter_count;
    uint64_t searched; /* the number of outcomes that were searched */
};

/* --- pure: judge.c --- */

enum history_verdict history_judge(const struct history *history);
/* Appends an explanation of the verdict in one or two sentences. */
void history_explain(const struct history *history, struct str *out);
/* Copies the deliveries of the record from the progress, which has only hashes
 * of attachment names; `attachments` has the names to look up. */
void history_set_progress(struct history *history,
                          const struct progress *progress,
                          const char *const *attachments, size_t count,
                          struct arena *arena);
/* Parses an outcome. Returns false if it concerns neither the record nor a
 * replay of it. history->event_id may be NULL: then only outcomes of the record
 * itself are found. */
bool history_read_outcome(const struct history *history, const char *source,
                          const struct input *input, struct arena *arena,
                          struct history_outcome *ret_outcome);

/* --- with Kafka: history.c --- */

struct history_options {
    const char *brokers;
    const struct field_map *properties;
    const char *group;
    const char *attestations; /* the topics by name */
    const char *replays;
    const char *outcomes;
    const char *dead_letters;
    const char *const *attachments; /* names of the configured attachments */
    size_t attachment_count;
    uint64_t max_outcomes; /* the limit of the search */
    const struct clock *clock;
    bool (*interrupted)(void);
    /* called about once per second */
    void (*on_progress)(uint64_t searched, uint64_t total);
};

/* Collects the history of the record at that position, which is one of the
 * attestations topic or of the replays topic. The result is allocated from the
 * arena and refers to *ret_replay, which the caller frees after the last use of
 * the history, also on failure. ERROR_CANCELLED if `interrupted` returned true.
 */
int history_collect(const struct history_options *options,
                    const struct position *at, struct arena *arena,
                    struct replay **ret_replay, struct history *ret_history,
                    struct error *err) NODISCARD;

#endif
