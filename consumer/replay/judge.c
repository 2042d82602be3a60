#include <string.h>

#include "waybill/trail.h"

static const char *const names[] = {
    "no_partition", "not_written", "no_record", "gone",   "lost",     "unread",
    "in_flight",    "partly_done", "done",      "passed", "set_back",
};

const char *trail_verdict_name(enum trail_verdict verdict)
{
    return names[verdict];
}

/* Of that status; NULL: of any */
static size_t count_own(const struct trail *trail, const char *status)
{
    size_t count = 0;

    for (size_t i = 0; i < trail->outcome_count; i++) {
        count +=
            trail->outcomes[i].own &&
            (status == NULL || strcmp(trail->outcomes[i].status, status) == 0);
    }
    return count;
}

static bool has_own_outcome(const struct trail *trail)
{
    return count_own(trail, NULL) > 0;
}

static bool has_part_done(const struct trail *trail)
{
    for (size_t i = 0; i < trail->delivery_count; i++) {
        if (trail->deliveries[i].done) {
            return true;
        }
    }
    return false;
}

static bool is_settled(const struct trail *trail)
{
    return trail->offset < trail->committed || trail->marked_done;
}

enum trail_verdict trail_judge(const struct trail *trail)
{
    bool told = has_own_outcome(trail);

    if (!trail->has_partition) {
        return TRAIL_NO_PARTITION;
    }
    if (trail->offset >= trail->end) {
        return TRAIL_NOT_WRITTEN;
    }
    if (trail->offset < trail->low && !is_settled(trail)) {
        return told ? TRAIL_GONE : TRAIL_LOST;
    }
    if (trail->offset < trail->low) {
        return TRAIL_GONE;
    }
    if (!trail->found) {
        return TRAIL_NO_RECORD;
    }
    if (is_settled(trail)) {
        return told ? TRAIL_DONE : TRAIL_PASSED;
    }
    if (has_part_done(trail)) {
        return TRAIL_PARTLY_DONE;
    }
    /* An outcome and what the progress says of it are one transaction: where
     * the progress does not know of it, it is not the one it was. */
    if (told) {
        return TRAIL_SET_BACK;
    }
    return trail->offset < trail->dispatched || trail->delivery_count > 0
               ? TRAIL_IN_FLIGHT
               : TRAIL_UNREAD;
}

/* --- in words ---------------------------------------------------------------
 */

static void put_stand(const struct trail *trail, struct str *out)
{
    str_printf(out, "group '%s' stands at offset %lld, ", trail->group,
               (long long)trail->committed);
    if (trail->offset == trail->committed) {
        str_puts(out, "so it is the next.");
    } else {
        str_printf(out, "%lld before it.",
                   (long long)(trail->offset - trail->committed));
    }
}

static void explain_unread(const struct trail *trail, struct str *out)
{
    if (trail->committed < 0) {
        str_printf(out,
                   "not read yet: group '%s' has committed nothing in this "
                   "partition. Either no instance runs, or nothing that it "
                   "has read is done.",
                   trail->group);
        return;
    }
    str_puts(out, "not read yet, as of the last commit: ");
    put_stand(trail, out);
    str_puts(out, " If that does not move, no instance runs, or what comes "
                  "before waits for an endpoint.");
}

static void explain_done(const struct trail *trail, struct str *out)
{
    size_t failed = count_own(trail, "failed");
    size_t all = count_own(trail, NULL);

    if (failed > 0) {
        str_printf(out,
                   "done, but not well: %zu of %zu outcome%s a failure. Each "
                   "failure has a dead letter.",
                   failed, all, all == 1 ? " is" : "s are");
    } else if (count_own(trail, "skipped") > 0) {
        str_puts(out, "done: nothing is attached to its workflow, so nothing "
                      "was to be delivered.");
    } else {
        str_printf(out, "done: delivered, with %zu outcome%s.", all,
                   all == 1 ? "" : "s");
    }
}

static void explain_passed(const struct trail *trail, struct str *out)
{
    str_printf(out,
               "done, says the commit of group '%s', but no outcome of it is "
               "on the topic of outcomes%s. Either outcomes of that age are "
               "deleted (retention), or the group's offset was set by hand, "
               "and the record was passed over.",
               trail->group,
               trail->incomplete ? ", as far as it was searched" : "");
}

