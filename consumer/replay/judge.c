#include <string.h>

#include "waybill/history.h"

static const char *const names[] = {
    "no_partition", "not_written", "not_stable", "no_record",
    "gone",         "lost",        "unread",     "in_flight",
    "partly_done",  "done",        "passed",     "set_back",
};

const char *history_verdict_name(enum history_verdict verdict)
{
    return names[verdict];
}

/* Counts the own outcomes with that status; NULL: all. */
static size_t count_own(const struct history *history, const char *status)
{
    size_t count = 0;

    for (size_t i = 0; i < history->outcome_count; i++) {
        count += history->outcomes[i].own &&
                 (status == NULL ||
                  strcmp(history->outcomes[i].status, status) == 0);
    }
    return count;
}

static bool has_own_outcome(const struct history *history)
{
    return count_own(history, NULL) > 0;
}

static bool has_part_done(const struct history *history)
{
    for (size_t i = 0; i < history->delivery_count; i++) {
        if (history->deliveries[i].done) {
            return true;
        }
    }
    return false;
}

static bool is_settled(const struct history *history)
{
    return history->offset < history->committed || history->marked_done;
}

enum history_verdict history_judge(const struct history *history)
{
    bool reported = has_own_outcome(history);

    if (!history->has_partition) {
        return HISTORY_NO_PARTITION;
    }
    if (history->offset >= history->end) {
        return history->offset < history->high ? HISTORY_NOT_STABLE
                                               : HISTORY_NOT_WRITTEN;
    }
    if (history->offset < history->low && !is_settled(history)) {
        return reported ? HISTORY_GONE : HISTORY_LOST;
    }
    if (history->offset < history->low) {
        return HISTORY_GONE;
    }
    if (!history->found) {
        return HISTORY_NO_RECORD;
    }
    if (is_settled(history)) {
        return reported ? HISTORY_DONE : HISTORY_PASSED;
    }
    if (has_part_done(history)) {
        return HISTORY_PARTLY_DONE;
    }
    /* An outcome and the progress that records it are written in one
     * transaction. If there is an outcome that the progress lacks, the group's
     * offset was reset or has expired since. */
    if (reported) {
        return HISTORY_SET_BACK;
    }
    return history->offset < history->dispatched || history->delivery_count > 0
               ? HISTORY_IN_FLIGHT
               : HISTORY_UNREAD;
}

/* --- explanations --- */

static void append_committed(const struct history *history, struct str *out)
{
    str_printf(out, "the committed offset of group '%s' is %lld, ",
               history->group, (long long)history->committed);
    if (history->offset == history->committed) {
        str_append_text(out, "which is this record.");
    } else {
        int64_t distance = history->offset - history->committed;

        str_printf(out, "%lld offset%s before this record.",
                   (long long)distance, plural_s((uint64_t)distance));
    }
}

static void explain_unread(const struct history *history, struct str *out)
{
    if (history->committed < 0) {
        str_printf(out,
                   "Not read yet: group '%s' has no committed offset in this "
                   "partition. Either no instance is running, or no record "
                   "that it has read is finished.",
                   history->group);
        return;
    }
    str_append_text(out, "Not read yet, as of the last commit: ");
    append_committed(history, out);
    str_append_text(out,
                    " If that offset does not advance, no instance is running, "
                    "or earlier records are waiting for an endpoint.");
}

static void explain_done(const struct history *history, struct str *out)
{
    size_t failed = count_own(history, "failed");
    size_t all = count_own(history, NULL);

    if (failed > 0) {
        str_printf(out,
                   "Finished with errors: %zu of %zu deliveries failed. Each "
                   "failure has a dead letter.",
                   failed, all);
    } else if (count_own(history, "skipped") > 0) {
        str_append_text(out,
                        "Finished: nothing is attached to its workflow, so "
                        "there was nothing to deliver.");
    } else {
        str_printf(out, "Finished: delivered, with %zu outcome%s.", all,
                   plural_s(all));
    }
}

static void explain_passed(const struct history *history, struct str *out)
{
    str_printf(out,
               "Finished according to the commits of group '%s', but the "
               "outcomes topic has no outcome of it%s. Either outcomes of that "
               "age have been deleted (retention), or the group's offset was "
               "set by hand to a later record, or the event is of another type "
               "(kafka.other_types: skip).",
               history->group,
               history->incomplete ? " among those that were searched" : "");
}

static void explain_set_back(const struct history *history, struct str *out)
{
    if (history->unreadable != NULL) {
        str_printf(out,
                   "It has outcomes, but whether all of its deliveries are "
                   "finished is unknown: the metadata of the committed offset "
                   "of group '%s' cannot be decoded.",
                   history->group);
        return;
    }
    if (history->committed < 0) {
        str_printf(out,
                   "It has outcomes, but group '%s' no longer has an offset in "
                   "this partition: the offset was deleted or has expired "
                   "(Kafka deletes the offsets of a group that has been empty "
                   "for a week: offsets.retention.minutes).",
                   history->group);
    } else if (history->offset < history->dispatched) {
        str_printf(out,
                   "It has outcomes, but it is being processed again: the "
                   "offset of group '%s' was reset or had expired, and the "
                   "group has read the record again.",
                   history->group);
        return;
    } else {
        str_append_text(out, "It has outcomes, but ");
        append_committed(history, out);
        str_append_text(out, " The offset was reset, or it had expired and "
                             "the group started from the beginning.");
    }
    str_append_text(out,
                    " Unless the offset is set after this record, the record "
                    "will be read and delivered again.");
}

