#include "waybill/ledger.h"

#include "waybill/alloc.h"

/* What is read, in work, and dropped; claim.c has what is committed. */

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){
        .committed = {.watermark = -1, .dispatched = -1},
        .cursor = -1,
        .last = -1,
        .target = -1,
        .text_most = PROGRESS_MOST_TEXT,
    };
    TAILQ_INIT(&ledger->entries);
    TAILQ_INIT(&ledger->complete);
}

void ledger_release(struct ledger *ledger)
{
    progress_release(&ledger->committed);
    offset_set_release(&ledger->unread);
}

int ledger_restore(struct ledger *ledger, int64_t offset, const char *text,
                   struct error *err)
{
    if (offset < 0) {
        return 0;
    }
    if (progress_decode(offset, text, &ledger->committed, err) < 0) {
        return -1;
    }
    ledger->cursor = offset;
    return 0;
}

/* One that was read before: only what was dropped is wanted again. What lies
 * between two that follow each other is gone from the log. */
static bool read_again(struct ledger *ledger, int64_t offset)
{
    bool wanted = offset_set_has(&ledger->unread, offset);
    int64_t gone = INT64_MAX;

    if (ledger->last >= 0) {
        gone = offset_set_next(&ledger->unread, ledger->last + 1);
    }
    while (gone < offset) {
        offset_set_remove(&ledger->unread, gone);
        gone = offset_set_next(&ledger->unread, gone);
    }
    offset_set_remove(&ledger->unread, offset);
    ledger->last = offset;
    ledger->met |= offset == ledger->target;
    return wanted;
}

bool ledger_read(struct ledger *ledger, int64_t offset)
{
    if (ledger->committed.watermark < 0) {
        ledger->committed.watermark = offset;
        ledger->committed.dispatched = offset;
    }
    if (offset < ledger->cursor) {
        return read_again(ledger, offset);
    }
    ledger->cursor = offset + 1;
    ledger->last = offset;
    return !offset_set_has(&ledger->committed.done, offset);
}

void ledger_pass(struct ledger *ledger, int64_t offset)
{
    if (ledger->committed.watermark >= 0 && offset > ledger->cursor) {
        ledger->cursor = offset;
    }
}

bool ledger_is_part_done(const struct ledger *ledger, int64_t offset,
                         uint64_t id)
{
    return progress_has_part(&ledger->committed, id, offset);
}

bool ledger_has_parts_done(const struct ledger *ledger, int64_t offset)
{
    for (size_t i = 0; i < ledger->committed.part_count; i++) {
        if (offset_set_has(&ledger->committed.parts[i].done, offset)) {
            return true;
        }
    }
    return false;
}

bool ledger_was_dispatched(const struct ledger *ledger, int64_t offset)
{
    return offset < ledger->committed.dispatched;
}

/* No commit says other than it would: it speaks of all that has been read. */
void ledger_note_dispatched(struct ledger *ledger, int64_t offset)
{
    if (ledger->committed.dispatched <= offset) {
        ledger->committed.dispatched = offset + 1;
    }
}

void ledger_recall(const struct ledger *ledger, int64_t offset,
                   struct ledger_part *part)
{
    for (size_t i = 0; i < ledger->committed.attempts_count; i++) {
        const struct progress_attempts *past = &ledger->committed.attempts[i];

        if (past->offset == offset && past->id == part->id) {
            part->attempts = past->attempts;
            part->first_failed_ms = past->first_failed_ms;
        }
    }
}

/* What was remembered of it is the parts' own from now on. */
static void forget_attempts(struct progress *progress, int64_t offset)
{
    size_t kept = 0;

    for (size_t i = 0; i < progress->attempts_count; i++) {
        if (progress->attempts[i].offset != offset) {
            progress->attempts[kept++] = progress->attempts[i];
        }
    }
    progress->attempts_count = kept;
}

void ledger_add(struct ledger *ledger, struct ledger_entry *entry)
{
    struct ledger_entry *before;

    forget_attempts(&ledger->committed, entry->offset);
    TAILQ_FOREACH_REVERSE(before, &ledger->entries, ledger_entries, link)
    {
        if (before->offset < entry->offset) {
            TAILQ_INSERT_AFTER(&ledger->entries, before, entry, link);
            return;
        }
    }
    TAILQ_INSERT_HEAD(&ledger->entries, entry, link);
}

int64_t ledger_span(const struct ledger *ledger)
{
    return ledger->cursor - ledger->committed.watermark;
}

void ledger_withdraw(struct ledger *ledger, struct ledger_entry *entry)
{
    for (size_t i = 0; i < entry->part_count; i++) {
        const struct ledger_part *part = &entry->parts[i];
        struct progress_attempts attempts = {
            entry->offset, part->id, part->attempts, part->first_failed_ms};

        if (part->state == PART_OPEN && part->attempts > 0) {
            progress_add_attempts(&ledger->committed, &attempts);
        }
    }
    TAILQ_REMOVE(&ledger->entries, entry, link);
}

bool ledger_drop(struct ledger *ledger, struct ledger_entry *entry)
{
    if (ledger_entry_has(entry, PART_FINISHED) ||
        ledger_entry_has(entry, PART_CLAIMED) ||
        entry->offset - ledger->committed.watermark > PROGRESS_MOST_SPAN) {
        return false;
    }
    ledger_withdraw(ledger, entry);
    offset_set_add(&ledger->unread, entry->offset);
    return true;
}

bool ledger_has_unread(const struct ledger *ledger)
{
    return offset_set_next(&ledger->unread, 0) != INT64_MAX;
}

/* The record that is sought may be gone itself (compaction): then no second
 * reading meets it, however often. */
#define MOST_MISSED 3

int64_t ledger_rewind(struct ledger *ledger)
{
    int64_t target = offset_set_next(&ledger->unread, 0);

    if (target != ledger->target || ledger->met || ledger->last < target) {
        ledger->missed = 0;
    } else if (++ledger->missed == MOST_MISSED) {
        offset_set_remove(&ledger->unread, target);
    }
    ledger->met = false;
    ledger->target = target;
    ledger->last = -1;
    return target;
}

bool ledger_is_rereading(const struct ledger *ledger)
{
    return ledger->target >= 0 && ledger->last < ledger->cursor - 1;
}

struct ledger_entry *ledger_take(struct ledger *ledger)
{
    struct ledger_entry *entry = TAILQ_FIRST(&ledger->entries);

    if (entry != NULL) {
        TAILQ_REMOVE(&ledger->entries, entry, link);
    }
    return entry;
}

bool ledger_entry_has(const struct ledger_entry *entry,
                      enum ledger_part_state state)
{
    for (size_t i = 0; i < entry->part_count; i++) {
        if (entry->parts[i].state == state) {
            return true;
        }
    }
    return false;
}