static void explain_set_back(const struct trail *trail, struct str *out)
{
    if (trail->unreadable != NULL) {
        str_printf(out,
                   "has outcomes, but what else of it is done, nobody can "
                   "tell: what is committed beside the offset of group '%s' "
                   "cannot be understood.",
                   trail->group);
        return;
    }
    if (trail->committed < 0) {
        str_printf(out,
                   "has outcomes, but group '%s' has no offset in this "
                   "partition any more: it was deleted, or has expired (Kafka "
                   "forgets it once the group has been empty for a week: "
                   "offsets.retention.minutes).",
                   trail->group);
    } else if (trail->offset < trail->dispatched) {
        str_printf(out,
                   "has outcomes, but is in work once more: the offset of "
                   "group '%s' was set back, or had expired, and the group "
                   "has read it again.",
                   trail->group);
        return;
    } else {
        str_puts(out, "has outcomes, but ");
        put_stand(trail, out);
        str_puts(out, " The offset was set back, or had expired, and the group "
                      "began anew.");
    }
    str_puts(out, " Unless that is put right, the record will be read and "
                  "delivered again.");
}

/* There is nothing at that offset, or not any more. */
static void explain_absent(const struct trail *trail,
                           enum trail_verdict verdict, struct str *out)
{
    if (verdict == TRAIL_NO_PARTITION) {
        str_printf(out,
                   "no such record: topic '%s' has %zu partition%s, from "
                   "0 on.",
                   trail->topic, trail->partitions,
                   trail->partitions == 1 ? "" : "s");
    } else if (verdict == TRAIL_NOT_WRITTEN) {
        str_printf(out,
                   "no such record yet: the partition ends at offset %lld. "
                   "What stands in a transaction that is still open does not "
                   "count.",
                   (long long)trail->end);
    } else {
        str_puts(out, "no record stands at this offset: it is the end mark of "
                      "a transaction, or was written in one that was aborted, "
                      "or was compacted away. No reader gets to see it, and "
                      "nothing waits for it.");
    }
}

static void explain_deleted(const struct trail *trail,
                            enum trail_verdict verdict, struct str *out)
{
    if (verdict == TRAIL_LOST) {
        str_printf(out,
                   "deleted before it was done: the partition begins at offset "
                   "%lld, and no commit of group '%s' is past it. The topic "
                   "keeps its records for too short a time (retention.ms), or "
                   "somebody has deleted them.",
                   (long long)trail->low, trail->group);
        return;
    }
    str_printf(out,
               has_own_outcome(trail)
                   ? "done, and deleted since: the partition begins at "
                     "offset %lld by now."
                   : "deleted: the partition begins at offset %lld by "
                     "now. The group's commits are past it, but no outcome "
                     "of it is left: they were deleted too, or it was "
                     "deleted before it was read.",
               (long long)trail->low);
}

void trail_explain(const struct trail *trail, struct str *out)
{
    enum trail_verdict verdict = trail_judge(trail);

    switch (verdict) {
    case TRAIL_NO_PARTITION:
    case TRAIL_NOT_WRITTEN:
    case TRAIL_NO_RECORD:
        explain_absent(trail, verdict, out);
        break;
    case TRAIL_GONE:
    case TRAIL_LOST:
        explain_deleted(trail, verdict, out);
        break;
    case TRAIL_UNREAD:
        explain_unread(trail, out);
        break;
    case TRAIL_IN_FLIGHT:
        str_puts(out, "read, and not done: none of its deliveries has an "
                      "outcome yet. It is in work, waits for its turn, or for "
                      "an endpoint that is down or refuses the credentials.");
        break;
    case TRAIL_PARTLY_DONE:
        str_puts(out, "partly done: some of its deliveries have an outcome, "
                      "the others are in work, or wait for an endpoint.");
        break;
    case TRAIL_DONE:
        explain_done(trail, out);
        break;
    case TRAIL_PASSED:
        explain_passed(trail, out);
        break;
    case TRAIL_SET_BACK:
        explain_set_back(trail, out);
        break;
    }
}

/* --- what the progress says -------------------------------------------------
 */

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

void trail_take_progress(struct trail *trail, const struct progress *progress,
                         const char *const *attachments, size_t count,
                         struct arena *arena)
{
    size_t most = progress->part_count + progress->attempts_count;

    trail->dispatched = progress->dispatched;
    trail->marked_done = offset_set_has(&progress->done, trail->offset);
    trail->deliveries =
        arena_alloc(arena, most * sizeof(struct trail_delivery));
    for (size_t i = 0; i < progress->part_count; i++) {
        const struct progress_part *part = &progress->parts[i];

        if (offset_set_has(&part->done, trail->offset)) {
            trail->deliveries[trail->delivery_count++] =
                (struct trail_delivery){
                    .attachment = name_of(part->id, attachments, count),
                    .done = true};
        }
    }
    for (size_t i = 0; i < progress->attempts_count; i++) {
        const struct progress_attempts *one = &progress->attempts[i];

        if (one->offset == trail->offset) {
            trail->deliveries[trail->delivery_count++] =
                (struct trail_delivery){
                    .attachment = name_of(one->id, attachments, count),
                    .attempts = one->attempts,
                    .first_failed_ms = one->first_failed_ms};
        }
    }
}