/* For offsets without a record */
static void explain_absent(const struct history *history,
                           enum history_verdict verdict, struct str *out)
{
    if (verdict == HISTORY_NO_PARTITION) {
        str_printf(out,
                   "No such record: topic '%s' has %zu partition%s, numbered "
                   "from 0.",
                   history->topic, history->partitions,
                   plural_s(history->partitions));
    } else if (verdict == HISTORY_NOT_WRITTEN) {
        str_printf(out,
                   "No such record yet: the partition ends at offset %lld.",
                   (long long)history->high);
    } else if (verdict == HISTORY_NOT_STABLE) {
        str_printf(out,
                   "The record may exist, but it cannot be read yet: the "
                   "transaction that a producer began at offset %lld is still "
                   "open, and consumers receive no record after it until it "
                   "ends. To find the producer: kafka-transactions.sh "
                   "describe-producers --topic %s --partition %d. To abort a "
                   "transaction that no producer will end: "
                   "kafka-transactions.sh abort --topic %s --partition %d "
                   "--start-offset %lld",
                   (long long)history->end, history->topic,
                   (int)history->partition, history->topic,
                   (int)history->partition, (long long)history->end);
    } else {
        str_append_text(
            out, "There is no record at this offset: it is a transaction "
                 "marker, or was written in a transaction that was aborted, or "
                 "was removed by compaction. Consumers do not receive it, and "
                 "nothing is waiting for it.");
    }
}

static void explain_deleted(const struct history *history,
                            enum history_verdict verdict, struct str *out)
{
    if (verdict == HISTORY_LOST) {
        str_printf(out,
                   "Deleted before it was finished: the partition now begins "
                   "at offset %lld, and group '%s' has not committed an offset "
                   "after this record. Either the retention of the topic "
                   "(retention.ms) is too short, or somebody deleted records.",
                   (long long)history->low, history->group);
        return;
    }
    str_printf(out,
               has_own_outcome(history)
                   ? "Finished, and deleted since: the partition now begins at "
                     "offset %lld."
                   : "Deleted: the partition now begins at offset %lld. The "
                     "committed offset of the group is after this record, but "
                     "it has no outcome any more: either its outcomes were "
                     "deleted, too, or it was deleted before it was read.",
               (long long)history->low);
}

void history_explain(const struct history *history, struct str *out)
{
    enum history_verdict verdict = history_judge(history);

    switch (verdict) {
    case HISTORY_NO_PARTITION:
    case HISTORY_NOT_WRITTEN:
    case HISTORY_NOT_STABLE:
    case HISTORY_NO_RECORD:
        explain_absent(history, verdict, out);
        break;
    case HISTORY_GONE:
    case HISTORY_LOST:
        explain_deleted(history, verdict, out);
        break;
    case HISTORY_UNREAD:
        explain_unread(history, out);
        break;
    case HISTORY_IN_FLIGHT:
        str_append_text(
            out, "Read, but not finished: none of its deliveries has an "
                 "outcome yet. They are in progress, queued, or waiting for an "
                 "endpoint that is down or rejects the credentials.");
        break;
    case HISTORY_PARTLY_DONE:
        str_append_text(out,
                        "Partly finished: some of its deliveries have an "
                        "outcome. The others are in progress or waiting for an "
                        "endpoint.");
        break;
    case HISTORY_DONE:
        explain_done(history, out);
        break;
    case HISTORY_PASSED:
        explain_passed(history, out);
        break;
    case HISTORY_SET_BACK:
        explain_set_back(history, out);
        break;
    }
}

/* --- progress --- */

static const char *name_of(uint64_t id, const char *const *attachments,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (progress_id(attachments[i]) == id) {
            return attachments[i];
        }
    }
    return NULL;
}

void history_set_progress(struct history *history,
                          const struct progress *progress,
                          const char *const *attachments, size_t count,
                          struct arena *arena)
{
    size_t max = progress->delivery_count + progress->attempts_count;

    history->dispatched = progress->dispatched;
    history->marked_done = offset_set_has(&progress->done, history->offset);
    history->deliveries =
        arena_alloc(arena, max * sizeof(struct history_delivery));
    for (size_t i = 0; i < progress->delivery_count; i++) {
        const struct progress_delivery *delivery = &progress->deliveries[i];

        if (offset_set_has(&delivery->done, history->offset)) {
            history->deliveries[history->delivery_count++] =
                (struct history_delivery){
                    .attachment = name_of(delivery->id, attachments, count),
                    .done = true};
        }
    }
    for (size_t i = 0; i < progress->attempts_count; i++) {
        const struct progress_attempts *one = &progress->attempts[i];

        if (one->offset == history->offset && one->attempts > 0) {
            history->deliveries[history->delivery_count++] =
                (struct history_delivery){
                    .attachment = name_of(one->id, attachments, count),
                    .attempts = one->attempts,
                    .first_failed_ms = one->first_failed_ms};
        }
    }
}
