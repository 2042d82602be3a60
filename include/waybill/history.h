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
 * What has become of one record, as far as Kafka tells: whether it is there,
 * how far the group's commits go, the outcomes and dead letters that speak of
 * it. Reading changes nothing: no group is joined, nothing is committed, nobody
 * is fenced.
 *
 * What is said is what is committed. Work that no commit speaks of yet looks
 * like no work: a record in flight shows as such once anything of its partition
 * was committed after it had been read.
 *
 * Strings came from outside: print them with utf8_append_printable(), or as
 * JSON.
 */
enum history_verdict {
    HISTORY_NO_PARTITION,
    HISTORY_NOT_WRITTEN, /* behind the end */
    HISTORY_NO_RECORD,   /* an offset that no reader gets to see */
    HISTORY_GONE,        /* deleted; what became of it is known or not */
    HISTORY_LOST,        /* deleted before it was done */
    HISTORY_UNREAD,
    HISTORY_IN_FLIGHT,
    HISTORY_PARTLY_DONE,
    HISTORY_DONE,
    HISTORY_PASSED,   /* the commits say done, and no outcome is there */
    HISTORY_SET_BACK, /* the other way round: it was done, in part at least */
};
const char *history_verdict_name(enum history_verdict verdict);

struct history_outcome {
    int32_t partition; /* where it stands itself */
    int64_t offset;
    /* What it is of: the record, or the same event once more (a replay) */
    const char *topic;
    int32_t input_partition;
    int64_t input_offset;
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

/* A delivery that the committed progress speaks of, of a record not yet done */
struct history_delivery {
    const char *attachment; /* NULL: of one that is not configured any more */
    bool done;
    unsigned attempts; /* failed so far */
    int64_t first_failed_ms;
};

struct history {
    const char *topic;
    int64_t offset;
    int32_t partition;
    bool has_partition; /* the topic */
    bool found;         /* the record itself */
    bool marked_done;   /* above `committed` */
    bool incomplete;    /* the search was ended before the end */
    size_t partitions;  /* that the topic has */
    int64_t low;        /* what the partition holds: from, to before */
    int64_t end;
    int64_t timestamp_ms; /* of the record, as the next three */
    size_t size;
    const char *event_id;  /* NULL: its headers do not say */
    const char *replay_of; /* the dead letter that it is a replay of */
    const char *group;
    int64_t committed; /* -1: the group has committed nothing there */
    int64_t dispatched;
    const char *unreadable; /* why the progress cannot be understood */
    struct history_delivery *deliveries;
    size_t delivery_count;
    struct history_outcome *outcomes; /* its own first, then by their time */
    size_t outcome_count;
    struct dead_letter **dead_letter_list;
    size_t dead_letter_count;
    uint64_t searched; /* outcomes */
};

/* --- pure: judge.c
 * ------------------------------------------------------------------- */

enum history_verdict history_judge(const struct history *history);
/* What that means, a sentence or two */
void history_explain(const struct history *history, struct str *out);
/* What of a delivery the progress says, by the names of the attachments */
void history_take_progress(struct history *history,
                           const struct progress *progress,
                           const char *const *attachments, size_t count,
                           struct arena *arena);
/* False: it is neither the record's nor of the same event. `event_id` may be
 * NULL. */
bool history_read_outcome(const struct history *history, const char *source,
                          const struct input *input, struct arena *arena,
                          struct history_outcome *ret_outcome);

/* --- with Kafka: trail.c
 * ------------------------------------------------------------------- */

struct history_options {
    const char *brokers;
    const struct field_map *properties;
    const char *group;
    const char *attestations; /* topics */
    const char *outcomes;
    const char *dead_letters;
    const char *const *attachments; /* their names */
    size_t attachment_count;
    uint64_t max_outcomes; /* to look at */
    const struct clock *clock;
    bool (*interrupted)(void);
    void (*tell)(uint64_t searched, uint64_t total); /* about once a second */
};

/* Everything lives in the arena; free the replay after the trail. */
int history_follow(const struct history_options *options, int32_t partition,
                   int64_t offset, struct arena *arena,
                   struct replay **ret_replay, struct history *ret_history,
                   struct error *err) NODISCARD;

#endif
